#pragma once

#include <troupe/cluster/placement/strategy.hpp>

namespace troupe {

/// Keeps some partitions on named or labelled nodes; the rest is balanced
/// around them.
///
/// An option is a partition or a range, and a node's name or a label:
/// {"7", "node-1"}, {"10-63", "zone=eu"}. Among the nodes with a label the
/// partitions are balanced. Partitions whose nodes all take nothing, or are
/// away, are balanced with the rest until one is back.
class pinned_strategy final : public placement_strategy {
public:
  struct rule {
    partition_id first = 0;
    partition_id last = 0;
    std::string target;
  };

  /// Errors: bad_option for what cannot be read, and for ranges that overlap.
  static strategy_result make(const strategy_options& options);

  std::string_view name() const override { return "pinned"; }
  std::vector<node_id> place(const placement_input& in) const override;

private:
  explicit pinned_strategy(std::vector<rule> rules);

  std::vector<rule> rules_;          // by first partition
  std::vector<std::string> targets_; // each once, in the order of the rules
};

} // namespace troupe
