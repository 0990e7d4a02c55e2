// A node that joins, ends, or was replaced: what it tells its routers and the
// leader.
#include "lab.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using lab = node_lab;

namespace {

const partition_key here{region_id{1}, 1};

/// The last heartbeat, if one was sent.
std::optional<proto::Heartbeat> heartbeat(const lab& l) {
  std::optional<proto::Heartbeat> out;
  for (auto& x : l.effects)
    if (auto* frame = std::get_if<send_frame>(&x);
        frame && frame->kind == frame_kind::heartbeat)
      REQUIRE(out.emplace().ParseFromString(frame->bytes));
  return out;
}

/// Commands of this kind that were sent.
std::size_t asked(const lab& l, proto::MapCommand::CommandCase what) {
  std::size_t n = 0;
  for (auto& x : l.effects)
    if (auto* frame = std::get_if<send_frame>(&x);
        frame && frame->kind == frame_kind::command) {
      proto::CommandRequest request;
      REQUIRE(request.ParseFromString(frame->bytes));
      n += request.map().command_case() == what;
    }
  return n;
}

proto::MapEntry change(std::uint64_t id,
                       void (*fill)(proto::MapCommand&, std::uint64_t)) {
  proto::MapEntry entry;
  fill(*entry.add_commands(), id);
  return entry;
}

proto::MapEntry down(std::uint64_t id) {
  return change(id, [](proto::MapCommand& to, std::uint64_t node) {
    to.mutable_node_down()->set_node(node);
    to.mutable_node_down()->set_incarnation(1);
  });
}

proto::MapEntry left(std::uint64_t id) {
  return change(id, [](proto::MapCommand& to, std::uint64_t node) {
    to.mutable_node_left()->set_node(node);
    to.mutable_node_left()->set_incarnation(1);
  });
}

} // namespace

// -- routes -------------------------------------------------------------------

TEST_CASE("node: routers are told nothing before the map shows the node up, "
          "then all of it",
          "[unit][node]") {
  lab l;
  proto::MapEntry entry;
  l.up(entry, 2);
  l.up(entry, 3);
  l.run(entry);
  entry.Clear();
  auto& assign = *entry.add_commands()->mutable_assign();
  l.fill(*assign.add_rows(), 0, 3);
  l.fill(*assign.add_rows(), 1, 2);
  l.run(entry);
  entry.Clear();
  l.fill(*entry.add_commands()->mutable_started()->add_rows(), 0, 3);
  l.run(entry);
  entry.Clear();
  auto& grow = *entry.add_commands()->mutable_configure_region();
  grow.set_region("r");
  grow.set_partitions(1); // another partition is gone again
  grow.set_force(true);
  l.run(entry);
  CHECK(l.count<route_changed>() == 0);
  entry.Clear();
  SECTION("up as an earlier start: that is history too") {
    auto& cmd = *entry.add_commands()->mutable_node_up();
    cmd.set_node(1);
    cmd.set_incarnation(0);
    l.run(entry);
    CHECK(l.count<route_changed>() == 0);
  }
  SECTION("up") {
    l.up(entry, 1);
    l.run(entry);
    REQUIRE(l.count<route_changed>() == 1);
    auto& told = std::get<route_changed>(l.effects[l.place<route_changed>()]);
    CHECK(told.to.owner == node_id{3});
    CHECK(told.to.open());
  }
}

TEST_CASE("node: a partition that its region lost is nowhere, and ends here",
          "[unit][node]") {
  lab l;
  l.running();
  proto::MapEntry entry;
  auto& cut = *entry.add_commands()->mutable_configure_region();
  cut.set_region("r");
  cut.set_partitions(1);
  cut.set_force(true);
  l.run(entry);
  REQUIRE(l.count<route_changed>() == 1);
  auto& told = std::get<route_changed>(l.effects[l.place<route_changed>()]);
  CHECK(told.key == here);
  CHECK_FALSE(told.to.open());
  CHECK(told.to.version == l.core->applied());
  CHECK(l.count<kill_actor>() == 1);
}

TEST_CASE("node: its own loss gives up no streams, and ends what runs",
          "[unit][node]") {
  lab l;
  l.running();
  l.run(down(1));
  CHECK(l.count<owner_lost>() == 0);
  CHECK(l.count<kill_actor>() == 1);
}

