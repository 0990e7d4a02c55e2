// The cluster under plans drawn from seeds. TROUPE_SIM_SEED=<n> replays one,
// TROUPE_SIM_SEEDS=<n> runs so many from TROUPE_SIM_FIRST on, and with
// TROUPE_SIM_SECONDS=<n> each lasts that long. TROUPE_SIM_PLAN=<file> performs
// the plan in the file instead. With TROUPE_SIM_SHRINK=<seconds> a plan that
// fails is cut down for so long, and what is left of it is printed.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include <test/catch.hpp>
#include <test/sim/seeds.hpp>

#include "shrink.hpp"

using namespace troupe;
using namespace troupe::sim;

namespace {

std::string kind_tag(const plan& what) {
  return what.strict ? "[strict]" : "[faulty]";
}

/// To be seen before the run: it may end by an assertion.
void print_shrunk(const plan& what, std::uint64_t seconds) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
  auto result = shrink(what, perform_apart, [end] {
    return std::chrono::steady_clock::now() < end;
  });
  if (result.broken.empty())
    return;
  std::cout << "# after " << result.runs << " runs\n"
            << to_string(result.smallest)
            << "# replay: TROUPE_SIM_PLAN=<this file> sim_cluster \""
            << kind_tag(what) << "\"\n# breaks: " << result.broken << '\n'
            << std::flush;
}

void run_plan(const plan& what, const std::string& replay) {
  if (auto seconds = number_from("TROUPE_SIM_SHRINK", 0))
    print_shrunk(what, seconds);
  auto result = perform(what);
  INFO(to_string(what) << "# replay: " << replay << " sim_cluster \""
                       << kind_tag(what) << '"');
  INFO(result.broken);
  CHECK(result.broken.empty());
  CHECK(result.count.processed > 0);
}

void run_file(bool strict, const char* name) {
  std::ifstream in{name};
  auto what = read_plan({std::istreambuf_iterator<char>{in}, {}});
  INFO(name << " holds a plan");
  REQUIRE(what);
  if (what->strict == strict)
    run_plan(*what, std::string{"TROUPE_SIM_PLAN="} + name);
}

void run_seeds(bool strict, std::uint64_t fixed, std::uint64_t fresh) {
  if (auto* file = std::getenv("TROUPE_SIM_PLAN"))
    return run_file(strict, file);
  auto length = std::chrono::seconds{number_from("TROUPE_SIM_SECONDS", 0)};
  for (auto seed : seeds_of("TROUPE_SIM", fixed, fresh))
    run_plan(draw_plan(seed, strict, length),
             "TROUPE_SIM_SEED=" + std::to_string(seed));
}

} // namespace

TEST_CASE("planned changes lose, double and reorder nothing under seeds "
          "[R-24] [R-16]",
          "[sim][strict]") {
  run_seeds(true, 200, 100);
}

TEST_CASE("a cluster under faults keeps its promises and comes to rest",
          "[sim][faulty]") {
  run_seeds(false, 300, 100);
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
