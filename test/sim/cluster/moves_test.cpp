// A move, and what can happen to it: leaders, owners and links that go.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

enum class step {
  proposed, // the pause is in the leader's log only
  pausing,  // it is committed, and the leader knows
  stopping, // the old owner has heard of it
  stopped,  // its actor is gone
  handed,   // the new owner has the state, and the old one knows
  starting, // that is committed
  started,  // the new owner's actor runs
  running,  // that is committed
};

enum class led_by { other, old_owner, new_owner };

/// One partition on its way from one node to another.
struct moving {
  cluster& c;
  partition_id p;
  sim_node& from;
  sim_node& to;
  epoch was = c.row(p).epoch;

  void begin() { c.w.move("a", p, to.name()); }
  bool at(step x) {
    auto* lead = c.w.leader();
    if (!lead)
      return false;
    auto& row = c.row(p);
    auto* seen = from.core().map().find(c.key(p));
    switch (x) {
    case step::proposed:
      return lead->core().raft().status().last > lead->core().applied();
    case step::pausing:
      return row.stage == stage::pausing;
    case step::stopping:
      return seen->stage == stage::pausing;
    case step::stopped:
      return !from.has_actor(c.key(p));
    case step::handed:
      return from.core().host().facts().confirmed_size() > 0;
    case step::starting:
      return row.stage == stage::starting && row.epoch > was;
    case step::started:
      return to.has_actor(c.key(p));
    case step::running:
      return row.stage == stage::running && row.epoch > was;
    }
    return false;
  }
  void reach(step x) {
    INFO("step " << static_cast<int>(x));
    c.reach([&] { return at(x); }, 3s);
  }
};

moving some_move(cluster& c, led_by who = led_by::other) {
  auto lead = c.w.leader()->id();
  auto p = who == led_by::old_owner ? c.owned_by(lead) : c.not_owned_by(lead);
  auto from = c.owner(p);
  auto& to = who == led_by::new_owner ? c.node(lead) : c.other_than(lead, from);
  return {c, p, c.node(from), to};
}

} // namespace

TEST_CASE("[R-1] [SF-8] a leader that dies after any step of a move leaves it "
          "done or rolled back within two seconds",
          "[sim][scenario]") {
  auto who = GENERATE(led_by::other, led_by::old_owner, led_by::new_owner);
  auto when =
      GENERATE(step::proposed, step::pausing, step::stopping, step::stopped,
               step::handed, step::starting, step::started, step::running);
  INFO("step " << static_cast<int>(when) << ", led by "
               << static_cast<int>(who));
  cluster c{5};
  auto m = some_move(c, who);
  c.send_all(2);
  m.begin();
  m.reach(when);
  auto* lead = c.w.leader();
  lead->crash();
  CHECK(c.until(
      [&] {
        auto* next = c.w.leader();
        auto* row = next ? next->core().map().find(c.key(m.p)) : nullptr;
        return row && row->stage == stage::running && row->owner != lead->id()
               && c.node(row->owner).has_actor(c.key(m.p));
      },
      2s));
  c.hold_promises();
  lead->start();
  c.calm(30s);
}

TEST_CASE("[R-2] an old owner that is cut off at any step of its pause is "
          "waited for, its lease ends before the new one starts",
          "[sim][scenario]") {
  auto when =
      GENERATE(step::proposed, step::pausing, step::stopping, step::stopped);
  cluster c{5};
  auto m = some_move(c);
  m.from.slow_handlers(50ms);
  c.send_all(20);
  m.begin();
  m.reach(when);
  c.w.isolate(m.from.id());
  c.send_all(20);
  c.reach([&] {
    auto& row = c.row(m.p);
    return row.stage == stage::running && row.owner != m.from.id();
  });
  CHECK(m.from.lease_end() < m.from.now());
  c.w.stop_faults();
  c.w.run_for(1s);
  c.calm(30s);
}

TEST_CASE("[R-3] an old owner that returns with work in flight is refused by "
          "the epoch everywhere",
          "[sim][scenario]") {
  cluster c{5};
  auto* lead = c.w.leader();
  auto& old = c.other_than(lead->id());
  auto p = c.owned_by(old.id());
  old.slow_handlers(50ms);
  c.send_all(60); // into its mailbox, and from it to the others
  c.w.run_for(5ms);
  c.w.isolate(old.id());
  c.send(old, p, 20);
  c.send(*lead, p, 20);
  c.reach([&] { return c.runs_without(old.id()); }, 5s);
  auto now = c.row(p).epoch;
  auto starts = c.w.reg().starts(c.key(p));
  c.w.net().heal_all();
  c.w.run_for(500ms);
  c.hold_promises();
  CHECK_FALSE(old.has_actor(c.key(p)));
  CHECK(c.row(p).epoch == now);
  CHECK(c.w.reg().starts(c.key(p)) == starts);
  c.w.stop_faults();
  c.calm(30s);
}

