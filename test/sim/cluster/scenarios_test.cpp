// Scenarios by name: what the random plans would find too, but told apart.
#include <test/catch.hpp>

#include "world.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

struct cluster {
  world w;

  explicit cluster(unsigned nodes, std::uint32_t partitions = 10,
                   bool strict = false, std::uint64_t seed = 7)
      : w{{seed, nodes, strict, quick_settings()}} {
    region_settings r;
    r.name = "a";
    r.partitions = partitions;
    w.add_region(r);
    for (auto* n : w.nodes())
      n->start();
    calm();
  }

  void calm(boot_time bound = 20s) {
    bool ok = w.run_until_calm(bound);
    INFO(w.reg().broken());
    INFO(w.unrest());
    REQUIRE(ok);
    w.reg().check_accounts();
    REQUIRE(w.reg().broken().empty());
  }
  void hold_promises() {
    INFO(w.reg().broken());
    REQUIRE_FALSE(w.broken());
  }

  const shard_map& map() { return w.leader()->core().map(); }
  const region_record& region() { return *map().region("a"); }
  partition_key key(partition_id p) { return {region().id, p}; }
  const assignment& row(partition_id p) { return region().partitions[p]; }
  node_id owner(partition_id p) { return row(p).owner; }
  std::map<partition_id, std::pair<node_id, epoch>> owners() {
    std::map<partition_id, std::pair<node_id, epoch>> out;
    for (partition_id p = 0; p < region().partitions.size(); ++p)
      out[p] = {row(p).owner, row(p).epoch};
    return out;
  }
  sim_node& other_than(node_id a, node_id b = {}) {
    for (auto* n : w.nodes())
      if (n->id() != a && n->id() != b && n->alive())
        return *n;
    FAIL("no other node");
    return *w.nodes().front();
  }
  void send_all(std::uint32_t per_partition) {
    for (std::uint32_t i = 0; i < per_partition; ++i)
      for (partition_id p = 0; p < region().partitions.size(); ++p)
        for (auto* n : w.nodes())
          if (n->accepts())
            n->send(0, {n->core().map().region("a")->id, p}, 0s);
  }
  bool until(const std::function<bool()>& pred, boot_time bound = 20s) {
    return w.run_until(pred, bound);
  }
};

} // namespace

TEST_CASE("[SF-3] [SF-4] [AR-1] three nodes agree on one owner for each of ten "
          "partitions",
          "[sim][scenario]") {
  cluster c{3};
  std::map<node_id, int> load;
  for (partition_id p = 0; p < 10; ++p)
    ++load[c.owner(p)];
  REQUIRE(load.size() == 3);
  for (auto& [id, n] : load)
    CHECK((n == 3 || n == 4));
  std::size_t leaders = 0;
  for (auto* n : c.w.nodes())
    leaders += n->core().leadership().role == raft::role::leader;
  CHECK(leaders == 1);
}

TEST_CASE("[AR-2] without a change of nodes the map keeps its version",
          "[sim][scenario]") {
  cluster c{3};
  auto version = c.map().version();
  c.w.run_for(10s);
  c.hold_promises();
  CHECK(c.map().version() == version);
}

TEST_CASE("[SF-5] a node that joins gets the fewest partitions, each paused, "
          "stopped and started in that order",
          "[sim][scenario]") {
  cluster c{3, 10, true};
  auto before = c.owners();
  auto first_event = c.w.events().rbegin()->first;
  c.send_all(5);
  c.w.join("newcomer");
  c.calm();
  int moved = 0;
  for (auto& [p, was] : before)
    moved += c.owner(p) != was.first;
  CHECK(moved == 2);
  std::map<partition_id, std::vector<proto::EventKind>> order;
  for (auto& [seq, event] : c.w.events())
    if (seq > first_event && event.has_partition())
      order[event.partition()].push_back(event.kind());
  CHECK(order.size() == 2);
  for (auto& [p, kinds] : order)
    CHECK(kinds
          == std::vector{proto::EVENT_KIND_PARTITION_PAUSED,
                         proto::EVENT_KIND_PARTITION_CONFIRMED,
                         proto::EVENT_KIND_PARTITION_STARTED});
}

TEST_CASE("[SF-6] [R-16] when a node leaves in order or is killed, only its "
          "partitions move",
          "[sim][scenario]") {
  bool killed = GENERATE(false, true);
  cluster c{4, 12, !killed};
  auto before = c.owners();
  auto gone = c.other_than(c.w.leader()->id()).id();
  c.send_all(3);
  if (killed) {
    c.w.node(gone.value).crash();
    REQUIRE(c.until(
        [&] {
          auto* lead = c.w.leader();
          auto& rows = lead->core().map().region("a")->partitions;
          return std::all_of(rows.begin(), rows.end(), [&](auto& a) {
            return a.stage == stage::running && a.owner != gone;
          });
        },
        5s));
  } else {
    c.w.node(gone.value).leave();
    c.calm();
    CHECK(c.w.node(gone.value).left());
    CHECK(c.w.reg().count().dropped == 0);
  }
  c.hold_promises();
  for (auto& [p, was] : before)
    if (was.first != gone)
      CHECK(c.row(p).epoch == was.second);
}

TEST_CASE("[SF-7] messages to a partition that moves wait and arrive in order",
          "[sim][scenario]") {
  cluster c{3, 4, true};
  for (int round = 0; round < 20; ++round) {
    auto p = static_cast<partition_id>(round % 4);
    c.w.move("a", p, c.other_than(c.owner(p)).name());
    for (int i = 0; i < 10; ++i) {
      c.send_all(2);
      c.w.run_for(3ms);
    }
  }
  c.w.run_for(2s);
  c.w.rebalance();
  c.calm();
  CHECK(c.w.reg().count().processed == c.w.reg().count().accepted);
  CHECK(c.w.count_events(proto::EVENT_KIND_PARTITION_CONFIRMED) >= 10);
}

