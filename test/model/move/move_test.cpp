#include <test/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <test/model/explorer.hpp>

#include "world.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

constexpr node_set a = 1, b = 2, c = 4;

// Memory: about 40 bytes a state, and 400 for each of the widest layer.
constexpr std::size_t states_max = 40'000'000;

void print(const std::string& name, const findings& x) {
  std::printf("%-50s %9zu states %10zu steps  depth %2zu  %6zu quiet "
              "%6.1f s  %s\n",
              name.c_str(), x.states, x.steps, x.depth, x.quiet, x.seconds,
              !x.broken.empty() ? x.broken.c_str()
              : x.whole         ? "ok"
                                : "too many");
  std::fflush(stdout);
}

void print_trace(const findings& x) {
  std::size_t i = 1;
  for (auto& step : x.trace)
    std::printf("    %2zu. %s\n", i++, step.c_str());
  std::fflush(stdout);
}

void expect_sound(const scenario& what) {
  world w{what, {}};
  auto found = explore(w, states_max);
  print(what.name, found);
  print_trace(found);
  INFO(what.name);
  CHECK(found.broken == "");
  CHECK(found.whole);
  CHECK(found.quiet > 0);
}

void expect_broken(const std::string& name, bool rules::*rule,
                   const scenario& what) {
  rules on;
  on.*rule = false;
  world w{what, on};
  auto found = explore(w, states_max);
  print("- " + name, found);
  if (std::getenv("TROUPE_MODEL_TRACE") != nullptr)
    print_trace(found);
  INFO(name);
  CHECK(found.broken != "");
  CHECK(found.trace.size() > 3);
}

scenario with(std::string name, std::array<std::uint8_t, 3> sends,
              std::vector<node_set> moves) {
  scenario out;
  out.name = std::move(name);
  out.sends = sends;
  out.moves = std::move(moves);
  return out;
}

scenario planned() {
  return with("1 move; 1 from A, 2 from C", {1, 0, 2}, {b});
}
scenario twice() {
  return with("2 moves; 2 from C", {0, 0, 2}, {b, a | c});
}
scenario rolled_back() {
  auto x = with("2 moves, 1 rollback; 2 from C", {0, 0, 2}, {b, a | c});
  x.rollbacks = 1;
  return x;
}
scenario hard_stop() {
  auto x = with("1 move, 1 hard stop; 1 from A, 2 from C", {1, 0, 2}, {b});
  x.hard_stops = 1;
  return x;
}
scenario cut_off() {
  auto x = with("A cut off and back, 1 move; 1 from C", {0, 0, 1}, {a | b});
  x.cuts = 1;
  return x;
}
scenario crash() {
  auto x = with("1 move, A or B crashes; 2 from C", {0, 0, 2}, {b});
  x.crashes = 1;
  return x;
}
// A router's fence is not answered by an owner that crashed, and it knows a
// later epoch there.
scenario crash_after_rollback() {
  auto x = with("1 rollback, a crash; 2 from C", {0, 0, 2}, {b});
  x.rollbacks = 1;
  x.crashes = 1;
  x.crash = a;
  return x;
}
scenario overdue() {
  auto x = with("1 move, 1 fence given up; 1 from A, 2 from C", {1, 0, 2}, {b});
  x.overdue_fences = 1;
  return x;
}
scenario no_state() {
  auto x = with("2 moves, 1 state given up; 1 from C", {0, 0, 1}, {b, a | c});
  x.overdue_states = 1;
  return x;
}
scenario leave() {
  auto x = with("A leaves in order; 2 from C", {0, 0, 2}, {});
  x.leaves = a;
  return x;
}

} // namespace

TEST_CASE("model: every order of the steps of a move keeps its promises",
          "[model][move]") {
  expect_sound(planned());
  expect_sound(rolled_back());
  expect_sound(hard_stop());
  expect_sound(cut_off());
  expect_sound(crash());
  expect_sound(crash_after_rollback());
  expect_sound(overdue());
  expect_sound(no_state());
  expect_sound(leave());
  auto late =
      with("2 moves, snapshots; 1 from A, 1 from C", {1, 0, 1}, {b, a | c});
  late.snapshots = true;
  expect_sound(late);
  auto led =
      with("1 move, 1 rollback, 1 new leader; 1 from A and C", {1, 0, 1}, {b});
  led.rollbacks = 1;
  led.leader_changes = 1;
  expect_sound(led);
}

