// The cluster under plans drawn from seeds. TROUPE_SIM_SEED=<n> replays one,
// TROUPE_SIM_SEEDS=<n> runs so many from TROUPE_SIM_FIRST on, and with
// TROUPE_SIM_SECONDS=<n> each lasts that long.
#include <cstdlib>

#include <test/catch.hpp>

#include "plan.hpp"

using namespace troupe;
using namespace troupe::sim;

namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

void run_seed(bool strict, std::uint64_t seed) {
  auto what = draw_plan(
      seed, strict, std::chrono::seconds{number_from("TROUPE_SIM_SECONDS", 0)});
  auto result = perform(what);
  INFO(to_string(what));
  INFO(result.broken);
  CHECK(result.broken.empty());
  CHECK(result.count.processed > 0);
}

void run_seeds(bool strict, std::uint64_t normally) {
  auto one = number_from("TROUPE_SIM_SEED", 0);
  auto count = number_from("TROUPE_SIM_SEEDS", normally);
  auto first = one != 0 ? one : number_from("TROUPE_SIM_FIRST", 1);
  auto last = one != 0 ? one : first + count - 1;
  for (auto seed = first; seed <= last; ++seed) {
    run_seed(strict, seed);
  }
}

} // namespace

TEST_CASE("planned changes lose, double and reorder nothing under seeds "
          "[R-24] [R-16]",
          "[sim][strict]") {
  run_seeds(true, 300);
}

TEST_CASE("a cluster under faults keeps its promises and comes to rest",
          "[sim][faulty]") {
  run_seeds(false, 400);
}

TEST_CASE("the same seed gives the same run", "[sim][replay]") {
  for (std::uint64_t seed : {3, 11, 42}) {
    auto what = draw_plan(seed, false);
    auto first = perform(what);
    auto second = perform(what);
    CHECK(first.trace == second.trace);
    CHECK(first.count.accepted == second.count.accepted);
    CHECK(first.trace != perform(draw_plan(seed + 1, false)).trace);
  }
}
