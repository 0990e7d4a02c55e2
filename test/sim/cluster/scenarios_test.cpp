// Scenarios by name: what the random plans would find too, but told apart.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

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
