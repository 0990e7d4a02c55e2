#include <test/unit/placement/maps.hpp>

#include <algorithm>

using namespace placement_test;

namespace {

const std::vector<std::string> all_strategies{"balanced", "rendezvous",
                                              "round_robin", "pinned"};

/// A map with nodes and partitions of the given kinds of weight, where most
/// partitions have an owner, which may be gone.
placement_input random_map(std::uint64_t seed, int node_kind, int kind) {
  std::mt19937_64 rng{seed};
  auto in = make_region(1 + rng() % 20, rng() % 200);
  for (auto& x : in.nodes) {
    x.weight = draw_weight(rng, node_kind);
    x.other_load = rng() % 1000;
  }
  in.nodes.back().weight |= 1;
  for (auto& x : in.partitions) {
    x.weight = draw_weight(rng, kind);
    x.owner = node_id{rng() % (in.nodes.size() + 2)};
  }
  return in;
}

bool same(const placement_plan& x, const placement_plan& y) {
  return x.moves == y.moves && x.assignments == y.assignments
         && x.homeless == y.homeless && x.loads == y.loads;
}

} // namespace

TEST_CASE("every strategy: shares hold for any weights, and planning again"
          " changes nothing",
          "[unit][placement]") {
  for (const auto& name : all_strategies) {
    auto how = strategy(name);
    for (int node_kind = 0; node_kind < 6; ++node_kind) {
      for (int kind = 0; kind < 6; ++kind) {
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
          auto in = random_map(seed, node_kind, kind);
          settle(in, how);
          if (!shares_hold(in))
            FAIL(name << ": shares, kinds " << node_kind << " and " << kind
                      << ", seed " << seed);
          if (!plan(in, how).empty())
            FAIL(name << ": not at rest, kinds " << node_kind << " and " << kind
                      << ", seed " << seed);
        }
      }
    }
  }
}

TEST_CASE("every strategy: the plan does not depend on the order of the input",
          "[unit][placement]") {
  for (const auto& name : all_strategies) {
    auto how = strategy(name);
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      auto in = random_map(seed, static_cast<int>(seed % 6),
                           static_cast<int>(seed / 6 % 6));
      auto expected = plan(in, how);
      std::mt19937_64 rng{seed};
      for (int i = 0; i < 3; ++i) {
        std::shuffle(in.nodes.begin(), in.nodes.end(), rng);
        std::shuffle(in.partitions.begin(), in.partitions.end(), rng);
        CHECK(same(plan(in, how), expected));
      }
    }
  }
}

TEST_CASE("every strategy: the largest weights do not overflow",
          "[unit][placement]") {
  constexpr auto most = ~std::uint32_t{0};
  for (const auto& name : all_strategies) {
    auto in = make_region(30, 3000);
    for (auto& x : in.nodes) {
      x.weight = most;
      x.other_load = ~std::uint64_t{0};
    }
    for (auto& x : in.partitions)
      x.weight = most;
    for (std::size_t i = 0; i < 1000; ++i)
      in.partitions[3 * i].weight = 0;
    settle(in, strategy(name));
    CHECK(shares_hold(in));
    in.nodes[0].weight = 1;
    settle(in, strategy(name));
    CHECK(shares_hold(in));
    CHECK(counts(in)[0] <= 101);
  }
}

TEST_CASE("every strategy: partitions that weigh nothing are spread too",
          "[unit][placement]") {
  for (const auto& name : all_strategies) {
    auto in = make_region(5, 1000);
    for (auto& x : in.partitions)
      x.weight = 0;
    settle(in, strategy(name));
    auto all = counts(in);
    CHECK(*std::max_element(all.begin(), all.end()) <= 220);
  }
}

TEST_CASE("every strategy: what is not movable stays, and counts as load",
          "[unit][placement]") {
  for (const auto& name : all_strategies) {
    auto how = strategy(name);
    auto in = make_region(2, 10);
    for (std::size_t i = 0; i < 4; ++i) {
      in.partitions[i].owner = node_id{2};
      in.partitions[i].movable = false;
    }
    settle(in, how);
    CHECK(counts(in)[0] >= 4);
    CHECK(counts(in)[0] <= 6);
  }
}

TEST_CASE("every strategy: whatever is not movable, a plan settles around it",
          "[unit][placement]") {
  for (const auto& name : all_strategies) {
    auto how = strategy(name);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      std::mt19937_64 rng{seed};
      auto in = make_region(2 + rng() % 6, 60);
      for (auto& x : in.partitions) {
        x.owner = node_id{rng() % 3}; // 0 is none
        x.movable = rng() % 4 != 0;
      }
      settle(in, how); // checks that these stay
      if (!plan(in, how).empty())
        FAIL(name << ": not at rest, seed " << seed);
      if (name != "balanced")
        continue;
      // Who has more than one above the lowest could not give any.
      auto all = counts(in);
      auto lowest = *std::min_element(all.begin(), all.end());
      for (const auto& x : in.partitions)
        if (x.movable && all[x.owner.value - 1] > lowest + 1)
          FAIL("seed " << seed << ": node " << x.owner.value << " has "
                       << all[x.owner.value - 1] << ", another " << lowest);
    }
  }
}

TEST_CASE("every strategy: only nodes with all roles of the region, a weight"
          " and leave to take partitions get some",
          "[unit][placement]") {
  for (const auto& name : all_strategies) {
    auto in = make_region(6, 24);
    in.roles = {"shard", "gpu"};
    for (auto& x : in.nodes)
      x.roles = {"gpu", "web", "shard"};
    in.nodes[0].roles = {"gpu"};
    in.nodes[1].roles = {};
    in.nodes[2].weight = 0;
    in.nodes[3].eligible = false;
    for (auto& x : in.partitions)
      x.owner = node_id{1 + x.partition % 4};
    settle(in, strategy(name));
    auto found = counts(in);
    CHECK(std::vector(found.begin(), found.begin() + 4)
          == std::vector<std::size_t>(4));
    CHECK(found[4] + found[5] == 24);
    CHECK(shares_hold(in));
  }
}

TEST_CASE("every strategy: no partitions, one node, more nodes than partitions",
          "[unit][placement]") {
  for (const auto& name : all_strategies) {
    auto how = strategy(name);
    CHECK(plan(make_region(3, 0), how).empty());
    CHECK(plan(make_region(0, 0), how).empty());
    auto one = make_region(1, 10);
    CHECK(plan(one, how).assignments.size() == 10);
    settle(one, how);
    CHECK(counts(one) == std::vector<std::size_t>{10});
    auto many = make_region(50, 7);
    settle(many, how);
    CHECK(shares_hold(many));
    CHECK(plan(many, how).empty());
  }
}

TEST_CASE("every strategy: partitions added, removed and re-weighted are"
          " planned from the map as it is",
          "[unit][placement]") {
  for (const auto& name : all_strategies) {
    auto how = strategy(name);
    auto in = make_region(4, 40);
    settle(in, how);
    auto larger = make_region(4, 60);
    std::copy(in.partitions.begin(), in.partitions.end(),
              larger.partitions.begin());
    CHECK(plan(larger, how).assignments.size() == 20);
    settle(larger, how);
    CHECK(shares_hold(larger));
    larger.partitions.erase(larger.partitions.begin(),
                            larger.partitions.begin() + 30);
    settle(larger, how);
    CHECK(shares_hold(larger));
    larger.partitions[0].weight = 500;
    settle(larger, how);
    CHECK(shares_hold(larger));
    CHECK(plan(larger, how).empty());
  }
}
