// Steps of moves that take too long: each has an end, and is not tried again
// and again at the cost of those who wait.
#include "words.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using lab = coordinator_lab;

namespace {

const auto deadline = defaults.stop_deadline + defaults.move_step;

bool rolled_back(const proposal& what) {
  auto& commands = what.entry.commands();
  return std::any_of(commands.begin(), commands.end(), [](auto& one) {
    return one.assign().cause() == "rolled back";
  });
}

/// Three nodes with three partitions each, and a fourth that has just come.
struct newcomer : lab {
  newcomer() : lab{3, 9} {
    run();
    add(4);
    pass(defaults.stabilisation);
  }
  void add(std::uint64_t id) {
    proto::MapEntry entry;
    entry.add_commands()->mutable_admit_node()->set_uuid("new");
    entry.mutable_commands(0)->mutable_admit_node()->set_name("n4");
    apply(entry);
    proto::MapEntry up;
    add_up(up, id, map.node(node_id{id})->incarnation.value + 1);
    add_host(up, id, 9, "balanced",
             map.node(node_id{id})->incarnation.value + 1);
    apply(up);
  }
  std::vector<partition_id> pausing() {
    std::vector<partition_id> out;
    for (partition_id p = 0; p < rows().size(); ++p)
      if (row(p).stage == stage::pausing)
        out.push_back(p);
    return out;
  }
  /// How long until the next move to balance is tried.
  boot_time until_next_try() {
    auto since = now;
    while (now - since < 10min) {
      if (auto more = next()) {
        leader.done(*more, log_index{at + 1}, apply(more->entry).results);
        if (!pausing().empty())
          return now - since;
      } else {
        pass(50ms);
      }
      for (partition_id p = 0; p < rows().size(); ++p)
        if (row(p).stage == stage::starting)
          say_started(p);
    }
    return 10min;
  }
  /// The moves under way come to nothing.
  void roll_back() {
    pass(deadline + 10ms);
    auto back = step();
    REQUIRE(rolled_back(back));
  }
};

} // namespace

TEST_CASE("coordinator: [INV-COORD-6] a start whose state does not come is "
          "given to who holds it",
          "[unit][coordinator]") {
  lab l{4};
  l.run();
  auto p = l.owned_by(1);
  auto was = l.row(p).epoch;
  l.move(p, 2);
  l.step();
  l.say_confirmed(p);
  l.step();
  l.silent = node_id{2}; // it dies with its copy
  l.pass(1200ms);
  l.step();
  REQUIRE(l.row(p).stage == stage::unassigned);
  l.say_holding(node_id{1}, p);
  l.step();
  REQUIRE(l.row(p).stage == stage::starting);
  // To whomever it was given: there it waits for what does not come.
  auto first = l.row(p).owner;
  REQUIRE(l.row(p).source == node_id{1});
  if (first == node_id{1})
    return;
  l.say_unstarted(p);
  l.step();
  CHECK(l.row(p).stage == stage::unassigned);
  CHECK(l.row(p).failures == 0);
  CHECK(l.row(p).source_epoch == was);
  l.say_holding(node_id{1}, p);
  l.step();
  CHECK(l.row(p).stage == stage::starting);
  CHECK(l.row(p).owner == node_id{1});
  CHECK(l.row(p).source == node_id{1});
}

TEST_CASE("coordinator: what never began elsewhere is not quarantined for it",
          "[unit][coordinator]") {
  lab l{4};
  l.step();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(l.row(0).stage == stage::starting);
    auto tried = l.row(0).owner;
    l.say_unstarted(0);
    l.step();
    l.hear_all();
    l.step();
    CHECK(l.row(0).owner != tried);
  }
  CHECK_FALSE(l.row(0).quarantined);
}

TEST_CASE("coordinator: [R-8] a start that hangs is tried elsewhere where the "
          "region says fence, and left alone where it says wait",
          "[unit][coordinator]") {
  bool fences = GENERATE(false, true);
  lab l{3,  6,          {},
        {}, "balanced", fences ? overrun_policy::fence : overrun_policy::wait};
  l.step();
  auto owner = l.row(0).owner;
  for (partition_id p = 1; p < l.rows().size(); ++p)
    l.say_started(p);
  l.step();
  l.pass(deadline);
  CHECK(l.idle());
  l.pass(10ms);
  if (!fences) {
    CHECK(l.idle());
    return;
  }
  l.step();
  l.step();
  CHECK(l.row(0).stage == stage::starting);
  CHECK(l.row(0).owner != owner);
  CHECK(l.row(0).failures == 1);
}

