// What becomes of partitions in the map: row by row, and with their nodes.
#include <test/catch.hpp>

#include <troupe/cluster/map/shard_map.hpp>

using namespace troupe;

namespace {

/// Nodes 1 to 3 are up and host a region of two partitions.
struct lab {
  shard_map map = shard_map::found("c",
                                   {{node_id{1}, "u1", "n1", "n1:1"},
                                    {node_id{2}, "u2", "n2", "n2:1"},
                                    {node_id{3}, "u3", "n3", "n3:1"}},
                                   log_index{1});
  std::uint64_t at = 1;
  proto::MapEntry entry;

  lab() {
    for (std::uint64_t id = 1; id <= 3; ++id)
      up(id, 1);
    for (std::uint64_t id = 1; id <= 3; ++id) {
      auto& cmd = *add().mutable_announce_region();
      cmd.set_node(id);
      cmd.set_incarnation(1);
      cmd.mutable_settings()->set_name("r");
      cmd.mutable_settings()->set_partitions(2);
      cmd.set_hosts(true);
    }
    apply();
  }

  proto::MapCommand& add() { return *entry.add_commands(); }
  applied apply() {
    auto out = map.apply(log_index{++at}, entry);
    entry.Clear();
    return out;
  }
  void up(std::uint64_t id, std::uint64_t started) {
    auto& cmd = *add().mutable_node_up();
    cmd.set_node(id);
    cmd.set_incarnation(started);
    cmd.set_boot_id(id * 100 + started);
    cmd.set_weight(100);
  }
  applied down(std::uint64_t id, std::uint64_t started = 1) {
    auto& cmd = *add().mutable_node_down();
    cmd.set_node(id);
    cmd.set_incarnation(started);
    return apply();
  }
  applied left(std::uint64_t id, std::uint64_t started = 1) {
    auto& cmd = *add().mutable_node_left();
    cmd.set_node(id);
    cmd.set_incarnation(started);
    return apply();
  }
  command_result intend(std::uint64_t id, proto::Intent wish) {
    auto& cmd = *add().mutable_set_intent();
    cmd.set_node(id);
    cmd.set_intent(wish);
    return apply().results[0];
  }
  command_result admit(const char* uuid, const char* name) {
    auto& cmd = *add().mutable_admit_node();
    cmd.set_uuid(uuid);
    cmd.set_name(name);
    return apply().results[0];
  }
  proto::PartitionRow& fill(proto::PartitionRow& to, partition_id p,
                            std::uint64_t node = 0) {
    to.set_region(1);
    to.set_partition(p);
    to.set_epoch(row(p).epoch.value);
    to.set_node(node);
    return to;
  }
  applied pause(partition_id p, std::uint64_t to) {
    fill(*add().mutable_pause()->add_rows(), p, to);
    return apply();
  }
  applied assign(partition_id p, std::uint64_t to, std::uint64_t source = 0,
                 std::uint64_t source_epoch = 0) {
    auto& one = fill(*add().mutable_assign()->add_rows(), p, to);
    one.set_source(source);
    one.set_source_epoch(source_epoch);
    return apply();
  }
  applied started(partition_id p) {
    fill(*add().mutable_started()->add_rows(), p);
    return apply();
  }
  applied failed(partition_id p, std::uint32_t quarantine_after = 3,
                 bool unstarted = false) {
    auto& cmd = *add().mutable_failed();
    cmd.set_quarantine_after(quarantine_after);
    auto& one = fill(*cmd.add_rows(), p);
    one.set_text("no");
    one.set_unstarted(unstarted);
    return apply();
  }
  void run(partition_id p, std::uint64_t on) {
    assign(p, on);
    started(p);
  }
  const assignment& row(partition_id p) { return *map.find({region_id{1}, p}); }
  const node_record& node(std::uint64_t id) { return *map.node(node_id{id}); }
};

bool nothing(const applied& what) {
  return what.partitions.empty() && what.events.empty() && what.lost.empty()
         && !what.nodes;
}

} // namespace

// -- rows ---------------------------------------------------------------------

TEST_CASE("map: a start is of the incarnation that was up, and names where its "
          "state is until it runs",
          "[unit][map]") {
  lab l;
  l.up(2, 7);
  l.apply();
  l.run(0, 1);
  auto was = l.row(0).epoch;
  l.pause(0, 2);
  CHECK(l.row(0).target == node_id{2});
  l.assign(0, 2, 1, was.value);
  CHECK(l.row(0).owner == node_id{2});
  CHECK(l.row(0).owner_incarnation == incarnation{7});
  CHECK_FALSE(l.row(0).target);
  CHECK(l.row(0).source == node_id{1});
  CHECK(l.row(0).source_epoch == was);
  l.started(0);
  CHECK_FALSE(l.row(0).source);
  CHECK_FALSE(l.row(0).source_epoch);
  auto version = l.row(0).version;
  CHECK(nothing(l.started(0)));
  CHECK(l.row(0).version == version);
}

