// Every stage of a partition times everybody who can go wrong in it: it runs
// again in time, and with its state as long as there is a copy.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

enum class at {
  pausing,  // committed; the owner has yet to stop
  handed,   // the target has the state, and the leader does not know
  starting, // the next owner loads it
  running,  // at the next owner
  stranded, // no owner; the target of the move still has the state
};

enum class who {
  owner,  // of the stage; stranded: the lost one
  target, // of the move; stranded: who holds the state
  source, // who had it before: holds the state until it runs
  leader,
  router,
};

/// A partition with a state on its way from one node to another. Neither leads,
/// nor does the node whose messages for it go on all the time.
struct cell {
  cluster c{7}; // five voters: two may go
  partition_id p = c.not_owned_by(c.w.leader()->id());
  partition_key key = c.key(p);
  sim_node& lead = *c.w.leader();
  sim_node& from = c.node(c.owner(p));
  sim_node& to = c.other_than(lead.id(), from.id());
  sim_node& router = c.other_than(lead.id(), from.id(), to.id());
  epoch was = c.row(p).epoch; // before what happens

  const assignment& row() { return c.row(p); }
  void reach(at stage_of) {
    c.send(router, p, 20);
    c.w.run_for(300ms);
    REQUIRE(c.w.reg().count().processed == 20);
    c.keep_sending(router, p, 5ms, 600);
    bool unsaid = stage_of == at::handed || stage_of == at::stranded;
    c.w.net().lose_if([this, unsaid](node_id by, node_id, frame_kind kind) {
      return unsaid && by == from.id() && kind == frame_kind::heartbeat;
    });
    c.w.move("a", p, to.name());
    proceed(stage_of);
    c.w.net().lose_if({});
  }
  void proceed(at stage_of) {
    auto until = [&](auto pred) { c.reach(pred, 4s); };
    switch (stage_of) {
    case at::pausing:
      return until([&] { return row().stage == stage::pausing; });
    case at::handed:
      return until(
          [&] { return from.core().host().facts().confirmed_size() > 0; });
    case at::starting:
      until([&] { return row().stage == stage::starting; });
      break;
    case at::running:
      until([&] { return c.runs(p, to.id()); });
      break;
    case at::stranded:
      until([&] { return from.core().host().facts().confirmed_size() > 0; });
      from.crash();
      until([&] { return row().stage == stage::unassigned; });
      REQUIRE(row().source_epoch == was);
      break;
    }
    was = row().epoch;
  }
  sim_node& one(at stage_of, who x) {
    switch (x) {
    case who::owner:
      return stage_of == at::starting || stage_of == at::running ? to : from;
    case who::target:
      return to;
    case who::source:
      return from;
    case who::leader:
      return lead;
    case who::router:
      return router;
    }
    return lead;
  }
  bool runs() {
    if (!c.w.leader() || row().stage != stage::running)
      return false;
    auto& owner = c.node(row().owner);
    return owner.alive() && c.w.net().reachable(owner.id(), c.w.leader()->id())
           && owner.has_actor(key);
  }
  /// Its owner was lost, and it runs at the next one.
  bool runs_anew() { return runs() && row().epoch > was; }
  std::size_t said_lost() {
    return c.w.count_events(proto::EVENT_KIND_STATE_LOST);
  }
  void rest() {
    c.w.stop_faults();
    c.w.expect_uneven();
    c.w.run_for(1s);
    c.calm(40s);
  }
};

