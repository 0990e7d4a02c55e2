#pragma once

#include <troupe/cluster/placement/strategy.hpp>

namespace troupe {

/// Weighted rendezvous hashing with bounded load: a partition goes to the node
/// with the highest score for it that has room.
///
/// The map follows from the region's name, the ids and the weights alone, not
/// from the map before: a node that leaves and returns gets back exactly what
/// it had. The price is some moves more than balanced. A node has room up to
/// its fair share and 10 %, or the heaviest partition if that is more.
class rendezvous_strategy final : public placement_strategy {
public:
  std::string_view name() const override { return "rendezvous"; }
  std::vector<node_id> place(const placement_input& in) const override;
};

} // namespace troupe
