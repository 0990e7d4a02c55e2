#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include <troupe/cluster/placement/placement.hpp>
#include <troupe/cluster/placement/strategy.hpp>

namespace troupe {

/// A partition that leaves its owner, dead or alive.
struct planned_move {
  partition_id partition = 0;
  node_id from;
  node_id to;
  friend bool operator==(const planned_move&, const planned_move&) = default;
};

/// A partition that nobody owned.
struct planned_assignment {
  partition_id partition = 0;
  node_id to;
  friend bool operator==(const planned_assignment&,
                         const planned_assignment&) = default;
};

/// What a node of the input carries of the region once the plan is done.
struct planned_load {
  node_id node;
  std::uint32_t partitions = 0;
  std::uint64_t weight = 0;
  friend bool operator==(const planned_load&, const planned_load&) = default;
};

struct placement_plan {
  std::vector<planned_move> moves;             // by partition
  std::vector<planned_assignment> assignments; // by partition
  std::vector<partition_id> homeless; // unassigned, and no node takes them
  std::vector<planned_load> loads;    // by node
  std::vector<node_id> owners;        // by partition, once it is done

  bool empty() const { return moves.empty() && assignments.empty(); }
};

using plan_result = std::variant<placement_plan, placement_refusal>;

/// The most partitions, and nodes, that one plan covers. Sums of weights
/// cannot overflow below it.
inline constexpr std::size_t placement_size_max = std::size_t{1} << 20;

/// Turns a strategy's wishes into a checked plan for one region.
///
/// In:     the region's map and the nodes, in any order. Where regions are
///         planned one by one, add each plan's `loads` to `other_load` of the
///         next: that spreads regions of few partitions.
/// Out:    who moves where; nothing at all if the map is as wished. If no node
///         takes partitions, everything stays where it is.
/// Errors: a refusal; the strategy may throw or answer anything.
plan_result make_plan(placement_input in, const placement_strategy& strategy);

} // namespace troupe
