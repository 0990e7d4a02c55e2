#include <test/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

#include <test/model/explorer.hpp>

#include "world.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

constexpr std::size_t states_max = 40'000'000;

void print(const std::string& name, const findings& x, bool trace) {
  std::printf("%-52s %8zu states %9zu steps  depth %2zu %6.1f s  %s\n",
              name.c_str(), x.states, x.steps, x.depth, x.seconds,
              !x.broken.empty() ? x.broken.c_str()
              : x.whole         ? "ok"
                                : "too many");
  std::size_t i = 1;
  if (trace)
    for (auto& step : x.trace)
      std::printf("    %2zu. %s\n", i++, step.c_str());
  std::fflush(stdout);
}

void expect_sound(const lease_scenario& what) {
  lease_world w{what, {}};
  auto found = explore(w, states_max);
  print(what.name, found, true);
  INFO(what.name);
  CHECK(found.broken == "");
  CHECK(found.whole);
  CHECK(found.quiet > 0);
}

void expect_broken(const std::string& name, const lease_scenario& what,
                   const lease_rules& on) {
  lease_world w{what, on};
  auto found = explore(w, states_max);
  print("- " + name, found, std::getenv("TROUPE_MODEL_TRACE") != nullptr);
  INFO(name);
  CHECK(found.broken != "");
}

void expect_broken(const std::string& name, bool lease_rules::*rule,
                   int length = 1) {
  lease_rules on;
  on.*rule = false;
  expect_broken(name, {name, length, 0, 5, 100}, on);
}

} // namespace

TEST_CASE("model: no two nodes run by lease, an old leader's echoes included",
          "[model][lease]") {
  expect_sound({"clocks right, lease 1, margin 0", 1, 0, 3, 100});
  expect_sound({"clocks wrong by 1 in 4, lease 1, margin 2", 1, 2, 3, 4});
}

TEST_CASE("model: a lease without its rule lets two nodes run",
          "[model][lease]") {
  expect_broken("INV-LEASE-1 an echo waits for a round",
                &lease_rules::round_awaited);
  expect_broken("INV-LEASE-3 a margin for clocks", {"margin", 2, 0, 6, 4}, {});
}

TEST_CASE("model: each other rule of a lease, switched off, lets two nodes run",
          "[model][lease]") {
  SECTION("round") {
    expect_broken("INV-LEASE-1 which began after the heartbeat arrived",
                  &lease_rules::round_after);
  }
  SECTION("send") {
    expect_broken("INV-LEASE-1 the lease runs from the sending",
                  &lease_rules::from_send);
  }
  SECTION("applied") {
    expect_broken("INV-LEASE-2 only once the index is applied",
                  &lease_rules::index_applied);
  }
  SECTION("last") {
    expect_broken("INV-LEASE-2 the log's last, not the last committed",
                  &lease_rules::index_of_last);
  }
  SECTION("base") {
    expect_broken("INV-LEASE-3 a new leader counts from a base",
                  &lease_rules::base_known, 2);
  }
  SECTION("voters") {
    expect_broken("INV-LEASE-3 the latest of all that elected it",
                  &lease_rules::base_of_all, 2);
  }
  SECTION("time") {
    expect_broken("INV-COORD-4 nothing is taken away before its time",
                  &lease_rules::lease_awaited);
  }
}

// A longer run, by name.
TEST_CASE("model: leases, longer", "[.][full]") {
  expect_sound(
      {"clocks wrong by 1 in 4, lease 1, margin 2, longer", 1, 2, 4, 4});
}
