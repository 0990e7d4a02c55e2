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

TEST_CASE("map: each event says why, at which epoch, and how long it took",
          "[unit][map]") {
  fixture f;
  auto at = [&](std::uint64_t us) {
    f.entry.set_time_us(us);
    return f.apply().events;
  };
  f.up(1, 1);
  f.up(2, 1);
  f.announce(1);
  f.announce(2);
  auto events = at(1'000'000);
  for (auto& event : events) {
    CHECK_FALSE(event.cause().empty());
    CHECK(event.epoch() == f.at);
  }
  f.fill(*f.add().mutable_assign()->add_rows(), 0, 1);
  f.entry.mutable_commands(0)->mutable_assign()->set_cause("first");
  events = at(1'000'100);
  REQUIRE(events.size() == 1);
  CHECK(events[0].cause() == "first");
  f.fill(*f.add().mutable_started()->add_rows(), 0, 1);
  events = at(1'002'350);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind() == proto::EVENT_KIND_PARTITION_STARTED);
  CHECK(events[0].cause() == "first");
  CHECK(events[0].duration_us() == 2'250);
  CHECK(events[0].move_us() == 2'250);
  auto first = f.find(0).epoch.value;
  f.fill(*f.add().mutable_pause()->add_rows(), 0, 2);
  f.entry.mutable_commands(0)->mutable_pause()->set_cause("drain");
  events = at(5'002'350);
  REQUIRE(events.size() == 1);
  CHECK(events[0].duration_us() == 4'000'000); // that it ran
  CHECK(events[0].epoch() == first);
  f.fill(*f.add().mutable_assign()->add_rows(), 0, 2).set_source(1);
  events = at(5'003'000);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind() == proto::EVENT_KIND_PARTITION_CONFIRMED);
  CHECK(events[0].cause() == "drain"); // the move goes on
  CHECK(events[0].duration_us() == 650);
  f.fill(*f.add().mutable_started()->add_rows(), 0, 2);
  events = at(5'003'400);
  REQUIRE(events.size() == 1);
  CHECK(events[0].cause() == "drain");
  CHECK(events[0].epoch() == f.at - 1);
  CHECK(events[0].duration_us() == 400);
  CHECK(events[0].move_us() == 1'050);
  auto& down = *f.add().mutable_node_down();
  down.set_node(1);
  down.set_incarnation(1);
  down.set_cause("silent");
  events = at(6'000'000);
  REQUIRE(events.size() == 1);
  CHECK(events[0].duration_us() == 5'000'000); // that it was up
}

TEST_CASE("map: a wall clock that goes back makes no duration", "[unit][map]") {
  fixture f;
  f.entry.set_time_us(9'000'000);
  f.both_up();
  f.entry.set_time_us(8'000'000);
  f.fill(*f.add().mutable_assign()->add_rows(), 0, 1);
  f.apply();
  f.entry.set_time_us(7'000'000);
  f.fill(*f.add().mutable_started()->add_rows(), 0, 1);
  auto events = f.apply().events;
  REQUIRE(events.size() == 1);
  CHECK(events[0].duration_us() == 0);
  CHECK(events[0].move_us() == 0);
}

TEST_CASE("map: of the nodes that left the last sixteen are remembered",
          "[unit][map]") {
  fixture f;
  f.both_up();
  for (std::uint64_t i = 0; i < 40; ++i) {
    f.entry.set_time_us(1'000'000 + i);
    auto& admit = *f.add().mutable_admit_node();
    admit.set_uuid("x" + std::to_string(i));
    admit.set_name("x" + std::to_string(i));
    auto result = f.apply().results[0];
    REQUIRE_FALSE(result.refused);
    f.up(result.node.value, result.next_incarnation.value);
    f.announce(result.node.value, 2, result.next_incarnation.value);
    f.apply();
    f.entry.set_time_us(2'000'000 + i);
    auto& left = *f.add().mutable_node_left();
    left.set_node(result.node.value);
    left.set_incarnation(result.next_incarnation.value);
    f.apply();
  }
  CHECK(f.map.nodes().size() == 2 + 16);
  CHECK(f.map.node("x39"));
  CHECK_FALSE(f.map.node("x23"));
  CHECK(f.map.region(region_id{1})->hosts.size() == 2 + 16);
  // Ids do not grow with the number of nodes that ever were.
  CHECK(f.map.nodes().rbegin()->first.value <= 2 + 17);
}

TEST_CASE("map: the name of a node that never came up is not taken for ever",
          "[unit][map]") {
  fixture f;
  f.both_up();
  auto admit = [&](const char* uuid) {
    auto& cmd = *f.add().mutable_admit_node();
    cmd.set_uuid(uuid);
    cmd.set_name("c");
    return f.apply().results[0];
  };
  auto ghost = admit("u3");
  REQUIRE_FALSE(ghost.refused);
  CHECK(admit("u4").refused.code == errc::conflict);
  auto& down = *f.add().mutable_node_down();
  down.set_node(ghost.node.value);
  down.set_incarnation(f.map.node(ghost.node)->incarnation.value);
  f.apply();
  CHECK(f.map.node(ghost.node)->liveness == liveness::down);
  CHECK_FALSE(admit("u4").refused);
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

TEST_CASE("map: [AR-5] a region is changed over what its programs say",
          "[unit][map]") {
  fixture f;
  f.both_up();
  f.running(0, 1);
  f.running(1, 2);
  auto configure = [&](auto fill) {
    auto& cmd = *f.add().mutable_configure_region();
    cmd.set_region("r");
    fill(cmd);
    return f.apply();
  };
  auto region = [&]() -> const region_record& {
    return *f.map.region(region_id{1});
  };
  auto grow = [](auto& cmd) { cmd.set_partitions(4); };
  auto grow_forced = [](auto& cmd) {
    cmd.set_partitions(4);
    cmd.set_force(true);
  };
  SECTION("weights and strategy, and twice is once") {
    auto change = [](auto& cmd) {
      (*cmd.mutable_weights())[1] = 5;
      cmd.set_strategy("round_robin");
    };
    auto done = configure(change);
    REQUIRE(done.events.size() == 1);
    CHECK(done.events[0].cause() == "asked for");
    CHECK(done.events[0].text()
          == "strategy balanced to round_robin, 1 weight");
    CHECK(f.find(1).weight == 5);
    CHECK(f.find(1).stage == stage::running);
    CHECK(region().version.value == f.at);
    auto version = region().version;
    auto again = configure([&](auto& cmd) {
      change(cmd);
      cmd.set_expected_version(version.value - 1);
    });
    CHECK_FALSE(again.results[0].refused);
    CHECK(again.events.empty());
    CHECK(region().version == version);
  }
  SECTION("a number of partitions, once it ran, only by force") {
    auto refused = configure(grow).results[0].refused;
    CHECK(refused.code == errc::conflict);
    CHECK(region().partitions.size() == 2);
    CHECK_FALSE(configure(grow_forced).results[0].refused);
    CHECK(region().partitions.size() == 4);
    CHECK(f.find(0).stage == stage::running);
    CHECK(f.find(3).stage == stage::unassigned);
  }
  SECTION("fewer partitions end those that are cut off") {
    configure(grow_forced);
    f.running(3, 1);
    auto done = configure([](auto& cmd) {
      cmd.set_partitions(2);
      cmd.set_force(true);
    });
    CHECK(done.partitions
          == std::vector<partition_key>{{region_id{1}, 2}, {region_id{1}, 3}});
    CHECK(region().partitions.size() == 2);
    CHECK_FALSE(region().announced);
  }
  SECTION("nodes that say what it was, or what it is, are welcome") {
    configure(grow_forced);
    f.announce(1, 2);
    f.announce(2, 4);
    f.announce(2, 8);
    auto results = f.apply().results;
    CHECK_FALSE(results[0].refused);
    CHECK_FALSE(results[1].refused);
    CHECK(results[2].refused.code == errc::conflict);
    proto::MapSnapshot saved;
    f.map.save(saved);
    REQUIRE(f.map.restore(saved));
    f.announce(1, 2);
    CHECK_FALSE(f.apply().results[0].refused);
  }
  SECTION("what is not there is refused") {
    CHECK(configure([](auto& cmd) { (*cmd.mutable_weights())[2] = 1; })
              .results[0]
              .refused.code
          == errc::partition_out_of_range);
    CHECK(configure([](auto& cmd) { cmd.set_region("none"); })
              .results[0]
              .refused.code
          == errc::unknown_region);
    CHECK(configure([](auto& cmd) {
            cmd.set_partitions(partitions_max + 1);
            cmd.set_force(true);
          })
              .results[0]
              .refused.code
          == errc::invalid_setting);
  }
}

TEST_CASE("map: [AR-5] a region that never ran takes another number unforced",
          "[unit][map]") {
  fixture f;
  f.both_up();
  auto& cmd = *f.add().mutable_configure_region();
  cmd.set_region("r");
  cmd.set_partitions(8);
  CHECK_FALSE(f.apply().results[0].refused);
  CHECK(f.map.region(region_id{1})->partitions.size() == 8);
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

TEST_CASE("map: a node that ends gives away what others can take",
          "[unit][map]") {
  fixture f;
  f.both_up();
  auto& only = *f.add().mutable_announce_region();
  only.set_node(1);
  only.set_incarnation(1);
  only.mutable_settings()->set_name("only");
  only.mutable_settings()->set_partitions(1);
  only.set_hosts(true);
  f.apply();
  auto drain = [&](std::uint64_t node, bool ends) {
    auto& cmd = *f.add().mutable_set_intent();
    cmd.set_node(node);
    cmd.set_intent(proto::INTENT_DRAIN);
    cmd.set_ends(ends);
    return f.apply().results[0].refused.code;
  };
  CHECK(drain(1, false) == errc::conflict);
  CHECK(drain(1, true) == errc::none);
  CHECK(drain(2, true) == errc::conflict); // now nobody takes anything
}
