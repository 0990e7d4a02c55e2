#include <test/unit/placement/maps.hpp>

#include <algorithm>
#include <numeric>

using namespace placement_test;

namespace {

/// The share of each of `nodes` equal nodes, the largest first.
std::vector<std::size_t> shares(std::size_t partitions, std::size_t nodes) {
  std::vector<std::size_t> result(nodes, partitions / nodes);
  std::fill_n(result.begin(), partitions % nodes, partitions / nodes + 1);
  return result;
}

/// Growing: the sum over the old nodes, largest shares first, of what of the
/// old share fits into the new one. Shrinking: what the survivors had.
std::size_t kept_growing(std::size_t partitions, std::size_t from,
                         std::size_t to) {
  auto before = shares(partitions, from), after = shares(partitions, to);
  std::size_t result = 0;
  for (std::size_t i = 0; i < from; ++i)
    result += std::min(before[i], after[i]);
  return result;
}

void check_all_sizes(std::size_t partitions, std::size_t step) {
  auto how = strategy("balanced");
  for (std::size_t a = 1; a <= 100; a += step) {
    auto before = make_region(a, partitions);
    settle(before, how);
    for (std::size_t b = 1; b <= 100; b += step) {
      auto after = before;
      after.nodes = make_region(b, 0).nodes;
      auto expected = partitions;
      if (b > a)
        expected = kept_growing(partitions, a, b);
      if (b < a) {
        auto all = counts(before);
        expected = std::accumulate(all.begin(),
                                   all.begin() + static_cast<std::ptrdiff_t>(b),
                                   std::size_t{0});
      }
      auto todo = plan(after, how);
      apply(after, todo);
      if (todo.moves.size() != partitions - expected || spread(after) > 1
          || !todo.assignments.empty() || !shares_hold(after)
          || !plan(after, how).empty())
        FAIL(partitions << " partitions from " << a << " to " << b
                        << " nodes: moves " << todo.moves.size() << " not "
                        << partitions - expected << ", spread "
                        << spread(after));
    }
  }
}

} // namespace

TEST_CASE(
    "balanced: in a rolling restart no partition moves twice for one node",
    "[unit][placement]") {
  auto how = strategy("balanced");
  for (std::size_t nodes : {3u, 5u, 8u})
    for (std::size_t partitions : {16u, 64u, 1000u}) {
      CAPTURE(nodes, partitions);
      auto in = make_region(nodes, partitions);
      settle(in, how);
      std::uint64_t index = 1; // of the entry that assigns
      auto carry_out = [&](std::map<partition_id, int>& moves) {
        auto todo = plan(in, how);
        apply(in, todo);
        ++index;
        for (auto& x : todo.moves) {
          ++moves[x.partition];
          in.partitions[x.partition].since = epoch{index};
        }
        return todo.moves.size();
      };
      for (int round = 0; round < 3; ++round)
        for (auto& node : in.nodes) {
          std::map<partition_id, int> moves;
          node.eligible = false; // it drains
          auto gave = carry_out(moves);
          node.eligible = true; // and is back
          auto got = carry_out(moves);
          CHECK(gave <= got + 1);
          CHECK(got <= gave + 1);
          CHECK(spread(in) <= 1);
          CHECK(moves.size() == gave + got); // each once
        }
    }
}

TEST_CASE("balanced: 3 nodes get 4, 3 and 3 of 10 partitions",
          "[unit][placement]") {
  auto in = make_region(3, 10);
  auto todo = plan(in, strategy("balanced"));
  CHECK(todo.moves.empty());
  CHECK(todo.assignments.size() == 10);
  apply(in, todo);
  CHECK(counts(in) == std::vector<std::size_t>{4, 3, 3});
}

TEST_CASE(
    "balanced: 100 partitions keep 75 from 3 to 4 and 34 from 2 to 6 [AR-3]",
    "[unit][placement]") {
  CHECK(kept_growing(100, 3, 4) == 75);
  CHECK(kept_growing(100, 2, 6) == 34);
  auto how = strategy("balanced");
  auto in = make_region(3, 100);
  settle(in, how);
  in.nodes.push_back(make_node(4));
  CHECK(settle(in, how) == 25);
  in = make_region(2, 100);
  settle(in, how);
  in.nodes = make_region(6, 0).nodes;
  CHECK(settle(in, how) == 66);
}

TEST_CASE("balanced: 100 partitions from any to any of 1 to 100 nodes move as"
          " little as possible [AR-3]",
          "[unit][placement]") {
  check_all_sizes(100, 1);
}

