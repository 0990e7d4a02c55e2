#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <troupe/cluster/ids.hpp>

/// The words of placement: what a strategy and the planner are asked, and what
/// they answer. Values only.
namespace troupe {

struct placement_node {
  node_id id;
  std::string name;
  std::uint32_t weight = 100; // capacity; 100 is normal, 0 takes nothing
  std::vector<std::string> roles;
  std::vector<std::pair<std::string, std::string>> labels; // (zone, a), ...
  bool eligible = true;         // false: dead, draining, or not hosting
  std::uint64_t other_load = 0; // weight of other regions' partitions on it
};

struct placement_partition {
  partition_id partition = 0;
  node_id owner;            // none: unassigned; moving: where it moves to
  std::uint32_t weight = 1; // 0: costs nothing, but still has to be somewhere
  bool movable = true;      // false: it is moving, or quarantined
  node_id pinned;           // none: anywhere; ignored while that node is away
  epoch since;              // its assignment: greater is later
};

/// One region. Nodes and partitions may come in any order.
struct placement_input {
  std::string region;
  std::vector<std::string> roles; // a node needs every one of them
  std::vector<placement_node> nodes;
  std::vector<placement_partition> partitions;
};

/// True if `node` may be given partitions of this region.
bool takes_partitions(const placement_input& in, const placement_node& node);

enum class placement_errc : std::uint8_t {
  /// No strategy of that name.
  unknown_strategy = 1,
  /// A strategy does not know, or cannot read, one of its options.
  bad_option,
  /// A node or partition is listed twice, has no id, or there are too many.
  bad_input,
  /// The strategy threw.
  strategy_failed,
  /// The strategy's answer is not one allowed node for each partition.
  bad_answer,
};

/// Why there is no strategy or no plan. The text names the next step.
struct placement_refusal {
  placement_errc code{};
  std::string text;
};

} // namespace troupe
