// Who may run a partition, and until when: leases under bad clocks, silence and
// stops.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

/// The clock of node 4 is as slow, and the others' as fast, as the margin
/// allows for.
cluster_options bad_clocks(std::chrono::milliseconds margin) {
  cluster_options out;
  out.nodes = 7; // five voters: two may go
  out.settings.margin = margin;
  for (std::uint64_t id = 1; id <= 7; ++id)
    out.drift_ppm[id] = id == 4 ? -40'000 : 40'000;
  return out;
}

/// Handlers of the node take as long as they may, without end.
void keep_busy(cluster& c, sim_node& n) {
  n.slow_handlers(c.w.settings().handler_budget);
  for (partition_id p = 0; p < c.region().partitions.size(); ++p)
    if (c.owner(p) == n.id())
      c.keep_sending(n, p, 3ms, 800);
}

} // namespace

TEST_CASE("[P1] a node cut off with a slow clock has stopped before fast ones "
          "start its partitions elsewhere",
          "[sim][scenario]") {
  cluster c{bad_clocks(100ms)};
  auto& cut = c.w.node(4);
  keep_busy(c, cut);
  c.w.run_for(200ms);
  bool leader_too = GENERATE(false, true);
  if (leader_too) // the next one counts from what its voters say
    c.w.leader()->crash();
  c.w.isolate(cut.id());
  auto since = c.w.time().now();
  c.reach([&] { return c.runs_without(cut.id()); }, 5s);
  CHECK(c.w.time().now() - since < 2500ms);
  c.w.stop_faults();
  c.calm(30s);
}

TEST_CASE("[P1] without a margin the simulation sees two owners",
          "[sim][scenario]") {
  cluster c{bad_clocks(0ms)};
  keep_busy(c, c.w.node(4));
  c.w.run_for(200ms);
  c.w.isolate(node_id{4});
  c.w.run_for(3s);
  CHECK(c.w.reg().broken().find("while the lease of") != std::string::npos);
}

TEST_CASE("[P1] an echo that crosses the loss of its node extends no lease "
          "before the node has heard of the loss",
          "[sim][scenario]") {
  cluster c{5};
  auto& cut = c.w.node(4);
  auto* lead = c.w.leader();
  keep_busy(c, cut);
  c.w.net().lose_if([](node_id from, node_id, frame_kind kind) {
    return from == node_id{4} && kind == frame_kind::heartbeat;
  });
  c.w.run_for(700ms);
  // The entry that takes node 4 for lost takes a while to be committed.
  for (auto* n : c.w.nodes())
    if (n != lead)
      n->disk().slowness() = 400ms;
  c.reach(
      [&] {
        return lead->core().raft().status().last > lead->core().applied();
      },
      2s);
  REQUIRE(c.map().node(node_id{4})->liveness == liveness::up);
  int echoes = 0;
  c.w.net().lose_if([&](node_id, node_id to, frame_kind kind) {
    echoes += to == node_id{4} && kind == frame_kind::echo;
    return to == node_id{4} && kind == frame_kind::raft;
  });
  c.reach([&] { return c.runs_without(cut.id()); }, 4s);
  CHECK(echoes > 0);
  c.hold_promises();
  CHECK(cut.lease_end() < cut.now());
  c.w.stop_faults();
  c.calm(30s);
}

TEST_CASE(
    "[P1] a lease runs from when its heartbeat was sent, however late its "
    "echo arrives",
    "[sim][scenario]") {
  cluster c{bad_clocks(100ms)};
  auto& cut = c.w.node(4);
  keep_busy(c, cut);
  c.w.net().conditions().delay_min = 90ms;
  c.w.net().conditions().delay_max = 100ms;
  c.w.run_for(1s);
  // The last heartbeat that arrives is echoed a while after it was heard.
  c.w.net().lose_if([](node_id from, node_id, frame_kind kind) {
    return from == node_id{4} && kind == frame_kind::heartbeat;
  });
  c.w.run_for(600ms);
  c.w.isolate(cut.id());
  c.w.net().conditions() = {};
  c.reach([&] { return c.runs_without(cut.id()); }, 3s);
  CHECK(cut.lease_end() < cut.now());
  c.w.stop_faults();
  c.calm(30s);
}

TEST_CASE("[R-12] a node stopped past its lease begins nothing when it wakes",
          "[sim][scenario]") {
  cluster c{4, 12};
  auto& victim = c.other_than(c.w.leader()->id());
  c.send_all(50);
  victim.pause();
  c.send_all(10);
  c.w.run_for(4s);
  victim.resume();
  c.send_all(5);
  c.calm(30s);
  CHECK(c.w.count_events(proto::EVENT_KIND_NODE_DOWN) >= 1);
}

