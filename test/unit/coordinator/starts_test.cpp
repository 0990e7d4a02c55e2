// Nodes that start anew or restart, and reports that are about another epoch,
// start or stage than the map's.
#include "words.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using lab = coordinator_lab;
using command = proto::MapCommand;

// -- starts -------------------------------------------------------------------

TEST_CASE("coordinator: [L7] a node that starts anew is up when no lease of "
          "its last start can run",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(2);
  auto was = l.row(p).epoch;
  l.silent = node_id{2};
  ask_up(l, 2, 2);
  CHECK(l.idle());
  SECTION("a lease and a margin after its last word") {
    l.pass(500ms);
    // What the last start still says counts: it may have got an echo for it.
    l.leader.heard(l.now, node_id{2}, incarnation{1}, l.map.version(), {},
                   l.map);
    l.pass(lease_over);
    CHECK(l.idle());
    l.pass(1ms);
  }
  SECTION("or at once, when it said that it begins nothing more") {
    l.leader.released(node_id{2});
  }
  auto entry = l.step();
  CHECK(lab::count(entry, command::kNodeDown) == 1);
  CHECK(lab::count(entry, command::kNodeUp) == 1);
  CHECK(l.answer() == errc::none);
  CHECK(l.map.node(node_id{2})->liveness == liveness::up);
  CHECK(l.map.node(node_id{2})->incarnation == incarnation{2});
  CHECK(l.row(p).stage == stage::unassigned);
  // It is heard of, as of now.
  l.pass(lease_over);
  all(l);
  CHECK(l.map.node(node_id{2})->liveness == liveness::up);
  CHECK(l.row(p).stage == stage::starting);
  CHECK(l.row(p).epoch > was);
}

TEST_CASE("coordinator: who was down, and who says again that it is up, waits "
          "for nothing",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  SECTION("down") {
    l.silent = node_id{2};
    l.pass(lease_over + 1ms);
    l.step();
    REQUIRE(l.map.node(node_id{2})->liveness == liveness::down);
    all(l);
    ask_up(l, 2, 2);
    auto entry = l.step();
    CHECK(lab::count(entry, command::kNodeUp) == 1);
    CHECK(lab::count(entry, command::kNodeDown) == 0);
  }
  SECTION("up, with another address") {
    ask_up(l, 2, 1);
    auto entry = l.step();
    CHECK(lab::count(entry, command::kNodeUp) == 1);
    CHECK(lab::count(entry, command::kNodeDown) == 0);
    CHECK(l.row(l.owned_by(2)).stage == stage::running);
  }
  CHECK(l.answer() == errc::none);
}

TEST_CASE("coordinator: what an earlier start says is neither heard nor "
          "believed",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  l.silent = node_id{2};
  auto p = l.owned_by(1);
  l.move(p, 2);
  l.step();
  proto::Facts facts;
  l.fill(*facts.add_failed(), p);
  for (boot_time passed{0}; passed < lease_over; passed += 50ms) {
    l.pass(50ms);
    l.leader.heard(l.now, node_id{2}, incarnation{0}, l.map.version(), facts,
                   l.map);
    if (passed + 50ms < lease_over)
      REQUIRE(l.idle());
  }
  l.pass(1ms);
  CHECK(lab::count(l.step(), command::kNodeDown) == 1);
}

TEST_CASE(
    "coordinator: who said that it begins nothing more, and speaks again, "
    "has a lease again",
    "[unit][coordinator]") {
  lab l{3};
  l.run();
  SECTION("before anything was done") {
    l.leader.released(node_id{2});
    l.hear(node_id{2});
    CHECK(l.idle());
  }
  SECTION("said to an earlier leader") {
    l.leader.released(node_id{2});
    l.leader.retire();
    l.leader.lead(l.now, l.now, l.map);
    CHECK(l.idle());
  }
}

// -- announced restarts -------------------------------------------------------

namespace {

/// Node 2 announced a restart, and its partitions have stopped.
struct restarting : lab {
  partition_id p = 0;
  epoch was;

  restarting() : lab{3} {
    run();
    p = owned_by(2);
    was = row(p).epoch;
    intend(2, proto::INTENT_RESTART);
    step();
    REQUIRE(row(p).stage == stage::pausing);
    REQUIRE(row(p).target == node_id{2});
  }
  void stop() {
    silent = node_id{2};
    leader.released(node_id{2});
    step();
    REQUIRE(map.node(node_id{2})->liveness == liveness::down);
  }
  void back() {
    ask_up(*this, 2, 2);
    step();
    REQUIRE(map.node(node_id{2})->incarnation == incarnation{2});
  }
};

} // namespace

