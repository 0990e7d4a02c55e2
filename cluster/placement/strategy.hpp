#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <troupe/cluster/placement/placement.hpp>

namespace troupe {

/// Decides which node should own each partition of a region.
///
/// In:      nodes and partitions in the order of their ids, none twice, with
///          at least one node that takes partitions; pins already turned into
///          partitions that are not movable. `make_plan` sees to all of it.
/// Out:     the wished owner of each partition, in the order of the input.
///          What is said of a partition that is not movable is ignored.
/// Errors:  an own strategy may throw or answer nonsense: no plan then.
/// Threads: none of its own; has no state, so may be shared.
class placement_strategy {
public:
  virtual ~placement_strategy() = default;
  virtual std::string_view name() const = 0;
  virtual std::vector<node_id> place(const placement_input& in) const = 0;
};

using placement_strategy_ptr = std::shared_ptr<const placement_strategy>;
using placement_function =
    std::function<std::vector<node_id>(const placement_input&)>;
using strategy_options = std::vector<std::pair<std::string, std::string>>;
using strategy_result = std::variant<placement_strategy_ptr, placement_refusal>;

/// A built-in strategy: "balanced", "rendezvous", "round_robin", or "pinned".
/// Only "pinned" has options, see `pinned_strategy`.
strategy_result make_strategy(std::string_view name,
                              const strategy_options& options = {});

/// The user's own strategy. It must give the same answer for the same input.
strategy_result make_strategy(std::string name, placement_function place);

} // namespace troupe
