#include <test/catch.hpp>

#include <troupe/cluster/coordinator/coordinator.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// A leader and its map; what it proposes is applied at once.
struct fixture {
  cluster_settings settings;
  coordinator leader{settings, {}};
  shard_map map = shard_map::found("c",
                                   {{node_id{1}, "u1", "a", "a:1"},
                                    {node_id{2}, "u2", "b", "b:1"},
                                    {node_id{3}, "u3", "c", "c:1"}},
                                   log_index{1});
  raft::configuration members;
  boot_time now = 100s;
  std::uint64_t at = 1;
  std::vector<proto::Event> events;

  explicit fixture(std::uint64_t nodes = 3) {
    members.voters = {node_id{1}, node_id{2}, node_id{3}};
    leader.lead(now, now, map);
    proto::MapEntry entry;
    for (std::uint64_t id = 1; id <= nodes; ++id) {
      auto& up = *entry.add_commands()->mutable_node_up();
      up.set_node(id);
      up.set_incarnation(1);
      up.set_boot_id(id);
      up.set_weight(100);
      auto& region = *entry.add_commands()->mutable_announce_region();
      region.set_node(id);
      region.set_incarnation(1);
      region.mutable_settings()->set_name("r");
      region.mutable_settings()->set_partitions(6);
      region.mutable_settings()->set_strategy("balanced");
      region.set_hosts(true);
    }
    apply(entry);
  }

  applied apply(const proto::MapEntry& entry) {
    auto out = map.apply(log_index{++at}, entry);
    events.insert(events.end(), out.events.begin(), out.events.end());
    leader.applied(now, out, map);
    return out;
  }

  /// All that the leader wants done, `beat` after which all nodes were heard.
  void settle(boot_time beat = 1ms) {
    now += beat;
    for (auto& [id, node] : map.nodes())
      if (node.liveness == liveness::up)
        leader.heard(now, id, node.incarnation, log_index{at}, facts(id), map);
    while (auto next = leader.next(now, 0, map, members))
      leader.done(*next, log_index{at}, apply(next->entry).results);
  }

  /// What a node's host would say: all that is to start has, all that is to
  /// stop is with its next owner.
  proto::Facts facts(node_id id) {
    proto::Facts out;
    for (auto& [region, record] : map.regions())
      for (partition_id p = 0; p < record.partitions.size(); ++p) {
        auto& a = record.partitions[p];
        auto row = a.stage == stage::starting && a.owner == id && answers
                       ? out.add_started()
                   : a.stage == stage::pausing && a.owner == id && answers
                       ? out.add_confirmed()
                       : nullptr;
        if (!row)
          continue;
        row->set_region(region.value);
        row->set_partition(p);
        row->set_epoch(a.epoch.value);
      }
    return out;
  }

  void balance() {
    for (int i = 0; i < 5; ++i)
      settle(500ms);
  }

  proto::CommandReply ask(const proto::CommandRequest& what) {
    leader.request(now, {node_id{1}, 77}, what, map);
    settle(0ms);
    auto answers = leader.take_answers();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].to.id == 77);
    return answers[0].reply;
  }

  proto::CommandReply move(partition_id p, const char* to) {
    proto::CommandRequest what;
    what.mutable_move()->set_region("r");
    what.mutable_move()->set_partition(p);
    what.mutable_move()->set_to(to);
    return ask(what);
  }

  proto::CommandReply plan(bool apply = false) {
    proto::CommandRequest what;
    what.mutable_plan()->set_apply(apply);
    leader.request(now, {node_id{1}, 77}, what, map);
    auto answers = leader.take_answers();
    REQUIRE(answers.size() == 1);
    return answers[0].reply;
  }

  proto::CommandReply drain(std::uint64_t node) {
    proto::CommandRequest what;
    auto& cmd = *what.mutable_map()->mutable_set_intent();
    cmd.set_node(node);
    cmd.set_intent(proto::INTENT_DRAIN);
    return ask(what);
  }

  std::string owner(partition_id p) {
    return map.name_of(map.find({region_id{1}, p})->owner);
  }

  errc code(const proto::CommandReply& reply) {
    return static_cast<errc>(reply.code());
  }

  std::set<std::string> causes(proto::EventKind kind) {
    std::set<std::string> out;
    for (auto& event : events)
      if (event.kind() == kind)
        out.insert(event.cause());
    return out;
  }

  bool answers = true; // do nodes report
};

} // namespace

TEST_CASE("coordinator: a move to the present owner is refused, and nothing is "
          "proposed",
          "[unit][coordinator]") {
  fixture f;
  f.balance();
  auto before = f.at;
  auto owner = f.owner(0);
  auto reply = f.move(0, owner.c_str());
  CHECK(f.code(reply) == errc::conflict);
  CHECK(reply.detail() == "partition 0 of 'r' runs on '" + owner + "' already");
  CHECK_FALSE(reply.hint().empty());
  CHECK(f.at == before);
  auto other = owner == "a" ? "b" : "a";
  CHECK(f.code(f.move(0, other)) == errc::none);
  CHECK(f.at > before);
}

