#include <test/catch.hpp>

#include <troupe/cluster/map/shard_map.hpp>

using namespace troupe;

namespace {

struct fixture {
  shard_map map = shard_map::found(
      "c", {{node_id{1}, "u1", "a", "a:1"}, {node_id{2}, "u2", "b", "b:1"}},
      log_index{1});
  std::uint64_t at = 1;
  proto::MapEntry entry;

  proto::MapCommand& add() { return *entry.add_commands(); }
  applied apply() {
    auto out = map.apply(log_index{++at}, entry);
    entry.Clear();
    return out;
  }
  void up(std::uint64_t id, std::uint64_t incarnation, std::uint64_t boot = 7) {
    auto& cmd = *add().mutable_node_up();
    cmd.set_node(id);
    cmd.set_incarnation(incarnation);
    cmd.set_boot_id(boot);
    cmd.set_weight(100);
  }
  void announce(std::uint64_t id, std::uint32_t partitions = 2,
                std::uint64_t incarnation = 1) {
    auto& cmd = *add().mutable_announce_region();
    cmd.set_node(id);
    cmd.set_incarnation(incarnation);
    cmd.mutable_settings()->set_name("r");
    cmd.mutable_settings()->set_partitions(partitions);
    cmd.mutable_settings()->set_strategy("balanced");
    cmd.set_hosts(true);
  }
  proto::PartitionRow& fill(proto::PartitionRow& row, partition_id p,
                            std::uint64_t node) {
    row.set_region(1);
    row.set_partition(p);
    row.set_epoch(find(p).epoch.value);
    row.set_node(node);
    return row;
  }
  const assignment& find(partition_id p) {
    return *map.find({region_id{1}, p});
  }
  void running(partition_id p, std::uint64_t node) {
    fill(*add().mutable_assign()->add_rows(), p, node);
    apply();
    fill(*add().mutable_started()->add_rows(), p, node);
    apply();
  }
  void both_up() {
    up(1, 1);
    up(2, 1);
    announce(1);
    announce(2);
    apply();
  }
};

} // namespace

TEST_CASE("map: the epoch of an assignment is the index of its entry",
          "[unit][map]") {
  fixture f;
  f.both_up();
  f.running(0, 1);
  CHECK(f.find(0).stage == stage::running);
  CHECK(f.find(0).epoch.value == f.at - 1);
}

TEST_CASE("map: a row of another epoch changes nothing", "[unit][map]") {
  fixture f;
  f.both_up();
  f.running(0, 1);
  auto& row = f.fill(*f.add().mutable_pause()->add_rows(), 0, 2);
  row.set_epoch(row.epoch() + 1);
  auto done = f.apply();
  CHECK(done.partitions.empty());
  CHECK(f.find(0).stage == stage::running);
}

TEST_CASE(
    "map: only what runs is paused, and only what pauses is sent elsewhere",
    "[unit][map]") {
  fixture f;
  f.both_up();
  f.fill(*f.add().mutable_assign()->add_rows(), 0, 1);
  f.apply();
  f.fill(*f.add().mutable_pause()->add_rows(), 0, 2);
  f.apply();
  CHECK(f.find(0).stage == stage::starting);
}

TEST_CASE("map: a snapshot restores the same map", "[unit][map]") {
  fixture f;
  f.both_up();
  f.running(0, 1);
  f.fill(*f.add().mutable_pause()->add_rows(), 0, 2);
  f.apply();
  proto::MapSnapshot first;
  f.map.save(first);
  shard_map other;
  REQUIRE(other.restore(first));
  proto::MapSnapshot second;
  other.save(second);
  CHECK(first.SerializeAsString() == second.SerializeAsString());
  CHECK(other.version() == f.map.version());
}

TEST_CASE("map: [AR-9] newcomers get the lowest free id, one uuid the same id",
          "[unit][map]") {
  fixture f;
  auto admit = [&](const char* uuid, const char* name) {
    f.add().mutable_admit_node()->set_uuid(uuid);
    f.entry.mutable_commands(0)->mutable_admit_node()->set_name(name);
    return f.apply().results[0];
  };
  CHECK(admit("u3", "c").node == node_id{3});
  CHECK(admit("u3", "c").node == node_id{3});
  CHECK(admit("u4", "d").node == node_id{4});
  CHECK(admit("u5", "a").refused.code == errc::conflict);
}

