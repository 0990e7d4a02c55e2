// The state of a partition that moves: a copy is found while there is one.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

/// A partition with a state, on its way between two nodes of which neither
/// leads. Nothing is under way to it.
struct handover {
  cluster c{7}; // five voters: two may go
  partition_id p = c.not_owned_by(c.w.leader()->id());
  partition_key key = c.key(p);
  sim_node& from = c.node(c.owner(p));
  sim_node& to = c.other_than(c.w.leader()->id(), from.id());
  epoch was = c.row(p).epoch;

  handover() {
    c.send(c.other_than(from.id(), to.id()), p, 20);
    c.w.run_for(300ms);
    REQUIRE(c.w.reg().count().processed == 20);
    c.w.move("a", p, to.name());
  }
  void cut() { c.part(from, to); }
  void reach_stopped() {
    c.reach([&] { return !from.has_actor(key); }, 2s);
  }
  void reach_handed() {
    c.reach([&] { return from.core().host().facts().confirmed_size() > 0; },
            2s);
  }
  void reach_starting() {
    c.reach([&] { return c.row(p).stage == stage::starting; }, 2s);
  }
  void reach_running() {
    c.reach(
        [&] {
          return c.w.leader() && c.row(p).stage == stage::running
                 && c.row(p).epoch > was;
        },
        6s);
  }
  std::size_t lost() { return c.w.count_events(proto::EVENT_KIND_STATE_LOST); }
  void runs_whole() {
    reach_running();
    CHECK(c.w.reg().started_whole(key));
    CHECK(lost() == 0);
    rest();
  }
  void rest() {
    c.w.stop_faults();
    c.w.expect_uneven();
    c.w.run_for(1s);
    c.calm(30s);
  }
};

} // namespace

TEST_CASE("[R-23] the link between old and new owner breaks while the state is "
          "on its way",
          "[sim][scenario]") {
  handover h;
  h.reach_stopped();
  h.cut();
  SECTION("for a moment: it goes on") {
    h.c.w.run_for(400ms);
    h.c.w.net().heal_all();
    h.runs_whole();
    CHECK(h.c.owner(h.p) == h.to.id());
  }
  SECTION("for long: the old owner starts again") {
    h.reach_running();
    CHECK(h.c.owner(h.p) == h.from.id());
    h.runs_whole();
  }
}

TEST_CASE("[R-23] the new owner dies with the state", "[sim][scenario]") {
  handover h;
  SECTION("before the old one confirmed it") {
    h.reach_handed();
    h.to.crash();
  }
  SECTION("before it started") {
    h.reach_starting();
    h.to.crash();
  }
  SECTION("after it started, before the map says so") {
    h.c.reach([&] { return h.to.has_actor(h.key); }, 2s);
    h.to.crash();
  }
  h.runs_whole();
}

TEST_CASE("[R-23] the new owner starts again, and nobody else may have the "
          "state",
          "[sim][scenario]") {
  cluster c{3};
  auto& to = c.other_than(c.w.leader()->id());
  auto p = c.not_owned_by(to.id());
  c.send(to, p, 20);
  c.w.run_for(300ms);
  REQUIRE(c.w.reg().count().processed == 20);
  auto drain_others = [&](proto::Intent wish) {
    for (auto* n : c.w.nodes())
      if (n != &to)
        c.w.set_intent(n->id(), wish);
  };
  drain_others(proto::INTENT_DRAIN);
  c.reach([&] { return c.row(p).stage == stage::starting; });
  to.crash();
  c.w.run_for(10ms);
  to.start();
  c.reach([&] { return c.runs(p, to.id()); });
  CHECK(c.w.reg().started_whole(c.key(p)));
  CHECK(c.w.count_events(proto::EVENT_KIND_STATE_LOST) == 0);
  drain_others(proto::INTENT_UNSPECIFIED);
  c.calm(30s);
}

TEST_CASE("[R-23] the old owner dies", "[sim][scenario]") {
  handover h;
  SECTION("after its confirmation is committed: the new one has the state") {
    h.reach_starting();
    h.from.crash();
    h.runs_whole();
    CHECK(h.c.owner(h.p) == h.to.id());
  }
  SECTION("when the new one has the state and nobody knows: it is asked for") {
    h.reach_handed();
    h.from.crash();
    h.runs_whole();
  }
  SECTION("with the only copy: that is said") {
    h.reach_stopped();
    h.cut();
    h.c.w.run_for(10ms);
    h.from.crash();
    h.reach_running();
    CHECK(h.lost() == 1);
    CHECK_FALSE(h.c.w.reg().started_whole(h.key));
    h.rest();
  }
}

TEST_CASE("[R-23] both owners die with the state: that is said once",
          "[sim][scenario]") {
  handover h;
  h.reach_starting();
  h.from.crash();
  h.to.crash();
  h.reach_running();
  CHECK(h.lost() == 1);
  h.rest();
}

TEST_CASE("[R-23] a start that fails gets the state from who holds it",
          "[sim][scenario]") {
  handover h;
  h.to.fail_starts_of(h.key, true);
  h.runs_whole();
  CHECK(h.c.owner(h.p) != h.to.id());
}
