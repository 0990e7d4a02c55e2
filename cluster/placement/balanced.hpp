#pragma once

#include <troupe/cluster/placement/strategy.hpp>

namespace troupe {

/// Fewest moves to a balance; the default.
///
/// A map is balanced when no node is further from its fair share than one
/// partition. With partitions of equal weight that gives every node its share
/// rounded up or down: a spread of at most 1 if the nodes are equal too, by
/// the fewest moves there are. With partitions of different weight a node is
/// left alone up to 10 % off its share, or up to the heaviest partition where
/// that is less; what is then moved is found greedily, as the fewest moves are
/// a packing problem. No node ends above its share by more than the heaviest
/// partition.
///
/// Of equal partitions a node gives away those that it has had for longest:
/// what has just moved stays, so a rolling restart moves nothing to and fro.
///
/// Where several nodes may round up, those that need no move for it do, then
/// those with the lowest `other_load` for their weight, then the lowest id.
class balanced_strategy final : public placement_strategy {
public:
  std::string_view name() const override { return "balanced"; }
  std::vector<node_id> place(const placement_input& in) const override;
};

} // namespace troupe
