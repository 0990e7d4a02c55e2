// Nodes that come and go, first owners, and how many move at a time.
#include "words.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using lab = coordinator_lab;
using command = proto::MapCommand;

// -- nodes that come and go ---------------------------------------------------

TEST_CASE("coordinator: a node that was let go and is back takes its part",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  ask_to_leave(l, 2);
  l.run();
  std::erase(l.members.voters, node_id{2});
  l.run();
  REQUIRE(l.map.node(node_id{2})->liveness == liveness::left);
  CHECK(l.leader.leaving().empty());
  ask_up(l, 2, 2);
  l.run();
  REQUIRE(l.map.node(node_id{2})->liveness == liveness::up);
  l.pass(defaults.stabilisation);
  l.run();
  CHECK(std::count_if(l.rows().begin(), l.rows().end(),
                      [](auto& a) { return a.owner == node_id{2}; })
        == 2);
}

TEST_CASE("coordinator: what nobody can start any more does not keep a node "
          "from going, what nobody else can take neither",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  auto p = l.owned_by(2);
  SECTION("quarantined where it failed") {
    for (int i = 0; i < 3; ++i) {
      proto::MapEntry entry;
      auto& assign = *entry.add_commands()->mutable_assign();
      l.fill(*assign.add_rows(), p);
      assign.mutable_rows(0)->set_node(2);
      l.apply(entry);
      entry.Clear();
      auto& failed = *entry.add_commands()->mutable_failed();
      failed.set_quarantine_after(3);
      l.fill(*failed.add_rows(), p);
      l.apply(entry);
    }
    REQUIRE(l.row(p).quarantined);
    REQUIRE(l.row(p).target == node_id{2});
    ask_to_leave(l, 2);
    for (int i = 0; i < 40; ++i) {
      l.pass(50ms);
      for (partition_id q = 0; q < 6; ++q)
        if (l.row(q).stage == stage::starting)
          l.say_started(q);
        else if (l.row(q).stage == stage::pausing)
          l.say_confirmed(q);
      all(l);
    }
  }
  SECTION("waiting for its restart") {
    l.intend(2, proto::INTENT_RESTART);
    l.step();
    REQUIRE(l.row(p).target == node_id{2});
    ask_to_leave(l, 2);
    l.next();
  }
  SECTION("the others drain") {
    l.intend(1, proto::INTENT_DRAIN);
    l.intend(3, proto::INTENT_DRAIN);
    ask_to_leave(l, 2);
    l.next();
  }
  CHECK(l.leader.leaving().count(node_id{2}) == 1);
}

TEST_CASE("coordinator: the last member is let go as it is",
          "[unit][coordinator]") {
  lab l{1};
  l.run();
  ask_to_leave(l, 1);
  CHECK(lab::count(l.step(), command::kNodeLeft) == 1);
}

TEST_CASE("coordinator: balance waits for a stable view of who came up, a "
          "drain does not",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  l.apply(down(l, 2));
  l.run();
  proto::MapEntry entry;
  lab::add_up(entry, 2, 2);
  l.apply(entry);
  l.pass(defaults.stabilisation - 1ms);
  CHECK(l.idle());
  if (GENERATE(true, false))
    l.intend(1, proto::INTENT_DRAIN);
  else
    l.pass(1ms);
  CHECK(lab::count(l.step(), command::kPause) == 1);
}

TEST_CASE("coordinator: balance waits for a stable view of who left, what it "
          "had does not",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  l.apply(down(l, 2));
  l.run();
  proto::MapEntry entry;
  lab::add_up(entry, 2, 2);
  l.apply(entry);
  l.pass(900ms);
  REQUIRE(l.idle());
  entry.Clear();
  auto& left = *entry.add_commands()->mutable_node_left();
  left.set_node(3);
  left.set_incarnation(1);
  l.apply(entry);
  CHECK(lab::count(l.step(), command::kAssign) == 1);
  all(l);
  l.pass(defaults.stabilisation - 1ms);
  for (partition_id p = 0; p < 6; ++p)
    if (l.row(p).stage == stage::starting)
      l.say_started(p);
  all(l);
  auto paused = [&] {
    return std::any_of(l.rows().begin(), l.rows().end(),
                       [](auto& a) { return a.stage == stage::pausing; });
  };
  bool uneven = std::count_if(l.rows().begin(), l.rows().end(),
                              [](auto& a) { return a.owner == node_id{1}; })
                != 3;
  CHECK_FALSE(paused());
  l.pass(1ms);
  all(l);
  CHECK(paused() == uneven);
}

