#pragma once

#include <troupe/cluster/placement/strategy.hpp>

namespace troupe {

/// Deals the partitions out in the order of their ids, so that neighbours lie
/// on different nodes; nodes get their turns by weight.
///
/// The map does not depend on the map before, so most partitions move when a
/// node comes or goes: for regions that are placed once. Which node begins
/// follows from the region's name.
class round_robin_strategy final : public placement_strategy {
public:
  std::string_view name() const override { return "round_robin"; }
  std::vector<node_id> place(const placement_input& in) const override;
};

} // namespace troupe