TEST_CASE("node: who went in order is waited for, who crashed is not",
          "[unit][node]") {
  lab l;
  l.running();
  SECTION("left") {
    l.run(left(3));
    CHECK(l.count<owner_lost>() == 0);
    l.pass(l.core->config().settings.farewell - 1ms);
    CHECK(l.count<owner_lost>() == 0);
    l.pass(1ms);
    CHECK(l.count<owner_lost>() == 1);
    l.pass(1s);
    CHECK(l.count<owner_lost>() == 1);
  }
  SECTION("crashed") {
    l.run(down(3));
    CHECK(l.count<owner_lost>() == 1);
    l.pass(l.core->config().settings.farewell);
    CHECK(l.count<owner_lost>() == 1);
  }
  SECTION("started anew before its goodbye was heard") {
    l.run(left(3));
    auto entry = change(3, [](proto::MapCommand& to, std::uint64_t node) {
      auto& up = *to.mutable_node_up();
      up.set_node(node);
      up.set_incarnation(2);
      up.set_boot_id(302);
    });
    l.run(entry);
    CHECK(l.count<owner_lost>() == 1);
    l.pass(l.core->config().settings.farewell);
    CHECK(l.count<owner_lost>() == 1);
  }
}

TEST_CASE("node: a start that waits for the state of a lost node is said to "
          "fail",
          "[unit][node]") {
  lab l;
  l.running();
  proto::MapEntry entry;
  auto& row = l.fill(*entry.add_commands()->mutable_pause()->add_rows(), 0, 1);
  auto was = row.epoch();
  l.run(entry);
  entry.Clear();
  auto& next =
      l.fill(*entry.add_commands()->mutable_assign()->add_rows(), 0, 1);
  next.set_source(3);
  next.set_source_epoch(was);
  l.run(entry);
  CHECK(l.count<start_actor>() == 0);
  CHECK_FALSE(l.core->host().has_facts());
  l.run(down(3));
  CHECK(l.core->host().facts().failed_size() == 1);
}

// -- snapshots ----------------------------------------------------------------

TEST_CASE("node: by a snapshot too, routers hear of whoever went, was started "
          "anew or is no member any more",
          "[unit][node]") {
  lab l;
  l.running();
  auto far = l.copy();
  proto::MapEntry entry;
  incarnation upto{1};
  SECTION("went") {
    entry = down(3);
  }
  SECTION("was started anew") {
    auto& up = *entry.add_commands()->mutable_node_up();
    up.set_node(3);
    up.set_incarnation(4);
    up.set_boot_id(304);
    upto = incarnation{3};
  }
  SECTION("is no member any more") {
    entry = down(3);
    auto& admit = *entry.add_commands()->mutable_admit_node();
    admit.set_uuid("another");
    admit.set_name("n3");
    far.apply(log_index{48}, entry);
    raft::configuration members;
    members.voters = {node_id{1}, node_id{2}};
    far.apply_members(log_index{49}, members);
    REQUIRE_FALSE(far.node(node_id{3}));
    entry.Clear();
    upto = incarnation{~0ull};
  }
  far.apply(log_index{50}, entry);
  l.install(far);
  REQUIRE(l.count<owner_lost>() == 1);
  auto& lost = std::get<owner_lost>(l.effects[l.place<owner_lost>()]);
  CHECK(lost.node == node_id{3});
  CHECK(lost.upto == upto);
  CHECK(lost.at == log_index{50});
}

TEST_CASE("node: by a snapshot too, what its region lost ends, and what waits "
          "for a lost node's state is said to fail",
          "[unit][node]") {
  lab l;
  l.running();
  proto::MapEntry entry;
  SECTION("lost by its region") {
    auto far = l.copy();
    auto& cut = *entry.add_commands()->mutable_configure_region();
    cut.set_region("r");
    cut.set_partitions(1);
    cut.set_force(true);
    far.apply(log_index{50}, entry);
    l.install(far);
    CHECK(l.count<kill_actor>() == 1);
  }
  SECTION("a state that was to come from a lost node") {
    auto was = l.core->map().find({region_id{1}, 0})->epoch.value;
    l.fill(*entry.add_commands()->mutable_pause()->add_rows(), 0, 1);
    auto& next =
        l.fill(*entry.add_commands()->mutable_assign()->add_rows(), 0, 1);
    next.set_source(3);
    next.set_source_epoch(was);
    l.run(entry);
    REQUIRE_FALSE(l.core->host().has_facts());
    auto far = l.copy();
    far.apply(log_index{50}, down(3));
    l.install(far);
    CHECK(l.core->host().facts().failed_size() == 1);
  }
}