TEST_CASE("model: each rule of a move, switched off, breaks a promise",
          "[model][move]") {
  // Routers.
  expect_broken("INV-STREAM-3 fences follow what was sent",
                &rules::fence_in_order, planned());
  expect_broken("INV-STREAM-2 no next stream before the fence is back",
                &rules::fence_awaited, planned());
  expect_broken("INV-STREAM-2 the next stream has a greater epoch",
                &rules::greater_epoch, leave());
  expect_broken("INV-STREAM-4 the first return closes the stream",
                &rules::return_closes, twice());
  expect_broken("INV-STREAM-4 what came back goes first",
                &rules::returned_first, twice());
  expect_broken("INV-STREAM-5 a stream given up is void",
                &rules::given_up_is_void, cut_off());
  expect_broken("INV-STREAM-6 a fence waits while no other owner runs",
                &rules::fence_waits, overdue());
  expect_broken("INV-STREAM-2 a lost owner stays lost", &rules::lost_stays_lost,
                crash_after_rollback());
  expect_broken("INV-STREAM-2 streams to a lost owner are given up",
                &rules::lost_gives_up, crash());
  expect_broken("INV-STREAM-2 a goodbye ends streams", &rules::goodbye_ends,
                leave());
  expect_broken("INV-STREAM-6 what was not taken comes back",
                &rules::untaken_comes_back, leave());
  expect_broken("INV-STREAM-6 the goodbye of one that left is awaited",
                &rules::goodbye_awaited, leave());
  // Owners.
  expect_broken("INV-INTAKE-1 only the actor's epoch gets in",
                &rules::epoch_checked, cut_off());
  expect_broken("INV-INTAKE-3 fences go through the mailbox",
                &rules::fence_in_mailbox, planned());
  expect_broken("INV-INTAKE-2 behind the marker all parks",
                &rules::marker_parks, hard_stop());
  expect_broken("INV-INTAKE-4 a mailbox comes back", &rules::mailbox_comes_back,
                hard_stop());
  expect_broken("INV-INTAKE-3 so do the fences in it", &rules::fences_answered,
                hard_stop());
  // Hosts and leases.
  expect_broken("INV-HOST-4 a state is acknowledged",
                &rules::state_acknowledged, crash());
  expect_broken("INV-HOST-5 a state is kept until the next runs",
                &rules::state_kept, crash());
  expect_broken("INV-GATE-3 who is killed begins nothing",
                &rules::killed_begins_nothing, cut_off());
  expect_broken("INV-GATE-2 nothing begins without a lease", &rules::gate,
                cut_off());
  expect_broken("INV-LEASE-2 an echo needs an index applied",
                &rules::echo_has_index, cut_off());
  expect_broken("INV-LEASE-2 which is the last, not the last committed",
                &rules::index_of_last, cut_off());
  // Leaders.
  expect_broken("INV-COORD-8 the target waits for the confirmation",
                &rules::confirm_awaited, planned());
  expect_broken("INV-COORD-4 nobody is lost before its lease ends",
                &rules::lease_awaited, cut_off());
  expect_broken("INV-MAP-2 a rollback is a new epoch",
                &rules::rollback_new_epoch, rolled_back());
  expect_broken("INV-MAP-3 a fact names its epoch", &rules::rows_name_epoch,
                rolled_back());
}

// The large ones, by name: minutes and gigabytes.
TEST_CASE("model: all of it", "[.][full]") {
  SECTION("moves") {
    auto x =
        with("2 moves, 1 rollback, snapshots; 1 each", {1, 1, 1}, {b, a | c});
    x.rollbacks = 1;
    x.snapshots = true;
    expect_sound(x);
  }
  SECTION("leaders") {
    auto x = with("2 moves, 1 rollback, 1 new leader; 2 from C", {0, 0, 2},
                  {b, a | c});
    x.rollbacks = 1;
    x.leader_changes = 1;
    expect_sound(x);
  }
  SECTION("crash") {
    auto x = with("2 moves, 1 rollback, a crash, snapshots; 2 from C",
                  {0, 0, 2}, {b, a | c});
    x.rollbacks = 1;
    x.crashes = 1;
    x.snapshots = true;
    expect_sound(x);
  }
  SECTION("cut") {
    auto x = with("1 move, A cut off and back; 1 each", {1, 1, 1}, {b});
    x.cuts = 1;
    expect_sound(x);
  }
  SECTION("cut from the leader") {
    auto x = with("1 move, A or B cut off from the leader; 2 from C", {0, 0, 2},
                  {a | b});
    x.cuts = 1;
    x.cut_off = a | b;
    x.data_goes_on = true;
    expect_sound(x);
  }
  SECTION("fence") {
    auto x = with("2 moves, 1 rollback, 1 fence given up; 2 from C", {0, 0, 2},
                  {b, a | c});
    x.rollbacks = 1;
    x.overdue_fences = 1;
    expect_sound(x);
  }
  SECTION("leave") {
    auto x = with("A leaves in order, 1 rollback; 1 from B, 2 from C",
                  {0, 1, 2}, {});
    x.leaves = a;
    x.rollbacks = 1;
    x.farewells = true;
    expect_sound(x);
  }
}
