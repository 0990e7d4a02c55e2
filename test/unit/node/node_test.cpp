// One node between raft, the map and its partitions: what leaves when, and in
// which order.
#include "lab.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using lab = node_lab;

TEST_CASE("node: no acknowledgement and no vote leaves before it is on disk",
          "[unit][node]") {
  lab l;
  SECTION("a vote") {
    l.say(raft::vote_request{log_index{1}, raft::term{1}, false});
    REQUIRE(l.count<persist>() > 0);
    CHECK_FALSE(l.said<raft::vote_reply>());
    l.persist_all();
    CHECK(l.said<raft::vote_reply>());
  }
  SECTION("an entry") {
    proto::MapEntry entry;
    l.up(entry, 1);
    l.append(entry);
    REQUIRE(l.count<persist>() > 0);
    CHECK_FALSE(l.said<raft::append_reply>());
    l.persist_all();
    CHECK(l.said<raft::append_reply>());
  }
}

TEST_CASE("node: of one entry, who is lost is told first, then routes, then "
          "what starts and stops here",
          "[unit][node]") {
  lab l;
  l.running();
  proto::MapEntry entry;
  auto& down = *entry.add_commands()->mutable_node_down();
  down.set_node(3);
  down.set_incarnation(1);
  l.fill(*entry.add_commands()->mutable_assign()->add_rows(), 0, 1);
  l.fill(*entry.add_commands()->mutable_pause()->add_rows(), 1, 2);
  l.run(entry);
  CHECK(l.place<owner_lost>() < l.place<nodes_changed>());
  CHECK(l.place<nodes_changed>() < l.place<route_changed>());
  CHECK(l.place<route_changed>() < l.place<start_actor>());
  std::map<partition_key, std::size_t> routed;
  for (std::size_t i = 0; i < l.effects.size(); ++i) {
    if (auto* x = std::get_if<route_changed>(&l.effects[i]))
      routed[x->key] = i;
    if (auto* x = std::get_if<stop_actor>(&l.effects[i]))
      CHECK(routed.at(x->key) < i);
    if (auto* x = std::get_if<start_actor>(&l.effects[i]))
      CHECK(routed.at(x->key) < i);
  }
  CHECK(l.count<stop_actor>() == 1);
  CHECK(l.count<start_actor>() == 1);
}

TEST_CASE("node: streams to a node that went in order wait for its goodbye",
          "[unit][node]") {
  lab l;
  l.running();
  proto::MapEntry entry;
  auto& intent = *entry.add_commands()->mutable_set_intent();
  intent.set_node(3);
  intent.set_intent(proto::INTENT_RESTART);
  l.run(entry);
  entry.Clear();
  auto& down = *entry.add_commands()->mutable_node_down();
  down.set_node(3);
  down.set_incarnation(1);
  l.run(entry);
  auto index = l.core->applied();
  CHECK(l.count<owner_lost>() == 0);
  SECTION("for so long") {
    l.now += l.core->config().settings.farewell;
    l.core->tick(l.now, 0);
    l.collect();
    auto& lost = std::get<owner_lost>(l.effects[l.place<owner_lost>()]);
    CHECK(lost.node == node_id{3});
    CHECK(lost.upto == incarnation{1});
    CHECK(lost.at == index);
  }
  SECTION("or for the end of its session") {
    l.core->session_ended(l.now, node_id{3});
    l.now += l.core->config().settings.farewell;
    l.core->tick(l.now, 0);
    l.collect();
    CHECK(l.count<owner_lost>() == 0);
  }
  SECTION("or until it is back") {
    entry.Clear();
    auto& up = *entry.add_commands()->mutable_node_up();
    up.set_node(3);
    up.set_incarnation(2);
    up.set_boot_id(302);
    l.run(entry);
    auto& lost = std::get<owner_lost>(l.effects[l.place<owner_lost>()]);
    CHECK(lost.upto == incarnation{1}); // and not those to the new start
  }
}