TEST_CASE("node: by a snapshot too, a lease is extended that waited for what "
          "it holds",
          "[unit][node]") {
  lab l;
  l.running();
  proto::Echo echo;
  echo.set_sent_ns(l.now.count());
  echo.set_incarnation(1);
  echo.set_last_index(50);
  l.core->receive(l.now, node_id{2}, frame_kind::echo,
                  echo.SerializeAsString());
  l.collect();
  CHECK(l.count<lease_extended>() == 0);
  auto far = l.copy();
  far.apply(log_index{50}, {});
  l.install(far);
  CHECK(l.count<lease_extended>() == 1);
}

TEST_CASE("node: a snapshot has no effect with what was written before it",
          "[unit][node]") {
  lab l;
  l.running();
  auto far = l.copy();
  far.apply(log_index{50}, {});
  l.append({});
  auto before = l.core->map().version();
  REQUIRE(l.count<persist>() == 1);
  auto first = std::get<persist>(l.effects[l.place<persist>()]).batch.id;
  proto::MapSnapshot all;
  far.save(all);
  auto bytes = all.SerializeAsString();
  raft::snapshot_meta meta{far.version(), l.term, l.start.conf};
  proto::SnapshotChunk chunk;
  raft::to_proto(meta, *chunk.mutable_meta());
  chunk.set_term(l.term.value);
  chunk.set_total(bytes.size());
  chunk.set_data(bytes);
  l.core->receive(l.now, node_id{2}, frame_kind::snapshot_chunk,
                  chunk.SerializeAsString());
  l.core->snapshot_stored(l.now, meta.index);
  l.collect();
  l.say(raft::snapshot_offer{meta});
  REQUIRE(l.count<persist>() == 2);
  l.core->persisted(l.now, first);
  CHECK(l.core->map().version().value <= before.value + 1);
  l.persist_all();
  CHECK(l.core->map().version() == meta.index);
}

TEST_CASE("node: a state is sent again when the session that took it is over",
          "[unit][node]") {
  lab l;
  l.running();
  auto at = l.core->map().find(here)->epoch;
  proto::MapEntry entry;
  l.fill(*entry.add_commands()->mutable_pause()->add_rows(), here.partition, 3);
  l.run(entry);
  auto sent = [&] {
    l.collect();
    auto n = std::count_if(l.effects.begin(), l.effects.end(), [](auto& x) {
      auto* frame = std::get_if<send_frame>(&x);
      return frame && frame->kind == frame_kind::state
             && frame->to == node_id{3};
    });
    l.effects.clear();
    return n;
  };
  l.core->actor_stopped(l.now, here, at,
                        partition_state{true, std::make_shared<std::string>()});
  CHECK(sent() == 1);
  l.core->session_ended(l.now, node_id{2});
  CHECK(sent() == 0);
  l.core->session_ended(l.now, node_id{3});
  CHECK(sent() == 1);
}

TEST_CASE("node: the map on its own disk is history until it is up again, but "
          "says what its states are for",
          "[unit][node]") {
  lab before;
  before.running();
  auto map = before.copy();
  auto was = map.find(here)->epoch;
  proto::MapEntry entry;
  auto pause = [&](std::uint64_t to) {
    auto& row = *entry.add_commands()->mutable_pause()->add_rows();
    row.set_region(1);
    row.set_partition(here.partition);
    row.set_epoch(was.value);
    row.set_node(to);
  };
  bool given_up = GENERATE(false, true);
  if (given_up) { // nobody owns it, and its state is looked for
    pause(2);
    auto& cmd = *entry.add_commands()->mutable_node_down();
    cmd.set_node(1);
    cmd.set_incarnation(1);
  } else {
    auto& cmd = *entry.add_commands()->mutable_set_intent();
    cmd.set_node(1);
    cmd.set_intent(proto::INTENT_RESTART);
    pause(1);
  }
  map.apply(log_index{20}, entry);
  proto::MapSnapshot all;
  map.save(all);
  all.set_index(1); // where the lab's log begins
  REQUIRE(map.restore(all));
  lab l{&map, incarnation{2}};
  CHECK(l.count<route_changed>() == 0);
  l.core->state_found(here, was, {true, std::make_shared<std::string>("x")});
  CHECK(l.core->host().facts().holding_size() == 1);
}

// -- what it says, and when ---------------------------------------------------