/// What goes wrong with the process that is chosen, beyond repair for the
/// stage: what it had in memory is gone, or cannot be reached.
void ends_with_its_memory(const std::function<void(cell&, sim_node&)>& fault) {
  auto stage_of = GENERATE(at::pausing, at::handed, at::starting, at::running,
                           at::stranded);
  auto x =
      GENERATE(who::owner, who::target, who::source, who::leader, who::router);
  bool named_twice =
      (x == who::target && stage_of >= at::starting && stage_of != at::stranded)
      || (x == who::source && stage_of < at::starting)
      || (x == who::source && stage_of == at::stranded);
  if (named_twice)
    return;
  INFO("stage " << static_cast<int>(stage_of) << ", who "
                << static_cast<int>(x));
  cell h;
  h.reach(stage_of);
  bool owner_goes = x == who::owner && stage_of != at::stranded;
  bool only_copy = (stage_of == at::pausing && x == who::owner)
                   || (stage_of == at::stranded && x == who::target);
  bool in_memory_only = stage_of == at::running && x == who::owner;
  fault(h, h.one(stage_of, x));
  bool goes_on = stage_of == at::starting || stage_of == at::running;
  if (owner_goes || !goes_on)
    h.c.reach([&] { return h.runs_anew(); }, 6s);
  else
    h.c.reach([&] { return h.runs(); }, 1s);
  CHECK(h.said_lost() == (only_copy ? 1 : 0));
  CHECK(h.c.w.reg().started_whole(h.key) == !(only_copy || in_memory_only));
  if (goes_on && !owner_goes)
    CHECK(h.row().epoch == h.was); // none of its business
  h.rest();
  CHECK(h.said_lost() == (only_copy ? 1 : 0));
}

} // namespace

TEST_CASE("[R-1] [R-4] [R-23] whoever dies at whatever stage: it runs again, "
          "with its state if a copy is left",
          "[sim][scenario][cells]") {
  ends_with_its_memory([](cell&, sim_node& n) { n.crash(); });
}

TEST_CASE("[R-23] [L7] whoever dies at whatever stage and is back at once, "
          "with its disk and without its memory",
          "[sim][scenario][cells]") {
  ends_with_its_memory([](cell& h, sim_node& n) {
    n.crash();
    h.c.w.time().after(200ms, [&n] { n.start(); });
  });
}

TEST_CASE("[R-23] [AR-9] whoever dies at whatever stage and comes back under "
          "its name, with an empty disk",
          "[sim][scenario][cells]") {
  ends_with_its_memory([](cell& h, sim_node& n) {
    n.retire();
    h.c.w.join(n.name());
  });
}

TEST_CASE("[R-2] [R-3] whoever is cut off at whatever stage and comes back "
          "when others went on without it",
          "[sim][scenario][cells]") {
  ends_with_its_memory([](cell& h, sim_node& n) {
    h.c.w.isolate(n.id());
    h.c.w.time().after(2500ms, [&h] { h.c.w.net().heal_all(); });
  });
}

TEST_CASE("[AR-7] whoever is slow at whatever stage, but alive: nothing is "
          "lost, and it ends",
          "[sim][scenario][cells]") {
  auto stage_of = GENERATE(at::pausing, at::handed, at::starting, at::running,
                           at::stranded);
  auto x =
      GENERATE(who::owner, who::target, who::source, who::leader, who::router);
  if (stage_of == at::stranded && (x == who::owner || x == who::source))
    return; // it is dead
  INFO("stage " << static_cast<int>(stage_of) << ", who "
                << static_cast<int>(x));
  cell h;
  h.reach(stage_of);
  auto slow = h.one(stage_of, x).id();
  h.c.node(slow).disk().slowness() = 150ms;
  h.c.node(slow).slow_handlers(h.c.w.settings().handler_budget);
  h.c.w.net().lose_if([&h, slow](node_id from, node_id to, frame_kind) {
    return (from == slow || to == slow) && h.c.w.luck().permille(300);
  });
  h.c.reach([&] { return h.runs(); }, 6s);
  CHECK(h.said_lost() == 0);
  CHECK(h.c.w.reg().started_whole(h.key));
  h.rest();
  CHECK(h.said_lost() == 0);
  if (stage_of != at::stranded)
    CHECK(h.c.w.reg().count().unknown == 0);
  CHECK(h.c.w.reg().count().dropped == 0);
}