TEST_CASE("coordinator: a state on the disk is not started from by the process "
          "that is about to end",
          "[unit][coordinator]") {
  restarting l;
  l.say_holding(node_id{2}, l.p);
  CHECK(l.idle());
  l.say_confirmed(l.p);
  CHECK(l.idle());
  l.stop();
  CHECK(l.idle());
  CHECK(l.row(l.p).stage == stage::pausing);
  l.back();
  l.hear_all();
  CHECK(l.idle()); // what it said in its last life is not to be relied on
}

TEST_CASE("coordinator: only who is to start again is believed to hold the "
          "state, and only of this epoch",
          "[unit][coordinator]") {
  restarting l;
  l.stop();
  l.back();
  l.hear_all();
  l.say_holding(node_id{3}, l.p);
  CHECK(l.idle());
  proto::Facts facts;
  l.fill(*facts.add_holding(), l.p);
  facts.mutable_holding(0)->set_epoch(l.was.value - 1);
  l.hear(node_id{2}, facts);
  CHECK(l.idle());
  l.say_holding(node_id{2}, l.p);
  l.step();
  CHECK(l.row(l.p).stage == stage::starting);
  CHECK(l.row(l.p).source == node_id{2});
  CHECK(l.row(l.p).source_epoch == l.was);
  CHECK(count_events(l, proto::EVENT_KIND_STATE_LOST) == 0);
}

TEST_CASE("coordinator: without a state a restarted partition starts empty, "
          "after a step, once its node has spoken",
          "[unit][coordinator]") {
  restarting l;
  l.pass(defaults.move_step); // the wait counts from when the node is back
  CHECK(l.idle());
  l.stop();
  l.pass(defaults.move_step);
  CHECK(l.idle());
  l.back();
  SECTION("having spoken") {
    l.silent = {};
    l.pass(defaults.move_step - 50ms);
    CHECK(l.idle());
    l.pass(50ms);
  }
  SECTION("not before it has") {
    for (int i = 0; i < 20; ++i) { // of an old map
      l.pass(defaults.move_step / 20);
      l.leader.heard(l.now, node_id{2}, incarnation{2}, log_index{1}, {},
                     l.map);
    }
    l.pass(500ms);
    CHECK(l.idle());
    l.hear(node_id{2});
  }
  l.step();
  CHECK(l.row(l.p).stage == stage::starting);
  CHECK(l.row(l.p).owner == node_id{2});
  CHECK_FALSE(l.row(l.p).source);
  CHECK(count_events(l, proto::EVENT_KIND_STATE_LOST)
        == static_cast<std::size_t>(
            std::count_if(l.rows().begin(), l.rows().end(),
                          [](auto& a) { return a.owner == node_id{2}; })));
}

TEST_CASE("coordinator: a node that crashes in its restart is waited for, for "
          "so long",
          "[unit][coordinator]") {
  restarting l;
  l.silent = node_id{2};
  l.pass(lease_over + 1ms);
  l.step();
  l.pass(defaults.restart_grace);
  CHECK(l.idle());
  SECTION("by a new leader too") {
    l.leader.retire();
    l.leader.lead(l.now, l.now, l.map);
    l.hear_all();
    l.pass(defaults.restart_grace);
    CHECK(l.idle());
  }
  l.pass(1ms);
  CHECK(lab::count(l.step(), command::kNodeDown) == 1);
  CHECK(l.map.node(node_id{2})->intent == intent::none);
  CHECK(l.row(l.p).stage == stage::unassigned);
  l.pass(defaults.restart_grace + 1ms);
  all(l);
  CHECK(count_events(l, proto::EVENT_KIND_NODE_DOWN) == 2);
}

// -- reports ------------------------------------------------------------------

TEST_CASE("coordinator: a report about another epoch or stage moves nothing",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(1);
  proto::Facts facts;
  SECTION("a confirmation of an earlier move") {
    l.move(p, 2);
    l.step();
    l.fill(*facts.add_confirmed(), p);
    facts.mutable_confirmed(0)->set_epoch(l.row(p).epoch.value - 1);
  }
  SECTION("a confirmation of what runs") {
    l.fill(*facts.add_confirmed(), p);
  }
  SECTION("a failure of an earlier start") {
    l.fill(*facts.add_failed(), p);
    facts.mutable_failed(0)->set_epoch(l.row(p).epoch.value - 1);
  }
  SECTION("a start of what runs") {
    l.fill(*facts.add_started(), p);
  }
  SECTION("of a partition that is not there") {
    for (auto* row :
         {facts.add_confirmed(), facts.add_failed(), facts.add_started()}) {
      l.fill(*row, p);
      row->set_partition(99);
    }
  }
  l.hear(node_id{1}, facts);
  CHECK(l.idle());
}

