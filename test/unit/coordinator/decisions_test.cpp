// What the leader proposes, entry by entry.
#include <stdexcept>

#include "lab.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using lab = coordinator_lab;
using command = proto::MapCommand;

// -- moves --------------------------------------------------------------------

TEST_CASE("coordinator: first owners at once when every node hosts the region, "
          "spread evenly",
          "[unit][coordinator]") {
  lab l{3};
  auto first = l.step();
  REQUIRE(lab::count(first, command::kAssign) == 1);
  std::map<node_id, int> load;
  for (auto& a : l.rows()) {
    CHECK(a.stage == stage::starting);
    CHECK(a.epoch.value == l.at);
    ++load[a.owner];
  }
  CHECK(load.size() == 3);
  for (auto& [id, n] : load)
    CHECK(n == 2);
  CHECK(l.idle());
}

TEST_CASE("coordinator: [SF-10] [R-5] a report of another epoch, or said "
          "twice, changes nothing",
          "[unit][coordinator]") {
  lab l{3};
  l.step();
  proto::Facts facts;
  l.fill(*facts.add_started(), 0);
  facts.mutable_started(0)->set_epoch(l.row(0).epoch.value - 1);
  l.hear(l.row(0).owner, facts);
  CHECK(l.idle());
  l.say_started(0);
  l.say_started(0);
  auto entry = l.step();
  REQUIRE(entry.entry.commands_size() == 1);
  CHECK(entry.entry.commands(0).started().rows_size() == 1);
  CHECK(l.row(0).stage == stage::running);
  l.say_started(0);
  CHECK(l.idle());
}

TEST_CASE("coordinator: a move is paused, confirmed with the state's place, "
          "and started",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(1);
  auto was = l.row(p).epoch;
  l.move(p, 2);
  l.step();
  CHECK(l.answer() == errc::none);
  CHECK(l.row(p).stage == stage::pausing);
  CHECK(l.row(p).epoch == was);
  CHECK(l.idle());
  l.say_confirmed(p);
  l.step();
  CHECK(l.row(p).stage == stage::starting);
  CHECK(l.row(p).owner == node_id{2});
  CHECK(l.row(p).epoch > was);
  CHECK(l.row(p).source == node_id{1});
  CHECK(l.row(p).source_epoch == was);
  l.say_started(p);
  l.step();
  CHECK(l.row(p).stage == stage::running);
}

TEST_CASE("coordinator: of two moves of one partition the first holds, in one "
          "entry and in two",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(1);
  l.move(p, 2, 77);
  SECTION("in one") {
    l.move(p, 3, 78);
    auto entry = l.step();
    CHECK(lab::count(entry, command::kPause) == 1);
  }
  SECTION("in two") {
    auto first = l.next();
    REQUIRE(first);
    l.move(p, 3, 78); // asked for while the first is on its way
    l.leader.done(*first, log_index{l.at + 1}, l.apply(first->entry).results);
    CHECK(l.idle());
  }
  CHECK(l.row(p).target == node_id{2});
  std::map<std::uint64_t, errc> codes;
  for (auto& one : l.leader.take_answers())
    codes[one.to.id] = static_cast<errc>(one.reply.code());
  CHECK(codes[77] == errc::none);
  CHECK(codes[78] == errc::conflict);
}

TEST_CASE("coordinator: a move that takes too long is rolled back under a new "
          "epoch, not sooner",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(1);
  auto was = l.row(p).epoch;
  l.move(p, 2);
  l.step();
  cluster_settings settings;
  l.pass(settings.stop_deadline + settings.move_step);
  CHECK(l.idle());
  l.pass(10ms);
  auto back = l.step();
  CHECK(l.row(p).stage == stage::starting);
  CHECK(l.row(p).owner == node_id{1});
  CHECK(l.row(p).epoch > was);
  CHECK(l.row(p).source == node_id{1});
  CHECK(l.row(p).source_epoch == was);
  CHECK(back.entry.commands(0).assign().cause() == "rolled back");
}

TEST_CASE("coordinator: the target is lost while the partition pauses: rolled "
          "back at once",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(1);
  l.move(p, 2);
  l.step();
  l.silent = node_id{2};
  l.pass(1200ms);
  auto down = l.step();
  CHECK(lab::count(down, command::kNodeDown) == 1);
  l.step();
  CHECK(l.row(p).stage == stage::starting);
  CHECK(l.row(p).owner == node_id{1});
}

TEST_CASE("coordinator: no more moves at a time than a node may have",
          "[unit][coordinator]") {
  cluster_settings settings;
  settings.moves_max = 2;
  lab l{2, 12, settings};
  l.run();
  l.intend(1, proto::INTENT_DRAIN);
  auto entry = l.step();
  int moves = 0;
  for (auto& one : entry.entry.commands())
    moves += one.pause().rows_size();
  CHECK(moves == 2);
  CHECK(l.idle());
  l.say_confirmed(l.owned_by(1));
  l.run();
  for (auto& a : l.rows())
    CHECK(a.owner == node_id{2});
}

// -- nodes --------------------------------------------------------------------