TEST_CASE("coordinator: who announced a restart and goes on running is not "
          "given up, nor who has returned",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  l.intend(2, proto::INTENT_RESTART);
  l.step();
  SECTION("it takes its time") {
    l.pass(defaults.restart_grace + 1s);
    CHECK(l.idle());
  }
  SECTION("it is back") {
    l.apply(down(l, 2));
    ask_up(l, 2, 2);
    l.step();
    l.pass(1s);
    for (partition_id p = 0; p < 6; ++p)
      if (l.row(p).stage == stage::pausing)
        l.say_holding(node_id{2}, p);
    l.run();
    l.pass(defaults.restart_grace + 1s);
    CHECK(l.idle());
  }
  CHECK(l.map.node(node_id{2})->liveness == liveness::up);
}

TEST_CASE("coordinator: a restart pauses what runs, and nothing else",
          "[unit][coordinator]") {
  lab l{3};
  auto p = begin_move(l);
  l.say_confirmed(p);
  l.step();
  REQUIRE(l.row(p).stage == stage::starting);
  l.intend(2, proto::INTENT_RESTART);
  auto entry = l.step();
  REQUIRE(lab::count(entry, command::kPause) == 1);
  CHECK(entry.entry.commands(0).pause().rows_size() == 2);
  CHECK(l.idle());
  l.say_started(p);
  l.step();
  CHECK(lab::count(l.step(), command::kPause) == 1);
  CHECK(l.row(p).target == node_id{2});
}

TEST_CASE("coordinator: a new start of a node has not said what it holds",
          "[unit][coordinator]") {
  orphan l;
  l.hear(node_id{2});
  l.hear(node_id{3});
  ask_up(l, 3, 2);
  l.leader.released(node_id{3});
  l.step();
  REQUIRE(l.map.node(node_id{3})->incarnation == incarnation{2});
  l.hear(node_id{4});
  all(l);
  CHECK(l.row(l.p).stage == stage::unassigned);
  l.say_holding(node_id{3}, l.p); // from its disk
  all(l);
  CHECK(l.row(l.p).source == node_id{3});
}

TEST_CASE("coordinator: who is down in the map is not asked for a state",
          "[unit][coordinator]") {
  orphan l;
  proto::Facts facts;
  l.fill(*facts.add_holding(), l.p);
  l.leader.heard(l.now, node_id{1}, incarnation{1}, l.map.version(), facts,
                 l.map); // cut off, and it does not know
  for (std::uint64_t id = 2; id <= 4; ++id)
    l.hear(node_id{id});
  all(l);
  CHECK(l.row(l.p).stage == stage::starting);
  CHECK_FALSE(l.row(l.p).source);
}

TEST_CASE("coordinator: what a node said of a newer map counts, whatever comes "
          "late",
          "[unit][coordinator]") {
  orphan l;
  l.hear(node_id{2});
  l.hear(node_id{3});
  l.leader.heard(l.now, node_id{3}, incarnation{1}, log_index{1}, {}, l.map);
  l.hear(node_id{4});
  all(l);
  CHECK(l.row(l.p).stage == stage::starting);
}

TEST_CASE("coordinator: a holder of an earlier state is not taken for one of "
          "the last",
          "[unit][coordinator]") {
  orphan l;
  proto::Facts facts;
  l.fill(*facts.add_holding(), l.p);
  facts.mutable_holding(0)->set_epoch(l.row(l.p).epoch.value - 1);
  l.hear(node_id{2}, facts);
  l.hear(node_id{3});
  l.hear(node_id{4});
  all(l);
  CHECK(l.row(l.p).stage == stage::starting);
  CHECK_FALSE(l.row(l.p).source);
}