TEST_CASE("coordinator: of two reports about one partition one makes a change",
          "[unit][coordinator]") {
  lab l{3};
  auto p = begin_move(l);
  l.leader.take_answers();
  proto::Facts facts;
  l.fill(*facts.add_confirmed(), p);
  SECTION("the same twice") {
    l.fill(*facts.add_confirmed(), p);
    l.hear(node_id{1}, facts);
    auto entry = l.step();
    REQUIRE(entry.entry.commands_size() == 1);
    CHECK(entry.entry.commands(0).assign().rows_size() == 1);
  }
  SECTION("by another node, as if it was its own") {
    l.hear(node_id{1}, facts);
    l.hear(node_id{3}, facts);
    auto entry = l.step();
    REQUIRE(entry.entry.commands_size() == 1);
    CHECK(entry.entry.commands(0).assign().rows_size() == 1);
  }
  SECTION("a failure too: nothing was handed over") {
    l.fill(*facts.add_failed(), p);
    l.hear(node_id{1}, facts);
    auto entry = l.step();
    CHECK(lab::count(entry, command::kFailed) == 1);
    CHECK(lab::count(entry, command::kAssign) == 0);
  }
}

TEST_CASE("coordinator: what a node has said it says anew with its heartbeat, "
          "or takes back",
          "[unit][coordinator]") {
  lab l{3};
  l.step();
  proto::Facts facts;
  l.fill(*facts.add_started(), 0);
  l.leader.told(l.row(0).owner, facts);
  l.hear(l.row(0).owner); // it has nothing to say
  CHECK(l.idle());
  l.leader.told(l.row(0).owner, facts);
  l.step();
  CHECK(l.row(0).stage == stage::running);
}

TEST_CASE("coordinator: a confirmation for a target that is lost is a rollback",
          "[unit][coordinator]") {
  lab l{3};
  auto p = begin_move(l);
  proto::MapEntry down;
  down.add_commands()->mutable_node_down()->set_node(2);
  down.mutable_commands(0)->mutable_node_down()->set_incarnation(1);
  l.apply(down);
  l.say_confirmed(p);
  l.step();
  CHECK(l.row(p).stage == stage::starting);
  CHECK(l.row(p).owner == node_id{1});
  CHECK(l.row(p).source == node_id{1});
}

TEST_CASE("coordinator: what a lost node said that it holds is gone with it",
          "[unit][coordinator]") {
  lab l{4};
  auto p = begin_move(l);
  auto was = l.row(p).epoch;
  l.silent = node_id{1};
  l.pass(lease_over + 1ms);
  auto down = l.next(); // node 1
  REQUIRE(down);
  l.say_holding(node_id{2}, p); // of the pausing partition: its target
  l.leader.done(*down, log_index{l.at + 1}, l.apply(down->entry).results);
  REQUIRE(l.row(p).stage == stage::unassigned);
  REQUIRE(l.row(p).source_epoch == was);
  SECTION("it lives") {
    l.hear_all();
    all(l);
    CHECK(l.row(p).source == node_id{2});
  }
  SECTION("it is down as well") {
    proto::MapEntry entry;
    auto& cmd = *entry.add_commands()->mutable_node_down();
    cmd.set_node(2);
    cmd.set_incarnation(1);
    l.apply(entry);
    l.hear_all();
    all(l);
    CHECK(l.row(p).stage == stage::starting);
    CHECK_FALSE(l.row(p).source);
    CHECK(count_events(l, proto::EVENT_KIND_STATE_LOST) == 1);
  }
}

// -- leaving ------------------------------------------------------------------

TEST_CASE("coordinator: a leave asked for by an earlier start is refused",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  proto::CommandRequest what;
  what.mutable_leave()->set_incarnation(2);
  l.leader.request(l.now, {node_id{2}, 9}, what, l.map);
  CHECK(l.answer() == errc::conflict);
  CHECK(l.idle());
  CHECK(l.leader.leaving().empty());
}

TEST_CASE("coordinator: a node in the middle of a move is not let go",
          "[unit][coordinator]") {
  lab l{3};
  auto p = begin_move(l);
  l.leader.take_answers();
  proto::CommandRequest what;
  what.mutable_leave()->set_incarnation(1);
  l.leader.request(l.now, {node_id{2}, 9}, what, l.map);
  std::erase(l.members.voters, node_id{2});
  for (int i = 0; i < 30; ++i) { // all but this one go away from it
    l.pass(50ms);
    for (partition_id q = 0; q < l.rows().size(); ++q)
      if (q != p && l.row(q).stage == stage::starting)
        l.say_started(q);
      else if (q != p && l.row(q).stage == stage::pausing)
        l.say_confirmed(q);
    all(l);
  }
  REQUIRE(l.row(p).stage == stage::pausing);
  CHECK(l.leader.leaving().empty());
  CHECK(l.map.node(node_id{2})->liveness == liveness::up);
}
