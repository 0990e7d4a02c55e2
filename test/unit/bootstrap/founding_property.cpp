#include <test/catch.hpp>

#include <algorithm>

#include "cluster_simulation.hpp"

using namespace std::chrono_literals;
using namespace troupe::boot;
using namespace troupe::boot::test;

namespace {

struct totals {
  std::size_t runs = 0;
  std::size_t crashes = 0;
  std::size_t later_generations = 0;
  time_point slowest{};
};

std::string address_of(std::size_t i) {
  return "127.0.0.1:" + std::to_string(7101 + i);
}

faults random_faults(std::mt19937_64& engine) {
  auto pick = [&](double most) {
    return most * static_cast<double>(engine() % 5) / 4;
  };
  auto delay_max = std::chrono::milliseconds{1 + engine() % 600};
  auto loss = pick(0.5), doubled = pick(0.3), crash = pick(0.03);
  return {loss, doubled, crash, pick(0.6), delay_max};
}

void simulate(cluster_simulation& sim, const faults& bad, std::uint64_t seed,
              totals& sum) {
  sim.run(bad, 4s, 15s);
  INFO("seed " << seed);
  REQUIRE(sim.flaw() == "");
  REQUIRE(sim.clusters() == 1);
  ++sum.runs;
  sum.crashes += sim.crashes();
  sum.later_generations += sim.last_generation() > 1;
  sum.slowest = std::max(sum.slowest, sim.healing_took());
}

} // namespace

TEST_CASE("bootstrap: all of a list found one cluster whatever is lost, late, "
          "doubled or crashes [SF-12]",
          "[unit][bootstrap]") {
  totals sum;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    std::mt19937_64 engine{seed};
    cluster_simulation sim{seed};
    auto n = 1 + engine() % 5;
    std::vector<address> list;
    for (std::size_t i = 0; i < n; ++i)
      list.push_back(address_of(i));
    for (std::size_t i = 0; i < n; ++i) {
      std::shuffle(list.begin(), list.end(), engine);
      sim.add_node(address_of(i), list, static_cast<std::uint32_t>(n),
                   std::chrono::milliseconds{engine() % 2000});
    }
    simulate(sim, random_faults(engine), seed, sum);
  }
  CHECK(sum.crashes > 100);
  CHECK(sum.later_generations == 0);
}

TEST_CASE("bootstrap: more candidates than expected never make two clusters, "
          "and the rest joins",
          "[unit][bootstrap]") {
  totals sum;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937_64 engine{seed};
    cluster_simulation sim{seed};
    auto n = 3 + engine() % 3;
    auto expect = n / 2 + 1 + engine() % (n - n / 2);
    auto silent = engine() % (n - expect + 1); // only join
    std::vector<address> list;
    for (std::size_t i = 0; i < n; ++i)
      list.push_back(address_of(i));
    auto near = engine() % 2 == 0; // all start at once
    for (std::size_t i = 0; i < n; ++i) {
      auto own = address_of(i);
      std::shuffle(list.begin(), list.end(), engine);
      sim.add_node(own, list,
                   i < silent ? 0 : static_cast<std::uint32_t>(expect),
                   std::chrono::milliseconds{engine() % (near ? 300 : 3000)});
    }
    simulate(sim, random_faults(engine), seed, sum);
  }
  CHECK(sum.crashes > 100);
  CHECK(sum.later_generations > 10);
}

TEST_CASE("bootstrap: nodes with other lists join those who found",
          "[unit][bootstrap]") {
  totals sum;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    std::mt19937_64 engine{seed};
    cluster_simulation sim{seed};
    auto n = 2 + engine() % 3;
    auto expect = n / 2 + 1 + engine() % (n - n / 2);
    std::vector<address> list;
    for (std::size_t i = 0; i < n; ++i)
      list.push_back(address_of(i));
    for (std::size_t i = 0; i < n; ++i) {
      std::shuffle(list.begin(), list.end(), engine);
      sim.add_node(address_of(i), list, static_cast<std::uint32_t>(expect),
                   std::chrono::milliseconds{engine() % 2000});
    }
    auto start = [&] { return std::chrono::milliseconds{engine() % 6000}; };
    // Knows one node, and its own address or none.
    std::vector<address> some{list[0]};
    if (engine() % 2)
      some.push_back(address_of(n));
    sim.add_node(address_of(n), some, 0, start());
    // Expects itself, another newcomer and some of the founders.
    some = {list[0], address_of(n + 1), address_of(n + 2)};
    sim.add_node(address_of(n + 1), some, 3, start());
    sim.add_node(address_of(n + 2), some, 3, start());
    simulate(sim, random_faults(engine), seed, sum);
  }
  CHECK(sum.crashes > 100);
}
