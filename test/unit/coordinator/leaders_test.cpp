// What a leader keeps, forgets and does again: leaders that change, proposals
// that fail.
#include "words.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using lab = coordinator_lab;
using command = proto::MapCommand;

// -- a new leader -------------------------------------------------------------

TEST_CASE("coordinator: a new leader believes nothing that was said to the "
          "last one",
          "[unit][coordinator]") {
  SECTION("reports") {
    lab l{3};
    l.step();
    proto::Facts facts;
    l.fill(*facts.add_started(), 0);
    l.leader.told(l.row(0).owner, facts);
    elect_again(l);
    CHECK(l.idle());
    l.say_started(0);
    CHECK(lab::count(l.step(), command::kStarted) == 1);
  }
  SECTION("who holds a state") {
    orphan l;
    l.say_holding(node_id{3}, l.p);
    elect_again(l);
    for (std::uint64_t id = 2; id <= 4; ++id)
      l.hear(node_id{id});
    all(l);
    CHECK(l.row(l.p).stage == stage::starting);
    CHECK_FALSE(l.row(l.p).source);
  }
  SECTION("that somebody holds none") {
    orphan l;
    l.hear(node_id{2});
    l.hear(node_id{3});
    elect_again(l);
    l.hear(node_id{4});
    all(l);
    CHECK(l.row(l.p).stage == stage::unassigned);
    l.say_holding(node_id{2}, l.p);
    all(l);
    CHECK(l.row(l.p).source == node_id{2});
  }
  SECTION("who wants to leave") {
    lab l{3};
    l.run();
    ask_to_leave(l, 2);
    l.run();
    REQUIRE(l.leader.leaving().count(node_id{2}) == 1);
    elect_again(l);
    CHECK(l.answer() == errc::not_leader);
    CHECK(l.leader.leaving().empty());
    std::erase(l.members.voters, node_id{2});
    l.run();
    CHECK(l.map.node(node_id{2})->liveness == liveness::up);
  }
}

TEST_CASE("coordinator: a new leader gives a partition that may have been cut "
          "off meanwhile to nobody before its lease is over",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  resize(l, 3);
  resize(l, 6);
  l.pass(lease_over + 1ms);
  elect_again(l); // it did not see when that was
  l.pass(lease_over);
  CHECK(l.row(5).stage == stage::unassigned);
  CHECK(l.idle());
  SECTION("but what was lost with its owner goes on at once") {
    l.apply(down(l, 3));
    l.hear_all();
    auto p = partition_id{0};
    while (l.row(p).stage != stage::unassigned)
      ++p;
    all(l);
    CHECK(l.row(p).stage == stage::starting);
    CHECK(l.row(5).stage == stage::unassigned);
  }
  l.pass(1ms);
  all(l);
  CHECK(l.row(5).stage == stage::starting);
}

TEST_CASE("coordinator: a new leader does not wait with what never ran",
          "[unit][coordinator]") {
  lab l{3};
  elect_again(l);
  l.hear_all();
  CHECK(lab::count(l.step(), command::kAssign) == 1);
}

TEST_CASE("coordinator: a new leader waits for who never came up as long as "
          "the last one",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  proto::MapEntry entry;
  entry.add_commands()->mutable_admit_node()->set_uuid("u4");
  entry.mutable_commands(0)->mutable_admit_node()->set_name("n4");
  l.apply(entry);
  l.pass(defaults.restart_grace);
  CHECK(l.idle());
  elect_again(l);
  l.pass(defaults.restart_grace);
  CHECK(l.idle());
  l.pass(1ms);
  CHECK(lab::count(l.step(), command::kNodeDown) == 1);
  l.pass(defaults.restart_grace + 1ms);
  CHECK(l.idle());
}

TEST_CASE("coordinator: a step counts from when this leader saw it begin",
          "[unit][coordinator]") {
  lab l{3};
  auto p = begin_move(l);
  auto step = defaults.stop_deadline + defaults.move_step;
  l.pass(step);
  elect_again(l);
  l.pass(step);
  all(l);
  CHECK(l.row(p).stage == stage::pausing);
  l.pass(1ms);
  all(l);
  CHECK(l.row(p).stage == stage::starting);
}

// -- proposals ----------------------------------------------------------------

TEST_CASE("coordinator: what a failed proposal was to place is placed by the "
          "next one",
          "[unit][coordinator]") {
  lab l{3};
  SECTION("first owners") {
    auto first = l.next();
    REQUIRE(first);
    CHECK(l.idle());
    l.leader.failed(*first, errc::no_quorum);
    CHECK(lab::count(l.step(), command::kAssign) == 1);
  }
  SECTION("a move to balance") {
    auto p = begin_move(l);
    l.say_confirmed(p);
    l.step();
    l.say_started(p);
    l.step();
    l.leader.take_answers();
    proto::CommandRequest what;
    what.mutable_plan()->set_apply(true);
    l.leader.request(l.now, {node_id{1}, 5}, what, l.map);
    auto moves = l.next();
    REQUIRE(moves);
    REQUIRE(lab::count(*moves, command::kPause) == 1);
    l.leader.failed(*moves, errc::no_quorum);
    l.pass(defaults.stabilisation);
    CHECK(lab::count(l.step(), command::kPause) == 1);
  }
}

TEST_CASE("coordinator: who asks for what only the leader says is refused",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  proto::CommandRequest what;
  auto p = l.owned_by(1);
  l.fill(*what.mutable_map()->mutable_assign()->add_rows(), p);
  what.mutable_map()->mutable_assign()->mutable_rows(0)->set_node(2);
  l.leader.request(l.now, {node_id{2}, 5}, what, l.map);
  CHECK(l.answer() == errc::conflict);
  CHECK(l.idle());
}

TEST_CASE("coordinator: one entry gives a partition to one node",
          "[unit][coordinator]") {
  lab l{3};
  l.move(0, 2); // it has no owner yet
  auto entry = l.step();
  std::map<partition_id, int> given;
  for (auto& one : entry.entry.commands())
    for (auto& row : one.assign().rows())
      ++given[row.partition()];
  CHECK(given.size() == 6);
  for (auto& [p, times] : given)
    CHECK(times == 1);
  CHECK(l.row(0).owner == node_id{2});
}

TEST_CASE("coordinator: a move to a node that wants to leave by now is refused",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(1);
  l.move(p, 2, 77);
  ask_to_leave(l, 2);
  l.next();
  CHECK(l.answer() == errc::conflict);
}

TEST_CASE("coordinator: a move is refused to who cannot take it, and of what "
          "does not run",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(1);
  SECTION("it drains") {
    l.intend(2, proto::INTENT_DRAIN);
    l.move(p, 2);
  }
  SECTION("it does not host the region") {
    proto::MapEntry entry;
    lab::add_host(entry, 2, 6, "balanced");
    entry.mutable_commands(0)->mutable_announce_region()->set_hosts(false);
    l.apply(entry);
    l.move(p, 2);
  }
  SECTION("it moves already") {
    l.move(p, 2);
    l.step();
    l.leader.take_answers();
    l.move(p, 3);
  }
  SECTION("its state is looked for") {
    orphan o;
    o.move(o.p, 2);
    CHECK(o.answer() == errc::conflict);
    return;
  }
  CHECK(l.answer() == errc::conflict);
}
