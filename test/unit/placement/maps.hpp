#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <test/catch.hpp>
#include <troupe/cluster/placement/planner.hpp>

/// Builds maps, plans them, and checks what every plan has to uphold.
namespace placement_test {

using namespace troupe;

inline placement_node make_node(std::uint64_t id, std::uint32_t weight = 100) {
  placement_node result;
  result.id = node_id{id};
  result.name = "node-" + std::to_string(id);
  result.weight = weight;
  return result;
}

inline placement_input make_region(std::size_t nodes, std::size_t partitions,
                                   std::string name = "region") {
  placement_input result;
  result.region = std::move(name);
  for (std::size_t i = 1; i <= nodes; ++i)
    result.nodes.push_back(make_node(i));
  for (std::size_t i = 0; i < partitions; ++i) {
    result.partitions.emplace_back();
    result.partitions.back().partition = static_cast<partition_id>(i);
  }
  return result;
}

inline placement_strategy_ptr strategy(std::string_view name,
                                       const strategy_options& options = {}) {
  auto result = make_strategy(name, options);
  REQUIRE(std::holds_alternative<placement_strategy_ptr>(result));
  return std::get<placement_strategy_ptr>(result);
}

inline placement_strategy_ptr custom(placement_function place) {
  auto result = make_strategy("mine", std::move(place));
  REQUIRE(std::holds_alternative<placement_strategy_ptr>(result));
  return std::get<placement_strategy_ptr>(result);
}

/// Carries a plan out. Every step must fit the map it is applied to.
inline void apply(placement_input& in, const placement_plan& plan) {
  std::map<partition_id, placement_partition*> index;
  for (auto& x : in.partitions)
    index[x.partition] = &x;
  for (const auto& x : plan.moves) {
    auto& partition = *index.at(x.partition);
    if (partition.owner != x.from || x.from == x.to || !x.from || !x.to
        || !partition.movable)
      FAIL("bad move of partition " << x.partition);
    partition.owner = x.to;
  }
  for (const auto& x : plan.assignments) {
    auto& partition = *index.at(x.partition);
    if (partition.owner || !x.to || !partition.movable)
      FAIL("bad assignment of partition " << x.partition);
    partition.owner = x.to;
  }
}

inline placement_plan plan(const placement_input& in,
                           const placement_strategy_ptr& how) {
  auto result = make_plan(in, *how);
  if (auto refusal = std::get_if<placement_refusal>(&result))
    FAIL(refusal->text);
  return std::get<placement_plan>(result);
}

/// Plans and carries it out. Returns how many partitions changed their owner.
inline std::size_t settle(placement_input& in,
                          const placement_strategy_ptr& how) {
  auto todo = plan(in, how);
  apply(in, todo);
  return todo.moves.size();
}

inline placement_refusal refusal(const plan_result& x) {
  REQUIRE(std::holds_alternative<placement_refusal>(x));
  return std::get<placement_refusal>(x);
}

inline placement_refusal refusal(const strategy_result& x) {
  REQUIRE(std::holds_alternative<placement_refusal>(x));
  return std::get<placement_refusal>(x);
}

inline bool mentions(const placement_refusal& x, const std::string& words) {
  UNSCOPED_INFO(x.text);
  return x.text.find(words) != std::string::npos;
}

/// Partitions per node, in the order of the nodes.
inline std::vector<std::size_t> counts(const placement_input& in) {
  std::map<node_id, std::size_t> found;
  for (const auto& x : in.partitions)
    ++found[x.owner];
  std::vector<std::size_t> result;
  for (const auto& x : in.nodes)
    result.push_back(found[x.id]);
  return result;
}

inline std::size_t spread(const placement_input& in) {
  auto all = counts(in);
  auto [min, max] = std::minmax_element(all.begin(), all.end());
  return *max - *min;
}

/// True if each partition lies on a node that takes it, and no such node has
/// more than its fair share and the heaviest partition or 10 %. All partitions
/// that weigh nothing count together as less than a weight of 1.
inline bool shares_hold(const placement_input& in) {
  long double capacity = 0, total = 0, heaviest = 0, nothing = 0;
  std::map<node_id, long double> weight, load;
  for (const auto& x : in.nodes)
    if (takes_partitions(in, x))
      capacity += weight[x.id] = x.weight;
  for (const auto& x : in.partitions) {
    if (weight.count(x.owner) == 0)
      return false;
    load[x.owner] += x.weight;
    total += x.weight;
    nothing = x.weight == 0 ? 1 : nothing;
    heaviest = std::max<long double>(heaviest, x.weight);
  }
  for (const auto& [id, w] : weight) {
    auto share = (total + nothing) * w / capacity;
    if (load[id] > (share + std::max(heaviest, share / 10)) * (1 + 1e-12L))
      return false;
  }
  return true;
}

/// The weights that a region may have to live with.
inline std::uint32_t draw_weight(std::mt19937_64& rng, int kind) {
  switch (kind) {
  case 0: // all the same
    return 7;
  case 1: // alike
    return 50 + static_cast<std::uint32_t>(rng() % 100);
  case 2: // zeros among them
    return static_cast<std::uint32_t>(rng() % 3);
  case 3: // a few far heavier than the rest
    return rng() % 16 == 0 ? 100'000
                           : 1 + static_cast<std::uint32_t>(rng() % 9);
  case 4: // all nothing
    return 0;
  default: // anything at all
    return static_cast<std::uint32_t>(rng() >> (32 + rng() % 32));
  }
}

} // namespace placement_test