TEST_CASE("balanced: other numbers of partitions move as little as possible",
          "[unit][placement]") {
  check_all_sizes(0, 9);
  check_all_sizes(1, 3);
  check_all_sizes(7, 3);
  check_all_sizes(10, 3);
  check_all_sizes(64, 3);
  check_all_sizes(1024, 9);
}

TEST_CASE("balanced: any node may leave, and only its partitions move [AR-3]",
          "[unit][placement]") {
  auto how = strategy("balanced");
  for (std::size_t nodes = 2; nodes <= 20; ++nodes) {
    auto before = make_region(nodes, 64);
    settle(before, how);
    for (std::size_t gone = 0; gone < nodes; ++gone) {
      auto drained = before;
      drained.nodes[gone].eligible = false;
      auto todo = plan(drained, how);
      CHECK(todo.moves.size() == counts(before)[gone]);
      for (const auto& x : todo.moves)
        if (x.from != before.nodes[gone].id)
          FAIL("partition " << x.partition << " need not move");
      auto dead = before;
      dead.nodes.erase(dead.nodes.begin() + static_cast<std::ptrdiff_t>(gone));
      for (auto& x : dead.partitions)
        if (x.owner == before.nodes[gone].id)
          x.owner = {};
      auto again = plan(dead, how);
      CHECK(again.moves.empty());
      CHECK(again.assignments.size() == todo.moves.size());
    }
  }
}

TEST_CASE("balanced: nodes of any weight get their share rounded up or down,"
          " from any map, by the fewest moves there are [AR-4]",
          "[unit][placement]") {
  auto how = strategy("balanced");
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::mt19937_64 rng{seed};
    auto in = make_region(1 + rng() % 12, rng() % 120);
    for (auto& x : in.nodes) {
      x.weight = draw_weight(rng, static_cast<int>(seed % 6));
      x.other_load = rng() % 5;
    }
    in.nodes.front().weight |= 1;
    for (auto& x : in.partitions) {
      x.weight = 1 + static_cast<std::uint32_t>(seed % 3);
      x.owner = node_id{rng() % (in.nodes.size() + 2)}; // some none, some gone
    }
    // Fewest: whoever is above the share rounded up gives that, whoever is
    // below it rounded down takes that, and the homeless go first.
    auto n = in.partitions.size();
    std::uint64_t capacity = 0;
    for (const auto& x : in.nodes)
      capacity += x.weight;
    auto have = counts(in);
    std::size_t above = 0, below = 0, homeless = n;
    for (std::size_t i = 0; i < in.nodes.size(); ++i) {
      auto down = n * in.nodes[i].weight / capacity;
      auto up = (n * in.nodes[i].weight + capacity - 1) / capacity;
      if (in.nodes[i].weight == 0)
        continue;
      homeless -= have[i];
      above += have[i] > up ? have[i] - up : 0;
      below += have[i] < down ? down - have[i] : 0;
    }
    auto fewest =
        homeless + std::max(above, below > homeless ? below - homeless : 0);
    auto todo = plan(in, how);
    apply(in, todo);
    have = counts(in);
    for (std::size_t i = 0; i < in.nodes.size(); ++i) {
      auto down = n * in.nodes[i].weight / capacity;
      auto up = (n * in.nodes[i].weight + capacity - 1) / capacity;
      if (have[i] < down || have[i] > up)
        FAIL("seed " << seed << ": node " << i + 1 << " has " << have[i]);
    }
    if (todo.moves.size() + todo.assignments.size() != fewest)
      FAIL("seed " << seed << ": "
                   << todo.moves.size() + todo.assignments.size()
                   << " changes, not " << fewest);
    if (!plan(in, how).empty())
      FAIL("seed " << seed << ": not at rest");
  }
}

TEST_CASE("balanced: partitions of different weight leave no node 10 % and one"
          " partition off its share [AR-4]",
          "[unit][placement]") {
  auto how = strategy("balanced");
  auto in = make_region(4, 400);
  std::mt19937_64 rng{1};
  for (auto& x : in.partitions)
    x.weight = 1 + static_cast<std::uint32_t>(rng() % 20);
  settle(in, how);
  in.nodes.push_back(make_node(5));
  auto total = std::uint64_t{0};
  for (const auto& x : in.partitions)
    total += x.weight;
  auto todo = plan(in, how);
  // The new node is filled with few heavy partitions, not with many light ones.
  CHECK(todo.moves.size() < 400 / 5);
  for (const auto& x : todo.moves)
    CHECK(x.to == node_id{5});
  for (const auto& x : todo.loads) {
    CHECK(x.weight <= total / 5 + 20);
    CHECK(x.weight + 20 >= total / 5);
  }
}

