// A leader and who follows it: three whole nodes, with nothing between them
// but a list of frames.
#include <deque>
#include <functional>
#include <map>

#include "lab.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// Three nodes whose disks and actors do at once what they are told.
struct trio {
  boot_time now = 10s;
  std::map<std::uint64_t, std::unique_ptr<node_core>> cores;
  struct frame {
    std::uint64_t from;
    send_frame what;
  };
  std::deque<frame> wire;
  std::vector<frame> seen; // that arrived
  std::function<bool(const frame&)> lost;
  std::map<std::uint64_t, std::vector<proto::CommandReply>> replies;
  std::map<std::uint64_t, boot_time> leases;

  trio() {
    std::vector<founder> founders;
    raft::snapshot_meta start{log_index{1}, raft::term{1}, {}};
    for (std::uint64_t id = 1; id <= 3; ++id) {
      founders.push_back({node_id{id}, "u" + std::to_string(id),
                          "n" + std::to_string(id), ""});
      start.conf.voters.push_back(node_id{id});
    }
    proto::MapSnapshot map;
    shard_map::found("c", founders, start.index).save(map);
    auto bytes = std::make_shared<const std::string>(map.SerializeAsString());
    for (std::uint64_t id = 1; id <= 3; ++id) {
      node_config config;
      config.self = node_id{id};
      config.started = incarnation{5};
      config.boot_id = id * 100 + 1;
      config.seed = id;
      config.name = "n" + std::to_string(id);
      node_recovered disk;
      disk.log.snapshot = start;
      disk.log.hard = {raft::term{1}, {}, start.index};
      disk.snapshot = bytes;
      cores[id] = std::make_unique<node_core>(config, disk, now);
    }
    pass(2s);
    REQUIRE(leader() != 0);
    REQUIRE(all_up());
  }

  std::uint64_t leader() const {
    for (auto& [id, core] : cores)
      if (core->leadership().role == raft::role::leader
          && core->leadership().caught_up)
        return id;
    return 0;
  }
  std::uint64_t follower() const { return leader() == 1 ? 2 : 1; }
  node_core& lead() { return *cores.at(leader()); }
  bool all_up() const {
    return std::all_of(cores.begin(), cores.end(),
                       [](auto& kv) { return kv.second->joined(); });
  }

  void pass(boot_time span) {
    for (auto end = now + span; now < end;) {
      now += 10ms;
      for (auto& [id, core] : cores)
        core->tick(now, 0);
      settle();
    }
  }
  void settle() {
    for (bool more = true; more;) {
      more = false;
      for (auto& [id, core] : cores)
        for (auto& effect : core->take()) {
          more = true;
          perform(id, effect);
        }
      for (; !wire.empty(); more = true) {
        auto one = std::move(wire.front());
        wire.pop_front();
        if (lost && lost(one))
          continue;
        seen.push_back(one);
        arrive(one);
      }
    }
  }
  void arrive(const frame& one) {
    auto to = cores.find(one.what.to.value); // who was admitted never starts
    if (to != cores.end())
      to->second->receive(now, node_id{one.from}, one.what.kind,
                          one.what.bytes);
  }
  void perform(std::uint64_t id, node_effect& effect) {
    auto& core = *cores.at(id);
    if (auto* x = std::get_if<persist>(&effect))
      core.persisted(now, x->batch.id);
    else if (auto* x = std::get_if<send_frame>(&effect))
      wire.push_back({id, std::move(*x)});
    else if (auto* x = std::get_if<command_done>(&effect))
      replies[id].push_back(x->reply);
    else if (auto* x = std::get_if<lease_extended>(&effect))
      leases[id] = x->end;
    else if (std::holds_alternative<stop_process>(effect))
      FAIL("a node stops");
  }
  void beat(std::uint64_t from, std::uint64_t started, bool last = false) {
    proto::Heartbeat what;
    what.set_incarnation(started);
    what.set_sent_ns(now.count());
    what.set_last(last);
    arrive(
        {from,
         {node_id{leader()}, frame_kind::heartbeat, what.SerializeAsString()}});
    settle();
  }
  /// Echoes that arrived there since `seen` was cleared.
  std::size_t echoes(std::uint64_t to) const {
    return static_cast<std::size_t>(
        std::count_if(seen.begin(), seen.end(), [&](auto& one) {
          return one.what.to == node_id{to}
                 && one.what.kind == frame_kind::echo;
        }));
  }
};

} // namespace