TEST_CASE("coordinator: a move to balance that came to nothing is tried again "
          "less and less often",
          "[unit][coordinator]") {
  newcomer l;
  CHECK(l.until_next_try() == 0s);
  std::vector<boot_time> waits;
  for (int i = 0; i < 6; ++i) {
    l.roll_back();
    waits.push_back(l.until_next_try());
  }
  CHECK(waits[0] >= defaults.move_step);
  CHECK(waits[1] >= 2 * defaults.move_step);
  CHECK(waits[2] >= 4 * defaults.move_step);
  CHECK(waits[5] >= 12 * defaults.move_step);
  CHECK(waits[5] <= 12 * defaults.move_step + 1s);
  SECTION("at once when nodes change") {
    l.roll_back();
    l.intend(1, proto::INTENT_DRAIN);
    l.intend(1, proto::INTENT_UNSPECIFIED);
    CHECK(l.until_next_try() < defaults.move_step);
  }
  SECTION("at once when somebody asks for it") {
    l.roll_back();
    proto::CommandRequest what;
    what.mutable_plan()->set_apply(true);
    l.pass(1s);
    REQUIRE(l.idle());
    l.leader.request(l.now, {node_id{1}, 5}, what, l.map);
    CHECK(l.until_next_try() == 0s);
  }
}

TEST_CASE("coordinator: what is drained and does not reach one node goes to "
          "another",
          "[unit][coordinator]") {
  lab l{3, 6};
  l.run();
  l.intend(1, proto::INTENT_DRAIN);
  l.step();
  auto p = l.owned_by(1);
  auto first = l.row(p).target;
  for (partition_id other = p + 1; other < l.rows().size(); ++other)
    if (l.row(other).stage == stage::pausing)
      l.say_confirmed(other);
  l.step();
  l.pass(deadline + 10ms);
  all(l);
  REQUIRE(l.row(p).stage == stage::starting);
  l.say_started(p);
  for (int i = 0; i < 3 && l.row(p).stage != stage::pausing; ++i)
    l.step();
  CHECK(l.row(p).stage == stage::pausing);
  CHECK(l.row(p).target != first);
}

TEST_CASE("coordinator: a drain goes by the ways that are open",
          "[unit][coordinator]") {
  lab l{4, GENERATE(12u, 14u, 15u, 24u)};
  l.run();
  l.intend(1, proto::INTENT_DRAIN);
  auto began = l.now;
  auto left = [&] {
    return std::count_if(l.rows().begin(), l.rows().end(),
                         [](auto& a) { return a.owner == node_id{1}; });
  };
  while (l.now - began < 3 * deadline && left() > 0) {
    l.pass(100ms);
    for (partition_id p = 0; p < l.rows().size(); ++p) {
      auto& a = l.row(p);
      bool cut = a.owner == node_id{1} && a.target != node_id{4};
      if (a.stage == stage::starting)
        l.say_started(p);
      else if (a.stage == stage::pausing && !cut)
        l.say_confirmed(p);
    }
    all(l);
  }
  CHECK(left() == 0);
}

TEST_CASE("coordinator: a state goes to who holds it, though a start elsewhere "
          "has failed by itself",
          "[unit][coordinator]") {
  lab l{4, GENERATE(6u, 17u, 40u)};
  auto p = begin_move(l);
  l.say_confirmed(p);
  l.step();
  l.say_failed(p, "once");
  l.step();
  l.say_holding(node_id{1}, p);
  l.step();
  for (int i = 0; i < 3 && l.row(p).owner != node_id{1}; ++i) {
    REQUIRE(l.row(p).stage == stage::starting);
    l.say_unstarted(p);
    l.step();
    l.say_holding(node_id{1}, p);
    l.step();
  }
  CHECK(l.row(p).owner == node_id{1});
}