TEST_CASE("node: a new leader is spoken to at once, and news go with the next "
          "tick",
          "[unit][node]") {
  lab l;
  l.running();
  l.pass(10ms);
  l.effects.clear();
  l.pass(10ms);
  CHECK_FALSE(heartbeat(l)); // not due
  SECTION("a new leader") {
    l.term.value += 1;
    l.say(raft::append_request{}, 3);
    l.pass(10ms);
    CHECK(heartbeat(l));
  }
  SECTION("news") {
    proto::MapEntry entry;
    auto& assign = *entry.add_commands()->mutable_assign();
    l.fill(*assign.add_rows(), 0, 1);
    l.run(entry);
    l.core->actor_started(l.now, {region_id{1}, 0},
                          l.core->map().find({region_id{1}, 0})->epoch);
    l.collect();
    l.pass(10ms);
    REQUIRE(heartbeat(l));
    CHECK(heartbeat(l)->facts().started_size() == 1);
  }
}

TEST_CASE("node: it says which regions it hosts until the map has it, and ends "
          "if that is refused",
          "[unit][node]") {
  lab l;
  l.running();
  auto* known = l.core->map().region("r");
  REQUIRE(known);
  l.core->announce(l.now, known->settings, true);
  l.collect();
  CHECK(asked(l, proto::MapCommand::kAnnounceRegion) == 0); // it does
  l.core->announce(l.now, known->settings, false);
  l.collect();
  CHECK(asked(l, proto::MapCommand::kAnnounceRegion) == 1);
  l.pass(1s);
  CHECK(asked(l, proto::MapCommand::kAnnounceRegion) == 2);
}

// -- the end of a process -----------------------------------------------------

TEST_CASE("node: it says that it begins nothing more when nothing runs, not "
          "before",
          "[unit][node]") {
  lab l;
  l.running();
  l.core->retire(l.now);
  l.pass(100ms);
  REQUIRE(heartbeat(l));
  CHECK_FALSE(heartbeat(l)->last());
  auto at = l.core->map().find(here)->epoch;
  proto::MapEntry entry;
  l.fill(*entry.add_commands()->mutable_pause()->add_rows(), 1, 1);
  l.run(entry);
  l.core->retire(l.now); // told to stop is not stopped
  l.pass(100ms);
  CHECK_FALSE(heartbeat(l)->last());
  l.core->actor_stopped(l.now, here, at, partition_state{});
  l.core->state_kept(l.now, here, at);
  l.collect();
  l.effects.clear();
  l.core->retire(l.now);
  l.collect();
  REQUIRE(heartbeat(l));
  CHECK(heartbeat(l)->last());
  SECTION("and keeps to it") {
    entry.Clear();
    l.fill(*entry.add_commands()->mutable_assign()->add_rows(), 0, 1);
    l.run(entry);
    CHECK(l.core->map().find({region_id{1}, 0})->owner == node_id{1});
    CHECK(l.count<start_actor>() == 0);
  }
  SECTION("and does not ask to be up again") {
    l.run(down(1));
    l.effects.clear();
    l.pass(1s);
    CHECK(asked(l, proto::MapCommand::kNodeUp) == 0);
  }
}

TEST_CASE("node: who is down says that it is up, who was let go does not",
          "[unit][node]") {
  lab l;
  l.running();
  l.run(GENERATE(true, false) ? down(1) : left(1));
  bool gone = l.core->map().node(node_id{1})->liveness == liveness::left;
  l.pass(1s);
  CHECK((asked(l, proto::MapCommand::kNodeUp) > 0) == !gone);
}

TEST_CASE("node: a process whose node was started anew ends", "[unit][node]") {
  lab l;
  l.running();
  proto::MapEntry entry;
  auto& up = *entry.add_commands()->mutable_node_up();
  up.set_node(1);
  up.set_incarnation(2);
  up.set_boot_id(102);
  l.run(entry);
  REQUIRE(l.count<stop_process>() == 1);
  auto& why = std::get<stop_process>(l.effects[l.place<stop_process>()]).why;
  CHECK(why.code == errc::foreign_node);
  CHECK_FALSE(why.hint.empty());
}

TEST_CASE("node: a process whose name was given to another ends",
          "[unit][node]") {
  lab l;
  l.running();
  l.run(down(1));
  CHECK(l.count<stop_process>() == 0);
  auto entry = change(0, [](proto::MapCommand& to, std::uint64_t) {
    to.mutable_admit_node()->set_uuid("another");
    to.mutable_admit_node()->set_name("n1");
  });
  l.run(entry);
  CHECK(l.count<stop_process>() == 1);
}