TEST_CASE("[HR-4] the last of three gives up leadership and its lease",
          "[sim][scenario]") {
  cluster c{3};
  auto* lead = c.w.leader();
  for (auto* n : c.w.nodes())
    if (n != lead)
      n->crash();
  REQUIRE(c.until([&] { return c.w.leader() == nullptr; }, 3s));
  c.w.run_for(1500ms);
  CHECK(lead->lease_end() < lead->now());
  c.w.stop_faults();
  c.calm(30s);
}

TEST_CASE("[AR-7] heartbeats that are late, but not later than a lease, move "
          "nothing",
          "[sim][scenario]") {
  cluster c{4, 12};
  auto before = c.owners();
  auto version = c.map().version();
  auto slow = c.other_than(c.w.leader()->id()).id();
  for (int round = 0; round < 6; ++round) {
    c.w.net().lose_if([slow](node_id from, node_id, frame_kind kind) {
      return from == slow && kind == frame_kind::heartbeat;
    });
    c.w.run_for(970ms);
    c.w.net().lose_if({});
    c.w.run_for(120ms);
  }
  c.hold_promises();
  CHECK(c.map().version() == version);
  CHECK(c.owners() == before);
}

TEST_CASE("[AR-7] a node that flaps does not make the map flap",
          "[sim][scenario]") {
  cluster c{5, 12};
  auto version = c.map().version();
  auto flapping = c.other_than(c.w.leader()->id()).id();
  for (int round = 0; round < 12; ++round) {
    c.w.isolate(flapping);
    c.w.run_for(250ms);
    c.w.net().heal_all();
    c.send_all(1);
    c.w.run_for(250ms);
  }
  c.hold_promises();
  CHECK(c.map().version() == version);
  c.calm();
}

TEST_CASE("[AR-7] one slow node does not delay moves of others",
          "[sim][scenario]") {
  cluster c{5, 12};
  auto* lead = c.w.leader();
  auto& slow = c.other_than(lead->id());
  slow.slow_handlers(50ms);
  slow.disk().slowness() = 60ms;
  for (partition_id p = 0; p < 12; ++p)
    if (c.owner(p) == slow.id()) {
      c.send(slow, p, 40);
      c.w.move("a", p, lead->name());
    }
  auto& from = c.other_than(lead->id(), slow.id());
  auto& to = c.other_than(lead->id(), slow.id(), from.id());
  auto p = c.owned_by(from.id());
  c.w.move("a", p, to.name());
  c.reach([&] { return c.runs(p, to.id()); }, 400ms);
  c.hold_promises();
}

TEST_CASE("[AR-11] cut off from every quorum, strict regions stop and "
          "keep_running regions go on; healed, both have the same owners",
          "[sim][scenario]") {
  cluster c{3};
  region_settings loose;
  loose.name = "b";
  loose.partitions = 6;
  loose.keep_running = true;
  c.w.add_region(loose);
  c.calm();
  auto before = c.owners();
  partition_key kept{c.map().region("b")->id, 0};
  auto keeper = c.map().find(kept)->owner;
  auto kept_epoch = c.map().find(kept)->epoch;
  auto p = c.owned_by(keeper);
  for (auto* n : c.w.nodes())
    c.w.isolate(n->id());
  c.w.run_for(3s);
  auto processed = c.w.reg().count().processed;
  for (int i = 0; i < 5; ++i)
    c.send(c.node(keeper), p);
  c.w.run_for(200ms);
  CHECK(c.w.reg().count().processed == processed);
  for (int i = 0; i < 5; ++i)
    c.node(keeper).send(0, kept, 0s);
  c.w.run_for(200ms);
  CHECK(c.w.reg().count().processed == processed + 5);
  CHECK(c.w.reg().count().degraded == 5);
  c.w.stop_faults();
  c.calm(30s);
  CHECK(c.owners() == before);
  CHECK(c.map().find(kept)->owner == keeper);
  CHECK(c.map().find(kept)->epoch == kept_epoch);
  CHECK(c.w.reg().count().processed == processed + 10);
}

TEST_CASE("[AR-11] [P1] a keep_running region that was given away meanwhile "
          "ends at its old owner when that is healed",
          "[sim][scenario]") {
  auto options = cluster::with(5, 10, false);
  options.region.keep_running = true;
  cluster c{options};
  auto& cut = c.other_than(c.w.leader()->id());
  auto p = c.owned_by(cut.id());
  c.w.isolate(cut.id());
  c.keep_sending(cut, p, 5ms, 600);
  c.keep_sending(*c.w.leader(), p, 5ms, 600);
  c.reach([&] { return c.runs_without(cut.id()); }, 5s);
  c.w.run_for(1s);
  CHECK(c.w.reg().count().degraded > 50);
  CHECK(cut.has_actor(c.key(p)));
  c.w.stop_faults();
  c.reach([&] { return !cut.has_actor(c.key(p)) || c.runs(p, cut.id()); }, 5s);
  c.calm(30s);
}