TEST_CASE("node: a snapshot has no effect before it is durable, then all at "
          "once",
          "[unit][node]") {
  lab l;
  l.running();
  auto before = l.core->map().version();
  // What the leader's map became meanwhile: 3 is down, and 2 has all.
  proto::MapSnapshot base;
  l.core->map().save(base);
  shard_map far;
  REQUIRE(far.restore(base));
  proto::MapEntry entry;
  auto& down = *entry.add_commands()->mutable_node_down();
  down.set_node(3);
  down.set_incarnation(1);
  auto& assign = *entry.add_commands()->mutable_assign();
  l.fill(*assign.add_rows(), 0, 2);
  l.fill(*assign.add_rows(), 1, 2);
  far.apply(log_index{50}, entry);
  proto::MapSnapshot snapshot;
  far.save(snapshot);
  auto bytes = snapshot.SerializeAsString();
  raft::snapshot_meta meta{log_index{50}, l.term, l.start.conf};
  proto::SnapshotChunk chunk;
  raft::to_proto(meta, *chunk.mutable_meta());
  chunk.set_term(l.term.value);
  chunk.set_total(bytes.size());
  auto middle = bytes.size() / 2;
  chunk.set_data(bytes.substr(0, middle));
  auto arrive = [&] {
    l.core->receive(l.now, node_id{2}, frame_kind::snapshot_chunk,
                    chunk.SerializeAsString());
    l.collect();
  };
  arrive();
  arrive(); // said twice
  CHECK(l.count<store_snapshot>() == 0);
  chunk.set_offset(middle);
  chunk.set_data(bytes.substr(middle));
  arrive();
  CHECK(l.count<store_snapshot>() == 1);
  // An offer before the bytes are durable is as if it was lost.
  l.say(raft::snapshot_offer{meta});
  l.persist_all();
  CHECK(l.core->map().version() == before);
  l.core->snapshot_stored(l.now, log_index{50});
  l.collect();
  l.say(raft::snapshot_offer{meta});
  REQUIRE(l.count<persist>() == 1);
  CHECK(l.core->map().version() == before);
  CHECK(l.count<route_changed>() == 0);
  CHECK(l.count<kill_actor>() == 0);
  l.persist_all();
  CHECK(l.core->map().version() == log_index{50});
  CHECK(l.place<owner_lost>() < l.place<route_changed>());
  CHECK(l.count<route_changed>() == 2);
  CHECK(l.count<kill_actor>() == 1);
  CHECK(l.place<route_changed>() < l.place<kill_actor>());
}

TEST_CASE("node: malformed input is counted and changes nothing else",
          "[unit][node]") {
  lab l;
  l.running();
  auto version = l.core->map().version();
  auto counted = l.core->malformed();
  for (int kind = 0; kind < 256; ++kind)
    for (std::string bytes : {"\xff\xff\xff", "\x0a\xff", "\x08"})
      l.core->receive(l.now, node_id{2}, static_cast<frame_kind>(kind), bytes);
  l.collect();
  CHECK(l.core->malformed() == counted + 256 * 3);
  CHECK(l.core->map().version() == version);
  CHECK(l.effects.empty());
}

TEST_CASE("node: raft messages in another node's name are malformed",
          "[unit][node]") {
  lab l;
  l.running();
  auto counted = l.core->malformed();
  proto::RaftMessage bytes;
  raft::to_proto({node_id{3}, node_id{1}, raft::term{9},
                  raft::vote_request{log_index{99}, raft::term{9}, true}},
                 bytes);
  l.core->receive(l.now, node_id{2}, frame_kind::raft,
                  bytes.SerializeAsString());
  l.collect();
  CHECK(l.core->malformed() == counted + 1);
  CHECK(l.effects.empty());
}

TEST_CASE("node: an echo counts once its index is applied, and only for this "
          "start",
          "[unit][node]") {
  lab l;
  l.running();
  proto::Echo echo;
  echo.set_sent_ns((l.now - 10ms).count());
  echo.set_incarnation(1);
  auto arrive = [&] {
    l.core->receive(l.now, node_id{2}, frame_kind::echo,
                    echo.SerializeAsString());
    l.collect();
  };
  SECTION("of this start") {
    echo.set_last_index(l.last + 1);
    arrive();
    CHECK(l.count<lease_extended>() == 0);
    l.run({});
    CHECK(l.count<lease_extended>() == 1);
    CHECK(l.core->lease_end() == l.now - 10ms + cluster_settings{}.lease);
  }
  SECTION("of another") {
    echo.set_incarnation(2);
    arrive();
    CHECK(l.count<lease_extended>() == 0);
  }
}