TEST_CASE("coordinator: a plan says what it waits for", "[unit][coordinator]") {
  fixture f{2};
  f.balance();
  CHECK(f.plan().waiting_for().empty());
  CHECK(f.plan().moves().empty());
  // A third node joins: first the view has to be stable.
  proto::MapEntry entry;
  auto& up = *entry.add_commands()->mutable_node_up();
  up.set_node(3);
  up.set_incarnation(1);
  up.set_boot_id(3);
  up.set_weight(100);
  auto& region = *entry.add_commands()->mutable_announce_region();
  region.set_node(3);
  region.set_incarnation(1);
  region.mutable_settings()->set_name("r");
  region.mutable_settings()->set_partitions(6);
  region.mutable_settings()->set_strategy("balanced");
  region.set_hosts(true);
  f.apply(entry);
  f.settle(400ms);
  auto reply = f.plan();
  CHECK(reply.moves_size() == 2);
  CHECK(reply.waiting_for() == "a stable view, 0.6 s left");
  // Then what moves has to arrive.
  f.answers = false;
  f.settle(600ms);
  reply = f.plan();
  CHECK(reply.moves().empty());
  CHECK(reply.waiting_for() == "2 moves under way");
  f.answers = true;
  f.balance();
  CHECK(f.plan().waiting_for().empty());
}

TEST_CASE("coordinator: a rebalance that is asked for waits for no stable view",
          "[unit][coordinator]") {
  fixture f;
  f.balance();
  auto owner = f.owner(0);
  CHECK(f.code(f.move(0, owner == "a" ? "b" : "a")) == errc::none);
  f.balance();
  f.events.clear();
  CHECK(f.plan(true).waiting_for().empty());
  f.balance();
  CHECK(f.plan().moves().empty());
}

TEST_CASE("coordinator: events tell a drain from balance and from a wish",
          "[unit][coordinator]") {
  fixture f;
  f.balance();
  CHECK(f.causes(proto::EVENT_KIND_PARTITION_STARTED)
        == std::set<std::string>{"first"});
  f.events.clear();
  CHECK(f.code(f.drain(2)) == errc::none);
  f.balance();
  for (partition_id p = 0; p < 6; ++p)
    CHECK(f.owner(p) != "b");
  for (auto kind :
       {proto::EVENT_KIND_PLAN_MADE, proto::EVENT_KIND_PARTITION_PAUSED,
        proto::EVENT_KIND_PARTITION_CONFIRMED,
        proto::EVENT_KIND_PARTITION_STARTED})
    CHECK(f.causes(kind) == std::set<std::string>{"drain"});
  f.events.clear();
  CHECK(f.code(f.move(0, f.owner(0) == "a" ? "c" : "a")) == errc::none);
  f.balance();
  CHECK(f.causes(proto::EVENT_KIND_PARTITION_STARTED).count("asked for") == 1);
}

TEST_CASE("coordinator: a node that was admitted and never came up is given up",
          "[unit][coordinator]") {
  fixture f{2}; // the third founder does not start
  f.balance();
  CHECK(f.map.node(node_id{3})->liveness == liveness::joining);
  f.settle(f.settings.restart_grace);
  CHECK(f.map.node(node_id{3})->liveness == liveness::down);
  CHECK(f.causes(proto::EVENT_KIND_NODE_DOWN).count("never came up") == 1);
}

TEST_CASE("coordinator: a region is not given a strategy that nobody has",
          "[unit][coordinator]") {
  fixture f;
  f.balance();
  proto::CommandRequest what;
  auto& cmd = *what.mutable_map()->mutable_configure_region();
  cmd.set_region("r");
  cmd.set_strategy("none");
  auto before = f.at;
  auto reply = f.ask(what);
  CHECK(f.code(reply) == errc::invalid_setting);
  CHECK(f.at == before);
  cmd.set_strategy("round_robin");
  CHECK(f.code(f.ask(what)) == errc::none);
  CHECK(f.map.region("r")->settings.strategy == "round_robin");
}

TEST_CASE("coordinator: [AR-5] a partition that was cut off starts again only "
          "when no lease can run it any more",
          "[unit][coordinator]") {
  fixture f;
  f.balance();
  auto resize = [&](std::uint32_t partitions) {
    proto::CommandRequest what;
    auto& cmd = *what.mutable_map()->mutable_configure_region();
    cmd.set_region("r");
    cmd.set_partitions(partitions);
    cmd.set_force(true);
    return f.code(f.ask(what));
  };
  CHECK(resize(8) == errc::none);
  f.settle();
  CHECK(f.owner(7) != ""); // was never anywhere: at once
  CHECK(resize(3) == errc::none);
  CHECK(resize(6) == errc::none);
  f.settle(f.settings.lease);
  CHECK(f.owner(5) == "");
  f.settle(f.settings.margin + 1ms);
  CHECK(f.owner(5) != "");
}