TEST_CASE("coordinator: a silent node is down after lease and margin, and its "
          "partitions go to the others",
          "[unit][coordinator]") {
  auto grace = GENERATE(0ms, 500ms);
  cluster_settings settings;
  settings.crash_grace = grace;
  lab l{3, 6, settings};
  l.run();
  l.silent = node_id{3};
  auto others = l.row(l.owned_by(1)).epoch;
  l.pass(settings.lease + settings.margin + grace);
  CHECK(l.idle());
  l.pass(1ms);
  auto down = l.step();
  CHECK(lab::count(down, command::kNodeDown) == 1);
  l.run();
  for (auto& a : l.rows())
    CHECK(a.owner != node_id{3});
  CHECK(l.row(l.owned_by(1)).epoch == others);
}

TEST_CASE("coordinator: [AR-6] joins within the window make one plan, and a "
          "crash does not wait for it",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto plans = [&] {
    return std::count_if(l.events.begin(), l.events.end(), [](auto& e) {
      return e.kind() == proto::EVENT_KIND_PLAN_MADE;
    });
  };
  auto before = plans();
  auto join = [&](std::uint64_t id) {
    proto::MapEntry entry;
    auto& cmd = *entry.add_commands()->mutable_admit_node();
    cmd.set_uuid("u" + std::to_string(id));
    cmd.set_name("n" + std::to_string(id));
    lab::add_up(entry, id);
    lab::add_host(entry, id, 6, "balanced");
    l.apply(entry);
  };
  join(4);
  l.pass(600ms);
  CHECK(l.idle());
  join(5);
  l.pass(900ms);
  CHECK(l.idle());
  SECTION("until it is stable") {
    l.pass(100ms);
    auto entry = l.step();
    CHECK(lab::count(entry, command::kPause) == 1);
    CHECK(plans() == before + 1);
  }
  SECTION("or somebody crashes") {
    join(6);
    l.silent = node_id{1};
    l.pass(500ms);
    join(7);
    l.pass(700ms);
    auto down = l.step();
    CHECK(lab::count(down, command::kNodeDown) == 1);
    auto entry = l.step();
    CHECK(lab::count(entry, command::kAssign) == 1);
    CHECK(lab::count(entry, command::kPause) == 0);
  }
}

TEST_CASE("coordinator: when a restart is called off, what has stopped for it "
          "starts again where it is",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(2);
  auto was = l.row(p).epoch;
  l.intend(2, proto::INTENT_RESTART);
  l.step();
  REQUIRE(l.row(p).stage == stage::pausing);
  bool drains = GENERATE(false, true);
  l.intend(2, drains ? proto::INTENT_DRAIN : proto::INTENT_UNSPECIFIED);
  l.step();
  CHECK(l.row(p).stage == stage::starting);
  CHECK(l.row(p).owner == node_id{2});
  CHECK(l.row(p).source == node_id{2});
  CHECK(l.row(p).source_epoch == was);
  l.run(); // what drains moves as ever
  CHECK((l.row(p).owner == node_id{2}) == !drains);
}

TEST_CASE("coordinator: partitions wait on the disk of a node that restarts, "
          "for so long",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(2);
  auto was = l.row(p).epoch;
  l.intend(2, proto::INTENT_RESTART);
  auto entry = l.step();
  CHECK(lab::count(entry, command::kPause) == 1);
  CHECK(l.row(p).stage == stage::pausing);
  CHECK(l.row(p).target == node_id{2});
  l.silent = node_id{2};
  l.pass(1200ms);
  l.step();
  CHECK(l.row(p).stage == stage::pausing);
  SECTION("it is back: it starts them again, from their states") {
    proto::MapEntry up;
    lab::add_up(up, 2, 2);
    l.apply(up);
    l.silent = {};
    l.hear_all();
    CHECK(l.idle());
    l.say_holding(node_id{2}, p);
    l.step();
    CHECK(l.row(p).stage == stage::starting);
    CHECK(l.row(p).owner == node_id{2});
    CHECK(l.row(p).source == node_id{2});
    CHECK(l.row(p).source_epoch == was);
  }
  SECTION("it is not: they are given away, and their states are lost") {
    l.pass(cluster_settings{}.restart_grace - 1300ms);
    CHECK(l.idle());
    l.pass(1500ms);
    l.step();
    CHECK(l.row(p).stage == stage::unassigned);
    l.hear_all();
    l.step();
    CHECK(l.row(p).stage == stage::starting);
    CHECK(l.row(p).owner != node_id{2});
    CHECK_FALSE(l.row(p).source);
  }
}

TEST_CASE("coordinator: a node is let go when it owns nothing and is no member "
          "any more",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  proto::CommandRequest what;
  what.mutable_leave()->set_incarnation(1);
  l.leader.request(l.now, {node_id{2}, 9}, what, l.map);
  l.run();
  CHECK(l.leader.leaving().count(node_id{2}) == 1);
  for (auto& a : l.rows())
    CHECK(a.owner != node_id{2});
  CHECK(l.map.node(node_id{2})->liveness == liveness::up);
  l.move(0, 2);
  CHECK(l.answer() == errc::conflict);
  std::erase(l.members.voters, node_id{2});
  l.step();
  CHECK(l.map.node(node_id{2})->liveness == liveness::left);
  CHECK(l.answer() == errc::none);
}