// -- first owners, and how many at a time -------------------------------------

TEST_CASE("coordinator: first owners wait for who joins, for a while",
          "[unit][coordinator]") {
  coordinator leader{defaults, {}};
  auto map = shard_map::found(
      "c", {{node_id{1}, "u1", "n1", ""}, {node_id{2}, "u2", "n2", ""}},
      log_index{1});
  raft::configuration members;
  members.voters = {node_id{1}, node_id{2}};
  boot_time now = 100s;
  leader.lead(now, now, map);
  proto::MapEntry entry;
  lab::add_up(entry, 1);
  bool both = GENERATE(false, true);
  if (both) // up, and does not host the region yet
    lab::add_up(entry, 2);
  lab::add_host(entry, 1, 6, "balanced");
  leader.applied(now, map.apply(log_index{2}, entry), map);
  CHECK_FALSE(leader.next(now, 0, map, members));
  now += defaults.stabilisation;
  for (std::uint64_t id = 1; id <= 2; ++id)
    leader.heard(now, node_id{id}, incarnation{1}, map.version(), {}, map);
  auto first = leader.next(now, 0, map, members);
  REQUIRE(first);
  CHECK(lab::count(*first, command::kAssign) == 1);
}

TEST_CASE("coordinator: moves at a time are counted at both ends, those under "
          "way too",
          "[unit][coordinator]") {
  cluster_settings settings;
  settings.moves_max = 3;
  lab l{4, 24, settings};
  l.run();
  auto pauses = [&] {
    std::map<node_id, int> from, to;
    for (auto& a : l.rows()) {
      if (a.stage == stage::pausing) {
        ++from[a.owner];
        ++to[a.target];
      } else if (a.stage == stage::starting) {
        ++to[a.owner];
      }
    }
    for (auto* side : {&from, &to})
      for (auto& [id, n] : *side)
        CHECK(n <= 3);
    return from.size();
  };
  bool two = GENERATE(false, true);
  l.intend(1, proto::INTENT_DRAIN);
  if (two) {
    l.intend(2, proto::INTENT_DRAIN);
    l.intend(3, proto::INTENT_DRAIN); // all to one
  }
  for (int i = 0; i < 40; ++i) {
    all(l);
    pauses();
    for (partition_id p = 0; p < 24; ++p) // one step of one, then look again
      if (l.row(p).stage == stage::starting) {
        l.say_started(p);
        break;
      } else if (l.row(p).stage == stage::pausing) {
        l.say_confirmed(p);
        break;
      }
  }
  l.run();
  for (auto& a : l.rows())
    CHECK(a.owner != node_id{1});
}

TEST_CASE("coordinator: only who hosts a region gets its partitions",
          "[unit][coordinator]") {
  lab l{3};
  proto::MapEntry entry;
  lab::add_host(entry, 3, 6, "balanced");
  entry.mutable_commands(0)->mutable_announce_region()->set_hosts(false);
  l.apply(entry);
  l.run();
  for (auto& a : l.rows())
    CHECK(a.owner != node_id{3});
}

TEST_CASE("coordinator: a node that asked to leave and was started anew before "
          "it was let go stays",
          "[unit][coordinator]") {
  lab l{3};
  l.run();
  ask_to_leave(l, 2);
  l.run();
  REQUIRE(l.leader.leaving().count(node_id{2}) == 1);
  ask_up(l, 2, 2); // it crashed before it heard
  l.leader.released(node_id{2});
  l.step();
  CHECK(l.leader.leaving().empty());
  std::erase(l.members.voters, node_id{2});
  l.run();
  l.pass(defaults.stabilisation);
  l.run();
  CHECK(l.map.node(node_id{2})->liveness == liveness::up);
  CHECK(std::count_if(l.rows().begin(), l.rows().end(),
                      [](auto& a) { return a.owner == node_id{2}; })
        == 2);
}
