#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <troupe/cluster/placement/placement.hpp>

namespace troupe {

/// Sums of 2^20 weights times sums of 2^20 weights need 124 bits.
__extension__ typedef __int128 wide_int;

/// The nodes that take partitions, what already lies on them for good, and the
/// partitions that are free to go anywhere.
///
/// Shares are exact: a node's fair share is `total * weight / capacity`, and
/// what is compared is everything times `capacity`. A partition costs its
/// weight. If some weigh nothing, all costs are scaled up so that one of
/// these costs 1, and all of them together less than a weight of 1: they get
/// spread too, and disturb nobody.
struct fair_shares {
  struct node {
    node_id id;
    std::uint32_t weight = 0;
    std::uint64_t other_load = 0;
    wide_int load = 0; // cost of the partitions that cannot move
  };

  /// In: sorted as `placement_strategy` says.
  explicit fair_shares(const placement_input& in);

  std::uint64_t cost(const placement_partition& x) const {
    return x.weight == 0 ? 1 : x.weight * scale;
  }

  /// The index of the node in `nodes`; its size if it takes nothing.
  std::size_t index_of(node_id id) const;

  /// What a node has above its fair share, times `capacity`.
  wide_int surplus(const node& x) const {
    return x.load * capacity - total * x.weight;
  }

  std::vector<node> nodes;       // by id
  std::vector<std::size_t> free; // indexes into the partitions, ascending
  std::uint64_t capacity = 0;    // weight of all nodes
  wide_int total = 0;            // cost of what is on the nodes or free
  std::uint64_t scale = 1;       // cost of a weight of 1
};

/// The wish that changes nothing.
std::vector<node_id> current_owners(const placement_input& in);

} // namespace troupe