TEST_CASE("map: nobody gets a partition who is not up, and none goes to a node "
          "that is not known",
          "[unit][map]") {
  lab l;
  l.run(0, 1);
  l.down(2);
  auto before = l.row(0).epoch;
  CHECK(nothing(l.assign(0, 2)));
  CHECK(nothing(l.assign(0, 99)));
  CHECK(nothing(l.pause(0, 99)));
  CHECK(l.row(0).epoch == before);
  CHECK(l.row(0).stage == stage::running);
}

TEST_CASE("map: a pause may go elsewhere while it lasts, and lasts as long",
          "[unit][map]") {
  lab l;
  l.run(0, 1);
  l.entry.set_time_us(1000);
  l.pause(0, 2);
  auto was = l.row(0).epoch;
  l.entry.set_time_us(2000);
  CHECK(nothing(l.pause(0, 2)));
  l.entry.set_time_us(3000);
  CHECK(l.pause(0, 3).events.size() == 1);
  CHECK(l.row(0).target == node_id{3});
  CHECK(l.row(0).epoch == was);
  CHECK(l.row(0).move_time_us == 1000);
}

TEST_CASE("map: failures are counted until it runs, and what nobody could "
          "start for want of its state is none",
          "[unit][map]") {
  lab l;
  for (std::uint32_t n = 1; n <= 2; ++n) {
    l.assign(0, 1);
    l.failed(0);
    CHECK(l.row(0).failures == n);
    CHECK(l.row(0).target == node_id{1}); // where it failed
    CHECK_FALSE(l.row(0).owner);
    CHECK_FALSE(l.row(0).owner_incarnation);
    CHECK(l.row(0).failure == "no");
    CHECK_FALSE(l.row(0).quarantined);
  }
  CHECK(nothing(l.failed(0))); // it has no owner
  SECTION("it runs") {
    l.run(0, 2);
    CHECK(l.row(0).failures == 0);
    CHECK(l.row(0).failure.empty());
  }
  SECTION("it has no state to start from") {
    l.assign(0, 2);
    l.failed(0, 3, true);
    CHECK(l.row(0).failures == 2);
    CHECK_FALSE(l.row(0).quarantined);
  }
  SECTION("nobody says when it is too often") {
    l.assign(0, 2);
    l.failed(0, 0);
    CHECK_FALSE(l.row(0).quarantined);
  }
  SECTION("once too often, until somebody assigns it again") {
    l.assign(0, 2);
    l.failed(0);
    CHECK(l.row(0).quarantined);
    l.assign(0, 3);
    CHECK_FALSE(l.row(0).quarantined);
  }
}

TEST_CASE("map: what is known of a state outlives who was to start from it",
          "[unit][map]") {
  lab l;
  l.run(0, 1);
  auto was = l.row(0).epoch;
  l.pause(0, 2);
  l.assign(0, 2, 1, was.value);
  SECTION("it fails") {
    l.failed(0);
  }
  SECTION("it is lost") {
    l.down(2);
  }
  SECTION("it starts anew") {
    l.up(2, 2);
    l.apply();
  }
  CHECK(l.row(0).stage == stage::unassigned);
  CHECK(l.row(0).source_epoch == was);
  CHECK(l.row(0).epoch > was);
}

TEST_CASE("map: of what pauses, the state is its owner's, whatever was known "
          "before",
          "[unit][map]") {
  lab l;
  l.run(0, 1);
  auto was = l.row(0).epoch;
  l.pause(0, 2);
  l.down(1);
  CHECK(l.row(0).stage == stage::unassigned);
  CHECK_FALSE(l.row(0).source);
  CHECK(l.row(0).source_epoch == was);
  CHECK_FALSE(l.row(0).target);
}

// -- nodes --------------------------------------------------------------------

TEST_CASE("map: a word about another start of a node changes nothing",
          "[unit][map]") {
  lab l;
  l.up(2, 5);
  l.apply();
  l.run(0, 2);
  CHECK(nothing(l.down(2, 4)));
  CHECK(nothing(l.left(2, 4)));
  CHECK(nothing(l.down(2, 6)));
  CHECK(l.node(2).liveness == liveness::up);
  CHECK(l.row(0).stage == stage::running);
  auto& cmd = *l.add().mutable_announce_region();
  cmd.set_node(2);
  cmd.set_incarnation(4);
  cmd.mutable_settings()->set_name("another");
  cmd.mutable_settings()->set_partitions(1);
  CHECK(l.apply().results[0].refused.code == errc::conflict);
  CHECK_FALSE(l.map.region("another"));
}

TEST_CASE("map: who is down or gone is so once", "[unit][map]") {
  lab l;
  l.run(0, 2);
  CHECK(l.down(2).lost == std::vector{node_id{2}});
  CHECK(nothing(l.down(2)));
  CHECK(l.left(2).lost == std::vector{node_id{2}});
  CHECK(nothing(l.left(2)));
  CHECK(nothing(l.down(2)));
  CHECK(l.node(2).liveness == liveness::left);
}