TEST_CASE("coordinator: who waits is told when leadership is lost",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  l.move(l.owned_by(1), 2);
  l.leader.retire();
  CHECK(l.answer() == errc::not_leader);
  CHECK(l.idle());
  l.move(l.owned_by(1), 2);
  CHECK(l.answer() == errc::not_leader);
}

// -- states and failures ------------------------------------------------------

namespace {

/// Partition p had a state at node 1, which was lost with the way to it.
struct stranded : lab {
  partition_id p = 0;
  epoch was;

  stranded() : lab{4} {
    run();
    p = owned_by(1);
    was = row(p).epoch;
    move(p, 2);
    step();
    leader.take_answers();
    silent = node_id{1};
    now += 2s;
    for (std::uint64_t id : {3, 4})
      hear(node_id{id});
    for (int i = 0; i < 60; ++i) { // 2 speaks, but from an old map
      now += 20ms;
      leader.heard(now, node_id{2}, incarnation{1}, log_index{1}, {}, map);
      hear(node_id{3});
      hear(node_id{4});
    }
    step();
    REQUIRE(row(p).stage == stage::unassigned);
    REQUIRE(row(p).source_epoch == was);
  }
  bool assigned() {
    while (auto more = next())
      leader.done(*more, log_index{at + 1}, apply(more->entry).results);
    return row(p).stage == stage::starting;
  }
};

} // namespace

TEST_CASE("coordinator: a state counts as lost only when all who live have "
          "said so, or are silent for a step",
          "[unit][coordinator]") {
  stranded l;
  CHECK_FALSE(l.assigned());
  l.hear(node_id{3});
  l.hear(node_id{4});
  CHECK_FALSE(l.assigned());
  SECTION("the last one says that it holds it") {
    l.say_holding(node_id{2}, l.p);
    REQUIRE(l.assigned());
    CHECK(l.row(l.p).source == node_id{2});
    CHECK(l.row(l.p).source_epoch == l.was);
  }
  SECTION("the last one says that it does not") {
    l.hear(node_id{2});
    REQUIRE(l.assigned());
    CHECK_FALSE(l.row(l.p).source);
    CHECK(std::count_if(
              l.events.begin(), l.events.end(),
              [](auto& e) { return e.kind() == proto::EVENT_KIND_STATE_LOST; })
          == 1);
  }
  SECTION("the last one only speaks of an old map") {
    auto until = l.now + cluster_settings{}.move_step;
    while (l.now + 20ms < until) {
      l.now += 20ms;
      l.leader.heard(l.now, node_id{2}, incarnation{1}, log_index{1}, {},
                     l.map);
      l.hear(node_id{3});
      l.hear(node_id{4});
      REQUIRE_FALSE(l.assigned());
    }
    l.now += 100ms;
    l.leader.heard(l.now, node_id{2}, incarnation{1}, log_index{1}, {}, l.map);
    CHECK(l.assigned());
  }
}

TEST_CASE("coordinator: [R-9] a start that fails is tried elsewhere, three "
          "times, then quarantined",
          "[unit][coordinator]") {
  lab l{4};
  l.step();
  std::vector<node_id> tried;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(l.row(0).stage == stage::starting);
    tried.push_back(l.row(0).owner);
    l.say_failed(0, "no");
    l.step();
    l.hear_all();
    if (auto more = l.next())
      l.apply(more->entry);
  }
  CHECK(tried[1] != tried[0]);
  CHECK(tried[2] != tried[1]);
  CHECK(l.row(0).quarantined);
  CHECK(l.row(0).failure == "no");
  l.pass(3s);
  CHECK(l.row(0).stage == stage::unassigned);
  SECTION("until somebody asks for it") {
    while (auto more = l.next())
      l.apply(more->entry);
    l.move(0, 2);
    l.step();
    CHECK(l.row(0).stage == stage::starting);
    CHECK_FALSE(l.row(0).quarantined);
  }
}

TEST_CASE("coordinator: [R-17] a strategy that throws is skipped with an "
          "event, once for each change",
          "[unit][coordinator]") {
  auto made = make_strategy("moody",
                            [](const placement_input&) -> std::vector<node_id> {
                              throw std::runtime_error{"not today"};
                            });
  coordinator::strategies own;
  own["moody"] = std::get<placement_strategy_ptr>(made);
  lab l{3, 6, {}, own, "moody"};
  auto entry = l.step();
  REQUIRE(entry.entry.commands_size() == 1);
  CHECK(entry.entry.commands(0).plan_made().problem().find("not today")
        != std::string::npos);
  l.pass(3s);
  CHECK(l.idle());
  proto::MapEntry up;
  lab::add_up(up, 3, 2);
  l.apply(up);
  l.pass(2s);
  CHECK(lab::count(l.step(), command::kPlanMade) == 1);
  CHECK(l.idle());
}