TEST_CASE("node: a heartbeat of another start gets no echo, and ends nothing",
          "[unit][node]") {
  trio t;
  auto from = t.follower();
  t.seen.clear();
  t.beat(from, 5);
  CHECK(t.echoes(from) == 1);
  t.beat(from, 4);
  t.beat(from, 6);
  CHECK(t.echoes(from) == 1);
  t.beat(from, 4, true);
  t.settle();
  CHECK(t.lead().map().node(node_id{from})->liveness == liveness::up);
  t.beat(from, 5, true);
  CHECK(t.lead().map().node(node_id{from})->liveness == liveness::down);
}

TEST_CASE("node: who is down in the map gets no echo", "[unit][node]") {
  trio t;
  auto from = t.follower();
  t.lost = [&](const trio::frame& one) {
    return one.from == from
           && (one.what.kind == frame_kind::heartbeat
               || one.what.kind == frame_kind::command);
  };
  t.pass(1300ms);
  REQUIRE(t.lead().map().node(node_id{from})->liveness == liveness::down);
  t.seen.clear();
  t.beat(from, 5);
  t.pass(100ms);
  CHECK(t.echoes(from) == 0);
}

TEST_CASE("node: an echo waits for a round of its own", "[unit][node]") {
  trio t;
  auto from = t.follower();
  bool deaf = true; // the leader hears no acknowledgement
  t.lost = [&](const trio::frame& one) {
    return deaf && one.what.to == node_id{t.leader()}
           && one.what.kind == frame_kind::raft;
  };
  t.seen.clear();
  t.beat(from, 5);
  t.pass(50ms);
  CHECK(t.echoes(from) == 0);
  deaf = false;
  t.pass(200ms);
  CHECK(t.echoes(from) > 0);
}

TEST_CASE("node: a command goes to one leader once, and its answer comes back",
          "[unit][node]") {
  trio t;
  auto from = t.follower();
  proto::CommandRequest what;
  what.mutable_map()->mutable_set_intent()->set_node(99);
  t.seen.clear();
  SECTION("to a leader that answers") {
    t.cores.at(from)->command(t.now, what);
    t.settle();
    t.pass(300ms);
    REQUIRE(t.replies[from].size() == 1);
    CHECK(static_cast<errc>(t.replies[from][0].code()) == errc::unknown_node);
  }
  SECTION("to one that was lost before it answered") {
    auto gone = t.leader();
    t.lost = [&](const trio::frame& one) {
      return one.from == gone || one.what.to == node_id{gone};
    };
    t.cores.at(from)->command(t.now, what);
    t.settle();
    t.pass(3s);
    REQUIRE(t.replies[from].size() == 1);
    CHECK(static_cast<errc>(t.replies[from][0].code())
          == errc::outcome_unknown);
  }
  auto sent = std::count_if(t.seen.begin(), t.seen.end(), [&](auto& one) {
    proto::CommandRequest request;
    return one.what.kind == frame_kind::command
           && request.ParseFromString(one.what.bytes)
           && request.map().has_set_intent();
  });
  CHECK(sent <= 1);
}

TEST_CASE("node: leadership goes to nobody who is about to go",
          "[unit][node]") {
  trio t;
  auto lead = t.leader();
  auto other = t.follower();
  auto third = 6 - lead - other;
  auto intend = [&](std::uint64_t node, proto::Intent wish) {
    proto::CommandRequest what;
    auto& cmd = *what.mutable_map()->mutable_set_intent();
    cmd.set_node(node);
    cmd.set_intent(wish);
    t.lead().command(t.now, what);
    t.settle();
  };
  intend(other, proto::INTENT_RESTART);
  SECTION("one is") {
    REQUIRE(t.lead().hand_over());
    t.pass(100ms);
    CHECK(t.leader() == third);
  }
  SECTION("both are") {
    intend(third, proto::INTENT_RESTART);
    CHECK_FALSE(t.lead().hand_over());
  }
}