TEST_CASE("node: [SF-10] [R-3] states of partitions it has nothing to do with "
          "are taken and start nothing",
          "[unit][node]") {
  lab l;
  l.running();
  proto::State state;
  state.set_region(1);
  state.set_partition(0);
  state.set_epoch(1);
  state.set_present(true);
  state.set_data("stale");
  l.core->receive(l.now, node_id{3}, frame_kind::state,
                  state.SerializeAsString());
  proto::StateTaken taken;
  taken.set_region(1);
  taken.set_partition(1);
  taken.set_epoch(1);
  l.core->receive(l.now, node_id{3}, frame_kind::state_taken,
                  taken.SerializeAsString());
  l.collect();
  CHECK(l.count<start_actor>() == 0);
  CHECK(l.count<stop_actor>() == 0);
  CHECK_FALSE(l.core->host().has_facts());
}

TEST_CASE("node: a region that runs on without a lease says so, again as it "
          "lasts, and when it is over",
          "[unit][node]") {
  lab l;
  l.keep_running = GENERATE(true, false);
  l.running();
  proto::Echo echo;
  echo.set_incarnation(1);
  auto extend = [&] {
    echo.set_sent_ns(l.now.count());
    echo.set_last_index(l.last);
    l.core->receive(l.now, node_id{2}, frame_kind::echo,
                    echo.SerializeAsString());
    l.pass(1ms);
  };
  extend();
  CHECK(l.core->degraded_since() == boot_time{0});
  auto end = l.core->lease_end();
  l.pass(end - l.now);
  if (!l.keep_running) {
    CHECK(l.events(proto::EVENT_KIND_DEGRADED).empty());
    CHECK(l.core->degraded_since() == boot_time{0});
    return;
  }
  CHECK(l.core->degraded_since() == end);
  auto said = l.events(proto::EVENT_KIND_DEGRADED);
  REQUIRE(said.size() == 1);
  CHECK(said[0].region() == "r");
  CHECK(said[0].cause() == "notice");
  l.pass(9s);
  CHECK(l.events(proto::EVENT_KIND_DEGRADED).size() == 1);
  l.pass(1s);
  l.pass(50s);
  l.pass(100s);
  said = l.events(proto::EVENT_KIND_DEGRADED);
  REQUIRE(said.size() == 3);
  CHECK(said[1].cause() == "warning");
  CHECK(said[2].cause() == "critical");
  CHECK(said[2].duration_us() == 60'000'000);
  SECTION("with a lease") {
    extend();
    auto over = l.events(proto::EVENT_KIND_RESTORED);
    REQUIRE(over.size() == 1);
    CHECK(over[0].cause() == "lease again");
    CHECK(over[0].duration_us() >= 160'000'000);
  }
  SECTION("or without its partitions") {
    proto::MapEntry entry;
    auto& down = *entry.add_commands()->mutable_node_down();
    down.set_node(1);
    down.set_incarnation(1);
    l.run(entry);
    l.pass(1ms);
    auto over = l.events(proto::EVENT_KIND_RESTORED);
    REQUIRE(over.size() == 1);
    CHECK(over[0].cause() == "taken away");
  }
  CHECK(l.core->degraded_since() == boot_time{0});
}

TEST_CASE("node: [R-8] a handler that does not return is an event, and ends "
          "the node if its region says so",
          "[unit][node]") {
  lab l;
  l.overrun = GENERATE(overrun_policy::wait, overrun_policy::fence,
                       overrun_policy::exit);
  l.running();
  proto::MapEntry entry;
  auto& pause = *entry.add_commands()->mutable_pause();
  l.fill(*pause.add_rows(), 1, 2);
  l.run(entry);
  REQUIRE(l.count<stop_actor>() == 1);
  l.pass(1ms);
  cluster_settings times;
  l.pass(times.stop_deadline + times.move_step);
  CHECK(l.events(proto::EVENT_KIND_OVERRUN).empty());
  l.pass(1ms);
  l.pass(1s);
  auto said = l.events(proto::EVENT_KIND_OVERRUN);
  REQUIRE(said.size() == 1);
  CHECK(said[0].region() == "r");
  CHECK(said[0].partition() == 1);
  CHECK(said[0].cause() == to_string(l.overrun));
  CHECK((l.count<stop_process>() == 1) == (l.overrun == overrun_policy::exit));
}