TEST_CASE("balanced: a partition heavier than a share does not keep the other"
          " nodes from sharing the rest",
          "[unit][placement]") {
  auto how = strategy("balanced");
  auto in = make_region(5, 101);
  in.partitions[0].weight = 1000;
  for (auto& x : in.partitions)
    x.owner = node_id{1};
  settle(in, how);
  CHECK(counts(in) == std::vector<std::size_t>{1, 25, 25, 25, 25});
  for (auto& x : in.partitions)
    x.owner = node_id{x.partition == 0 ? 1u : 2u};
  CHECK(settle(in, how) <= 75);
  CHECK(counts(in)[0] == 1);
  for (std::size_t i = 1; i < 5; ++i) {
    CHECK(counts(in)[i] >= 23); // 10 % of what is left to them
    CHECK(counts(in)[i] <= 27);
  }
  in.partitions[0].movable = false;
  for (auto& x : in.partitions)
    x.owner = node_id{1};
  in.nodes[1].weight = 200;
  settle(in, how);
  CHECK(counts(in) == std::vector<std::size_t>{1, 40, 20, 20, 20});
}

TEST_CASE("balanced: a heavy partition does not change places for nothing",
          "[unit][placement]") {
  auto in = make_region(3, 2);
  in.partitions[0].weight = 10;
  in.partitions[0].owner = node_id{1};
  in.partitions[1].owner = node_id{3};
  CHECK(plan(in, strategy("balanced")).empty());
}

TEST_CASE("balanced: unassigned partitions are placed with the heaviest first",
          "[unit][placement]") {
  auto in = make_region(2, 5);
  for (auto i = 0u; i < 5; ++i)
    in.partitions[i].weight = std::vector{5u, 7u, 2u, 6u, 2u}[i];
  for (const auto& x : plan(in, strategy("balanced")).loads)
    CHECK(x.weight == 11);
}

TEST_CASE("balanced: with a heavy partition about, a node may be up to 10 % off"
          " its share",
          "[unit][placement]") {
  auto how = strategy("balanced");
  auto in = make_region(4, 351);
  for (auto& x : in.partitions) {
    x.owner = node_id{x.partition < 51 ? 1u : 2 + (x.partition - 51) / 100};
    x.weight = 100;
  }
  in.partitions[0].weight = 5000;
  auto reweigh = [&](node_id owner, std::uint32_t weight) {
    for (auto& x : in.partitions)
      if (x.owner == owner)
        x.weight = weight;
  };
  CHECK(plan(in, how).empty());
  reweigh(node_id{2}, 108); // 6 % above the new mean
  CHECK(plan(in, how).empty());
  reweigh(node_id{2}, 115); // 11 % above it
  CHECK(!plan(in, how).empty());
  reweigh(node_id{2}, 92);
  CHECK(plan(in, how).empty());
  reweigh(node_id{2}, 85);
  CHECK(!plan(in, how).empty());
}

TEST_CASE("balanced: small changes of weight move nothing",
          "[unit][placement]") {
  auto how = strategy("balanced");
  auto in = make_region(4, 400);
  for (auto& x : in.partitions)
    x.weight = 100;
  settle(in, how);
  for (std::size_t i = 0; i < 40; ++i)
    in.partitions[i].weight = 99;
  CHECK(plan(in, how).empty());
  for (auto& x : in.partitions)
    if (x.owner == node_id{1})
      x.weight = 130;
  CHECK(!plan(in, how).empty());
}

TEST_CASE("balanced: regions of one partition spread over the nodes",
          "[unit][placement]") {
  auto how = strategy("balanced");
  std::vector<std::uint32_t> weights{100, 100, 101, 200};
  auto nodes = make_region(4, 0).nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    nodes[i].weight = weights[i];
  std::vector<std::size_t> regions(4);
  for (int i = 0; i < 501; ++i) {
    auto in = make_region(0, 1, "region-" + std::to_string(i));
    in.nodes = nodes;
    for (const auto& x : plan(in, how).loads) {
      regions[x.node.value - 1] += x.partitions;
      nodes[x.node.value - 1].other_load += x.weight;
    }
  }
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(regions[i] + 1 >= weights[i]);
    CHECK(regions[i] <= weights[i] + 1);
  }
}

TEST_CASE("balanced: what does not fit evenly goes to the nodes with the"
          " lowest load of other regions",
          "[unit][placement]") {
  auto in = make_region(3, 4);
  in.nodes[0].other_load = 9;
  in.nodes[1].other_load = 7;
  in.nodes[2].other_load = 8;
  settle(in, strategy("balanced"));
  CHECK(counts(in) == std::vector<std::size_t>{1, 2, 1});
  // But nothing moves for it.
  in.nodes[1].other_load = 100;
  CHECK(plan(in, strategy("balanced")).empty());
}