TEST_CASE("node: leadership does not go to who is down", "[unit][node]") {
  trio t;
  auto lead = t.leader();
  auto other = t.follower();
  auto third = 6 - lead - other;
  t.lost = [&](const trio::frame& one) {
    return one.from == third || one.what.to == node_id{third};
  };
  t.pass(1500ms);
  REQUIRE(t.leader() == lead);
  REQUIRE(t.lead().map().node(node_id{third})->liveness == liveness::down);
  proto::CommandRequest what;
  what.mutable_map()->mutable_set_intent()->set_node(other);
  what.mutable_map()->mutable_set_intent()->set_intent(proto::INTENT_RESTART);
  t.lead().command(t.now, what);
  t.settle();
  CHECK_FALSE(t.lead().hand_over());
}

TEST_CASE("node: who leads gives no echo before it knows all that its "
          "predecessors committed",
          "[unit][node]") {
  trio t;
  auto gone = t.leader();
  auto body = [](const trio::frame& one) {
    proto::RaftMessage bytes;
    REQUIRE(bytes.ParseFromString(one.what.bytes));
    return raft::from_proto(bytes)->body;
  };
  // The next leader hears no acknowledgement of entries, but those of rounds.
  t.lost = [&](const trio::frame& one) {
    if (one.from == gone || one.what.to == node_id{gone})
      return true;
    return one.what.kind == frame_kind::raft
           && std::holds_alternative<raft::append_reply>(body(one));
  };
  std::uint64_t next = 0;
  for (int i = 0; i < 300 && next == 0; ++i) {
    t.pass(10ms);
    for (auto& [id, core] : t.cores)
      if (id != gone && core->leadership().role == raft::role::leader)
        next = id;
  }
  REQUIRE(next != 0);
  REQUIRE_FALSE(t.cores.at(next)->leadership().caught_up);
  t.seen.clear();
  t.pass(200ms);
  auto other = 6 - gone - next;
  CHECK(std::any_of(t.seen.begin(), t.seen.end(), [&](auto& one) {
    return one.from == other && one.what.kind == frame_kind::heartbeat;
  }));
  CHECK(t.echoes(other) == 0);
}

TEST_CASE("node: a leader that steps down says what became of what it was "
          "asked for",
          "[unit][node]") {
  trio t;
  auto lead = t.leader();
  auto ask = [&](const char* uuid) {
    proto::CommandRequest what;
    what.mutable_map()->mutable_admit_node()->set_uuid(uuid);
    what.mutable_map()->mutable_admit_node()->set_name(uuid);
    t.cores.at(lead)->command(t.now, what);
  };
  t.lost = [&](const trio::frame& one) {
    return one.from == lead || one.what.to == node_id{lead};
  };
  ask("first");
  ask("second"); // behind it
  t.settle();
  CHECK(t.replies[lead].empty());
  t.pass(2s);
  REQUIRE(t.leader() != lead);
  t.lost = {};
  t.pass(2s);
  std::map<errc, int> codes;
  for (auto& reply : t.replies[lead])
    ++codes[static_cast<errc>(reply.code())];
  CHECK(codes[errc::outcome_unknown] == 1);
  CHECK(codes[errc::none] == 1); // asked again, of the next leader
  CHECK_FALSE(t.lead().map().node("first"));
  CHECK(t.lead().map().node("second"));
  // And it can lead again.
  for (int i = 0; i < 10 && t.leader() != lead; ++i) {
    t.lead().hand_over();
    t.pass(200ms);
  }
  REQUIRE(t.leader() == lead);
  ask("third");
  t.pass(200ms);
  CHECK(t.lead().map().node("third"));
}