TEST_CASE("[SF-8] [R-1] a leader that dies after any step of a move leaves it "
          "done or rolled back within two seconds",
          "[sim][scenario]") {
  auto step = GENERATE(stage::pausing, stage::starting, stage::running);
  cluster c{5, 10};
  auto* lead = c.w.leader();
  partition_id p = 0;
  while (c.owner(p) == lead->id())
    ++p;
  auto was = c.row(p);
  auto& to = c.other_than(lead->id(), was.owner);
  c.send_all(2);
  c.w.move("a", p, to.name());
  REQUIRE(c.until([&] {
    auto& a = c.row(p);
    return a.stage == step && (step == stage::pausing || a.epoch > was.epoch);
  }));
  lead->crash();
  CHECK(c.until(
      [&] {
        auto* next = c.w.leader();
        if (!next)
          return false;
        auto& a = next->core().map().region("a")->partitions[p];
        return a.stage == stage::running
               && (a.owner == to.id() || a.owner == was.owner);
      },
      2500ms));
  c.hold_promises();
  lead->start();
  c.calm(30s);
}

TEST_CASE(
    "[SF-10] [R-5] [R-19] the leader hands over before it stops, and what "
    "repeats changes nothing",
    "[sim][scenario]") {
  cluster c{3, 10, true};
  auto* lead = c.w.leader();
  auto term = lead->core().leadership().term;
  auto before = c.owners();
  REQUIRE(lead->core().hand_over());
  auto asked = c.w.time().now();
  REQUIRE(c.until([&] { return c.w.leader() && c.w.leader() != lead; }, 2s));
  CHECK(c.w.time().now() - asked < 150ms);
  CHECK(c.w.leader()->core().leadership().term.value == term.value + 1);
  c.w.run_for(3s);
  c.calm();
  CHECK(c.owners() == before);
}

TEST_CASE("[AR-6] a rolling restart of all nodes moves nothing and loses "
          "nothing",
          "[sim][scenario]") {
  cluster c{4, 12, true};
  auto before = c.owners();
  for (std::uint64_t id = 1; id <= 4; ++id) {
    c.send_all(2);
    c.w.node(id).announce_restart(400ms);
    c.w.run_for(300ms);
    c.send_all(1);
    c.calm(30s);
  }
  for (auto& [p, was] : before)
    CHECK(c.owner(p) == was.first);
  CHECK(c.w.count_events(proto::EVENT_KIND_STATE_LOST) == 0);
}

TEST_CASE("[AR-9] ten nodes that join at once get the lowest free ids",
          "[sim][scenario]") {
  cluster c{3};
  for (int i = 0; i < 10; ++i)
    c.w.join("j" + std::to_string(i));
  c.calm(40s);
  std::vector<std::uint64_t> ids;
  for (auto& [id, node] : c.map().nodes())
    ids.push_back(id.value);
  REQUIRE(ids.size() == 13);
  CHECK(ids.front() == 1);
  CHECK(ids.back() == 13);
}

TEST_CASE("[AR-12] of ten nodes eight die one after another, and two serve",
          "[sim][scenario]") {
  cluster c{10, 20};
  for (std::uint64_t id = 1; id <= 8; ++id) {
    c.w.node(id).crash();
    REQUIRE(c.until(
        [&] {
          auto* lead = c.w.leader();
          if (!lead)
            return false;
          auto& rows = lead->core().map().region("a")->partitions;
          auto& voters = lead->core().members().voters;
          bool voters_live = std::all_of(voters.begin(), voters.end(),
                                         [&](auto v) { return v.value > id; });
          return (voters_live || id > 7)
                 && std::all_of(rows.begin(), rows.end(), [&](auto& a) {
                      return a.stage == stage::running && a.owner.value > id;
                    });
        },
        10s));
    c.w.run_for(300ms);
  }
  c.hold_promises();
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

TEST_CASE("[R-2] an old owner that is cut off while it pauses is waited for: "
          "its lease ends before the new one starts",
          "[sim][scenario]") {
  cluster c{5, 10};
  partition_id p = 0;
  while (c.owner(p) == c.w.leader()->id())
    ++p;
  auto owner = c.owner(p);
  c.send_all(20);
  c.w.move("a", p, c.other_than(owner, c.w.leader()->id()).name());
  REQUIRE(c.until([&] { return c.row(p).stage == stage::pausing; }));
  for (auto* n : c.w.nodes()) {
    c.w.net().cut(owner, n->id());
    c.w.net().cut(n->id(), owner);
  }
  c.send_all(20);
  REQUIRE(c.until(
      [&] { return c.row(p).stage == stage::running && c.owner(p) != owner; }));
  CHECK(c.w.node(owner.value).lease_end() < c.w.node(owner.value).now());
  c.w.stop_faults();
  c.w.run_for(1s);
  c.calm(30s);
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

TEST_CASE("[R-6] all nodes crash at once and serve again from their disks",
          "[sim][scenario]") {
  cluster c{5, 10};
  c.send_all(5);
  for (auto* n : c.w.nodes())
    n->crash();
  for (auto* n : c.w.nodes())
    n->start();
  CHECK(c.until(
      [&] {
        auto* lead = c.w.leader();
        if (!lead || !lead->core().map().region("a"))
          return false;
        auto& rows = lead->core().map().region("a")->partitions;
        return std::all_of(rows.begin(), rows.end(),
                           [&](auto& a) { return a.stage == stage::running; });
      },
      5s));
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