TEST_CASE("map: a node that is heard again is up, and has lost nothing more",
          "[unit][map]") {
  lab l;
  l.run(0, 2);
  l.down(2);
  l.up(2, 1);
  auto done = l.apply();
  CHECK(done.lost.empty());
  REQUIRE(done.events.size() == 1);
  CHECK(done.events[0].cause() == "heard again");
  CHECK(l.node(2).liveness == liveness::up);
  SECTION("who says it twice is no news") {
    l.up(2, 1);
    CHECK(l.apply().events.empty());
  }
}

TEST_CASE("map: a new start loses what the last one ran, and its wish",
          "[unit][map]") {
  lab l;
  l.run(0, 2);
  l.run(1, 2);
  l.intend(2, proto::INTENT_RESTART);
  l.pause(0, 2);
  l.up(2, 2);
  auto done = l.apply();
  CHECK(done.lost == std::vector{node_id{2}});
  CHECK(l.row(0).stage == stage::pausing); // waits for it
  CHECK(l.row(1).stage == stage::unassigned);
  CHECK(l.node(2).intent == intent::none);
}

TEST_CASE("map: what waits for a restart waits over the node's leave too",
          "[unit][map]") {
  lab l;
  l.run(0, 2);
  l.run(1, 2);
  bool restarts = GENERATE(true, false);
  if (restarts)
    l.intend(2, proto::INTENT_RESTART);
  l.pause(0, 2);
  l.left(2);
  CHECK((l.row(0).stage == stage::pausing) == restarts);
  CHECK(l.row(1).stage == stage::unassigned);
}

TEST_CASE("map: a move to a node that is lost is its owner's to go on with",
          "[unit][map]") {
  lab l;
  l.run(0, 1);
  l.pause(0, 2);
  l.down(2);
  CHECK(l.row(0).stage == stage::pausing);
  CHECK(l.row(0).owner == node_id{1});
}

TEST_CASE("map: only who is up can wish to go", "[unit][map]") {
  lab l;
  l.down(2);
  CHECK(l.intend(2, proto::INTENT_DRAIN).refused.code == errc::conflict);
  CHECK(l.intend(2, proto::INTENT_RESTART).refused.code == errc::conflict);
  CHECK_FALSE(l.intend(2, proto::INTENT_UNSPECIFIED).refused);
  CHECK(l.node(2).intent == intent::none);
}

TEST_CASE("map: [AR-9] who comes under the name of a dead node takes its "
          "place, and that one does not come back",
          "[unit][map]") {
  lab l;
  l.run(0, 2);
  l.intend(2, proto::INTENT_RESTART);
  l.pause(0, 2);
  CHECK(l.admit("x", "n2").refused.code == errc::conflict); // it lives
  l.down(2);
  REQUIRE(l.row(0).stage == stage::pausing);
  auto& cmd = *l.add().mutable_admit_node();
  cmd.set_uuid("x");
  cmd.set_name("n2");
  auto done = l.apply();
  CHECK(done.results[0].node == node_id{4});
  CHECK(done.lost == std::vector{node_id{2}});
  CHECK(l.node(2).liveness == liveness::removed);
  CHECK(l.node(2).intent == intent::none);
  CHECK(l.row(0).stage == stage::unassigned);
  CHECK(l.map.node("n2")->id == node_id{4});
  CHECK(l.admit("u2", "n2").refused.code == errc::foreign_node);
  l.up(2, 2);
  CHECK(l.apply().results[0].refused.code == errc::unknown_node);
  SECTION("nor does the next one") {
    l.up(4, 1);
    l.apply();
    l.down(4);
    CHECK(l.admit("y", "n2").node == node_id{5});
    CHECK(l.node(2).liveness == liveness::removed);
    CHECK(l.map.node("n2")->id == node_id{5});
  }
}

TEST_CASE("map: an id is free when its node was replaced and is no member any "
          "more",
          "[unit][map]") {
  lab l;
  l.down(2);
  raft::configuration members;
  members.voters = {node_id{1}, node_id{3}};
  l.map.apply_members(log_index{++l.at}, members);
  CHECK(l.map.node(node_id{2})); // it may come back
  REQUIRE_FALSE(l.admit("x", "n2").refused);
  members.learners = {node_id{2}};
  l.map.apply_members(log_index{++l.at}, members);
  CHECK(l.map.node(node_id{2})); // it still votes or learns
  members.learners.clear();
  l.map.apply_members(log_index{++l.at}, members);
  CHECK_FALSE(l.map.node(node_id{2}));
}

TEST_CASE("map: a host has all roles of its region", "[unit][map]") {
  lab l;
  auto& up = *l.add().mutable_node_up();
  up.set_node(2);
  up.set_incarnation(1);
  up.set_boot_id(201);
  up.add_roles("b");
  up.add_roles("a");
  l.apply();
  auto region = *l.map.region("r");
  CHECK(l.map.can_host(region, l.node(1)));
  region.settings.roles = {"a", "b"};
  CHECK(l.map.can_host(region, l.node(2)));
  CHECK_FALSE(l.map.can_host(region, l.node(1)));
  region.hosts = {node_id{1}};
  CHECK_FALSE(l.map.can_host(region, l.node(2)));
}