TEST_CASE("map: a freed id takes neither incarnation nor regions with it",
          "[unit][map]") {
  fixture f;
  f.both_up();
  f.add().mutable_node_down()->set_node(2);
  f.entry.mutable_commands(0)->mutable_node_down()->set_incarnation(1);
  f.apply();
  f.add().mutable_admit_node()->set_uuid("other");
  f.entry.mutable_commands(0)->mutable_admit_node()->set_name("b");
  CHECK(f.apply().results[0].node == node_id{3});
  raft::configuration members;
  members.voters = {node_id{1}, node_id{3}};
  f.map.apply_members(log_index{++f.at}, members);
  CHECK(f.map.node(node_id{2}) == nullptr);
  CHECK(f.map.region("r")->hosts == std::vector{node_id{1}});
  f.add().mutable_admit_node()->set_uuid("third");
  f.entry.mutable_commands(0)->mutable_admit_node()->set_name("z");
  auto result = f.apply().results[0];
  CHECK(result.node == node_id{2});
  CHECK(result.next_incarnation == incarnation{2});
}

TEST_CASE("map: [AR-9] an older incarnation, and a copied directory, are "
          "refused",
          "[unit][map]") {
  fixture f;
  f.both_up();
  f.up(1, 1, 8);
  CHECK(f.apply().results[0].refused.code == errc::foreign_node);
  f.up(1, 2);
  CHECK_FALSE(f.apply().results[0].refused);
  f.up(1, 1);
  CHECK(f.apply().results[0].refused.code == errc::foreign_node);
}

TEST_CASE("map: a node that restarts keeps only what stopped for it",
          "[unit][map]") {
  fixture f;
  f.both_up();
  f.running(0, 1);
  f.running(1, 1);
  f.add().mutable_set_intent()->set_node(1);
  f.entry.mutable_commands(0)->mutable_set_intent()->set_intent(
      proto::INTENT_RESTART);
  f.fill(*f.add().mutable_pause()->add_rows(), 0, 1);
  f.apply();
  f.add().mutable_node_down()->set_node(1);
  f.entry.mutable_commands(0)->mutable_node_down()->set_incarnation(1);
  auto done = f.apply();
  CHECK(done.lost == std::vector{node_id{1}});
  CHECK(f.find(0).stage == stage::pausing);
  CHECK(f.find(1).stage == stage::unassigned);
  SECTION("until the restart is given up") {
    f.add().mutable_node_down()->set_node(1);
    f.entry.mutable_commands(0)->mutable_node_down()->set_incarnation(1);
    f.apply();
    CHECK(f.find(0).stage == stage::unassigned);
    CHECK(f.find(0).source_epoch == f.find(0).epoch);
  }
  SECTION("or it is back, as another incarnation") {
    f.up(1, 2);
    f.apply();
    CHECK(f.find(0).stage == stage::pausing);
    CHECK(f.map.node(node_id{1})->intent == intent::none);
  }
}

TEST_CASE("map: events have numbers without gaps", "[unit][map]") {
  fixture f;
  f.both_up();
  f.running(0, 1);
  std::uint64_t expected = 1;
  for (auto& event : f.map.events())
    CHECK(event.seq() == expected++);
  CHECK(f.map.next_event() == expected);
}

TEST_CASE("map: [AR-5] a change at another version is refused with a word",
          "[unit][map]") {
  fixture f;
  f.both_up();
  auto& cmd = *f.add().mutable_configure_region();
  cmd.set_region("r");
  cmd.set_expected_version(999);
  cmd.set_partitions(4);
  auto result = f.apply().results[0];
  CHECK(result.refused.code == errc::conflict);
  CHECK_FALSE(result.refused.hint.empty());
}

TEST_CASE("map: [R-16] the only host of a region is not drained",
          "[unit][map]") {
  fixture f;
  f.up(1, 1);
  f.announce(1);
  f.apply();
  f.add().mutable_set_intent()->set_node(1);
  f.entry.mutable_commands(0)->mutable_set_intent()->set_intent(
      proto::INTENT_DRAIN);
  CHECK(f.apply().results[0].refused.code == errc::conflict);
}
