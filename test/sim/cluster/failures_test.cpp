// Partitions that do not stop or start as they should, and strategies that
// fail.
#include <stdexcept>

#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

/// A handler hangs for four seconds, and then its partition is to move.
struct hanging {
  cluster c;
  sim_node& from;
  partition_id p = c.owned_by(from.id());
  sim_node& to = c.other_than(c.w.leader()->id(), from.id());
  sim_node& router = c.other_than(c.w.leader()->id(), from.id(), to.id());

  explicit hanging(overrun_policy policy)
      : c{options(policy)}, from{c.other_than(c.w.leader()->id())} {
    from.hang(c.key(p), 4s);
    c.send(from, p);
    c.w.run_for(10ms);
    c.w.move("a", p, to.name());
    c.reach([&] { return c.row(p).stage == stage::pausing; }, 1s);
  }
  static cluster_options options(overrun_policy policy) {
    auto out = cluster::with(4, 12, false);
    out.region.overrun = policy;
    return out;
  }
  // Another partition of the same node moves on time.
  void others_move() {
    partition_id other = p + 1;
    while (c.owner(other) != from.id())
      ++other;
    c.w.move("a", other, to.name());
    c.reach([&] { return c.runs(other, to.id()); }, 500ms);
  }
  bool said(const std::string& cause) {
    for (auto& [seq, e] : c.w.events())
      if (e.has_partition() && e.partition() == p && e.cause() == cause)
        return true;
    return false;
  }
  void rest() {
    c.w.expect_uneven();
    c.w.run_for(2s);
    c.calm(30s);
  }
};

struct moody_strategy : placement_strategy {
  bool throws = false;
  std::string_view name() const override { return "moody"; }
  std::vector<node_id> place(const placement_input& in) const override {
    if (throws)
      throw std::runtime_error{"not today"};
    return std::vector<node_id>(in.partitions.size(), node_id{4711});
  }
};

} // namespace

TEST_CASE("[R-8] wait: the move of a partition that does not stop is rolled "
          "back, and it starts again where it is",
          "[sim][scenario]") {
  hanging h{overrun_policy::wait};
  h.others_move();
  h.c.reach([&] { return h.c.row(h.p).stage == stage::starting; }, 3s);
  CHECK(h.c.owner(h.p) == h.from.id());
  CHECK(h.said("rolled back"));
  h.c.send(h.router, h.p, 3);
  h.c.reach([&] { return h.c.runs(h.p, h.from.id()); }, 5s);
  CHECK(h.c.w.reg().started_whole(h.c.key(h.p)));
  h.rest();
}

TEST_CASE("[R-8] fence: a partition that does not stop is started elsewhere, "
          "and its epoch alone guards it",
          "[sim][scenario]") {
  hanging h{overrun_policy::fence};
  h.others_move();
  h.c.reach([&] { return h.c.runs(h.p, h.to.id()); }, 3s);
  CHECK(h.c.w.count_events(proto::EVENT_KIND_STATE_LOST) == 1);
  auto processed = h.c.w.reg().count().processed;
  h.c.send(h.router, h.p, 3);
  h.c.w.run_for(100ms);
  CHECK(h.c.w.reg().count().processed == processed + 3);
  CHECK(h.from.has_actor(h.c.key(h.p))); // it hangs still
  h.rest();
  CHECK_FALSE(h.from.has_actor(h.c.key(h.p)));
}

TEST_CASE("[R-8] exit: a node with a partition that does not stop ends itself, "
          "and its partitions start elsewhere",
          "[sim][scenario]") {
  hanging h{overrun_policy::exit};
  auto life = h.from.process().life;
  auto was = h.c.row(h.p).epoch;
  h.others_move();
  h.c.reach([&] { return !h.from.alive(); }, 2s);
  h.c.reach(
      [&] {
        return h.c.w.leader() && h.c.row(h.p).stage == stage::running
               && h.c.row(h.p).epoch > was;
      },
      4s);
  h.rest();
  CHECK(h.from.process().life != life);
}

TEST_CASE("[R-9] a partition that starts nowhere is quarantined, and its "
          "senders are told",
          "[sim][scenario]") {
  cluster c{3};
  for (auto* n : c.w.nodes())
    n->fail_starts_of(c.key(0), true);
  auto owner = c.owner(0);
  c.w.move("a", 0, c.other_than(owner).name());
  REQUIRE(c.until([&] { return c.row(0).quarantined; }));
  CHECK(c.row(0).failures == 3);
  CHECK(c.w.count_events(proto::EVENT_KIND_QUARANTINED) == 1);
  c.w.run_for(100ms);
  auto dropped = c.w.reg().count().dropped;
  c.w.node(1).send(0, c.key(0), 0s);
  CHECK(c.w.reg().count().dropped == dropped + 1);
  c.w.expect_uneven();
  c.calm();
}

TEST_CASE("[R-17] a strategy that throws or answers nonsense is skipped with "
          "an event, and the leader lives",
          "[sim][scenario]") {
  auto moody = std::make_shared<moody_strategy>();
  moody->throws = GENERATE(false, true);
  auto options = cluster::with(3, 10, false);
  options.strategies["moody"] = moody;
  cluster c{options};
  auto* lead = c.w.leader();
  region_settings r;
  r.name = "b";
  r.partitions = 4;
  r.strategy = "moody";
  c.w.add_region(r);
  auto problem = [&] {
    for (auto& [seq, e] : c.w.events())
      if (e.kind() == proto::EVENT_KIND_PLAN_MADE && e.region() == "b")
        return e.text();
    return std::string{};
  };
  c.reach([&] { return !problem().empty(); }, 5s);
  INFO(problem());
  CHECK(problem().find(moody->throws ? "not today" : "4711")
        != std::string::npos);
  auto& to = c.other_than(c.owner(0));
  c.w.move("a", 0, to.name());
  c.reach([&] { return c.runs(0, to.id()); }, 2s);
  CHECK(c.w.leader() == lead);
  auto plans = c.w.count_events(proto::EVENT_KIND_PLAN_MADE);
  c.w.run_for(3s);
  c.hold_promises();
  CHECK(c.w.count_events(proto::EVENT_KIND_PLAN_MADE) <= plans + 1);
}