TEST_CASE("[R-4] a new owner that dies before it starts is succeeded, and what "
          "routers hold keeps its order",
          "[sim][scenario]") {
  auto when =
      GENERATE(step::pausing, step::stopped, step::handed, step::starting);
  cluster c{5};
  auto m = some_move(c);
  auto& router = c.other_than(c.w.leader()->id(), m.from.id(), m.to.id());
  c.keep_sending(router, m.p, 2ms, 800);
  c.w.run_for(50ms);
  m.begin();
  m.reach(when);
  m.to.crash();
  c.reach(
      [&] {
        auto& row = c.row(m.p);
        return row.stage == stage::running && row.epoch > m.was;
      },
      4s);
  CHECK(c.owner(m.p) != m.to.id());
  CHECK(c.w.reg().started_whole(c.key(m.p)));
  CHECK(c.w.count_events(proto::EVENT_KIND_STATE_LOST) == 0);
  m.to.start();
  c.w.run_for(1s);
  c.calm(30s);
  CHECK(c.w.reg().count().processed == c.w.reg().count().accepted);
}

TEST_CASE("[R-5] what is said twice, late and out of order changes nothing",
          "[sim][scenario]") {
  cluster c{cluster::with(4, 4, true)};
  c.w.net().conditions().control_twice = 1000;
  c.w.net().conditions().delay_max = 30ms;
  std::uint64_t moves = 0;
  for (int round = 0; round < 20; ++round) {
    auto p = static_cast<partition_id>(round % 4);
    auto& to = c.other_than(c.owner(p));
    c.w.move("a", p, to.name());
    for (int i = 0; i < 10; ++i) {
      c.send_all(1);
      c.w.run_for(10ms);
    }
    c.reach([&] { return c.runs(p, to.id()); }, 5s);
    ++moves;
  }
  c.hold_promises();
  using kind = proto::EventKind;
  auto count = [&](kind k) { return c.w.count_events(k); };
  CHECK(count(kind::EVENT_KIND_PARTITION_PAUSED) == moves);
  CHECK(count(kind::EVENT_KIND_PARTITION_CONFIRMED) == moves);
  CHECK(count(kind::EVENT_KIND_PARTITION_STARTED) == moves + 4);
  CHECK(c.w.reg().count().starts == moves + 4);
  c.w.net().conditions() = {};
  c.w.rebalance();
  c.calm();
  CHECK(c.w.reg().count().processed == c.w.reg().count().accepted);
}

TEST_CASE("an actor that dies gives back what it did not begin, and that goes "
          "first",
          "[sim][scenario]") {
  cluster c{3, 3};
  partition_id p = 0;
  for (auto* n : c.w.nodes())
    n->let_actors_die(100);
  for (auto* n : c.w.nodes())
    for (int i = 0; i < 4; ++i)
      c.keep_sending(*n, p, 1ms, 500);
  c.w.run_for(1s);
  c.w.stop_faults();
  c.w.expect_uneven();
  c.calm(30s);
  CHECK(c.w.count_events(proto::EVENT_KIND_PARTITION_FAILED) > 3);
}

TEST_CASE("a node that is given something after it asked to leave gives it "
          "away before it goes",
          "[sim][scenario]") {
  cluster c{cluster::with(4, 8, true)};
  auto* lead = c.w.leader();
  auto& goes = c.other_than(lead->id());
  c.send_all(3);
  c.w.set_intent(goes.id(), proto::INTENT_DRAIN);
  c.reach([&] { return c.runs_without(goes.id()); }, 5s);
  // It takes partitions again, and asks to be let go all the same.
  c.w.set_intent(goes.id(), proto::INTENT_UNSPECIFIED);
  c.reach([&] { return c.map().node(goes.id())->available(); }, 2s);
  c.w.move("a", 0, goes.name());
  c.reach([&] { return c.row(0).stage == stage::starting; }, 5s);
  proto::CommandRequest what;
  what.mutable_leave()->set_incarnation(goes.core().config().started.value);
  goes.request(what);
  c.send_all(3);
  c.reach([&] { return c.map().node(goes.id())->liveness == liveness::left; },
          8s);
  c.hold_promises();
  c.reach([&] { return c.runs_without(goes.id()); }, 1s);
  CHECK(c.w.count_events(proto::EVENT_KIND_STATE_LOST) == 0);
}

TEST_CASE("of two moves of one partition asked for at once the first holds",
          "[sim][scenario]") {
  cluster c{4};
  auto from = c.owner(0);
  auto* lead = c.w.leader();
  auto& first = c.other_than(from);
  auto& second = c.other_than(from, first.id());
  std::vector<errc> answers;
  for (auto* to : {&first, &second}) {
    proto::CommandRequest what;
    what.mutable_move()->set_region("a");
    what.mutable_move()->set_to(to->name());
    c.other_than(lead->id())
        .request(what, [&](const proto::CommandReply& reply) {
          answers.push_back(static_cast<errc>(reply.code()));
        });
  }
  c.reach([&] { return answers.size() == 2; }, 3s);
  CHECK(std::count(answers.begin(), answers.end(), errc::none) == 1);
  CHECK(std::count(answers.begin(), answers.end(), errc::conflict) == 1);
  c.w.run_for(2s);
  c.hold_promises();
}
