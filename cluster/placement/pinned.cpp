#include <troupe/cluster/placement/pinned.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

#include <troupe/cluster/placement/balanced.hpp>

namespace troupe {
namespace {

std::optional<partition_id> read_partition(std::string_view text) {
  partition_id result = 0;
  auto end = text.data() + text.size();
  auto [stop, err] = std::from_chars(text.data(), end, result);
  if (err != std::errc{} || stop != end)
    return std::nullopt;
  return result;
}

std::optional<pinned_strategy::rule> read_rule(std::string_view range,
                                               const std::string& target) {
  auto dash = range.find('-');
  auto first = read_partition(range.substr(0, dash));
  auto last =
      dash == range.npos ? first : read_partition(range.substr(dash + 1));
  if (!first || !last || *first > *last || target.empty()
      || target.front() == '=')
    return std::nullopt;
  return pinned_strategy::rule{*first, *last, target};
}

bool matches(const placement_node& node, const std::string& target) {
  auto equals = target.find('=');
  if (equals == target.npos)
    return node.name == target;
  auto label = std::pair{target.substr(0, equals), target.substr(equals + 1)};
  return std::find(node.labels.begin(), node.labels.end(), label)
         != node.labels.end();
}

} // namespace

pinned_strategy::pinned_strategy(std::vector<rule> rules)
    : rules_(std::move(rules)) {
  for (const auto& x : rules_)
    if (std::find(targets_.begin(), targets_.end(), x.target) == targets_.end())
      targets_.push_back(x.target);
}

strategy_result pinned_strategy::make(const strategy_options& options) {
  std::vector<rule> rules;
  for (const auto& [range, target] : options) {
    auto x = read_rule(range, target);
    if (!x)
      return placement_refusal{
          placement_errc::bad_option,
          "strategy 'pinned' cannot read '" + range + "' -> '" + target
              + "'; write a partition or a range, and a node's name or a "
                "label, as"
                " in '7' -> 'node-1' or '10-63' -> 'zone=eu'"};
    rules.push_back(std::move(*x));
  }
  std::sort(rules.begin(), rules.end(),
            [](const rule& x, const rule& y) { return x.first < y.first; });
  for (std::size_t i = 1; i < rules.size(); ++i)
    if (rules[i].first <= rules[i - 1].last)
      return placement_refusal{placement_errc::bad_option,
                               "strategy 'pinned' names partition "
                                   + std::to_string(rules[i].first)
                                   + " twice; name each partition once"};
  return placement_strategy_ptr{new pinned_strategy(std::move(rules))};
}

std::vector<node_id> pinned_strategy::place(const placement_input& in) const {
  balanced_strategy balance;
  auto settled = in;
  for (const auto& target : targets_) {
    placement_input part{in.region, in.roles, in.nodes, {}};
    for (auto& x : part.nodes)
      x.eligible = x.eligible && matches(x, target);
    if (std::none_of(part.nodes.begin(), part.nodes.end(),
                     [&](const auto& x) { return takes_partitions(part, x); }))
      continue;
    // The target's own partitions, among those that have their place.
    std::vector<std::size_t> origin;
    auto rule = rules_.begin();
    for (std::size_t i = 0; i < settled.partitions.size(); ++i) {
      const auto& x = settled.partitions[i];
      while (rule != rules_.end() && rule->last < x.partition)
        ++rule;
      if (!x.movable
          || (rule != rules_.end() && rule->first <= x.partition
              && rule->target == target)) {
        part.partitions.push_back(x);
        origin.push_back(i);
      }
    }
    auto owners = balance.place(part);
    for (std::size_t i = 0; i < owners.size(); ++i) {
      settled.partitions[origin[i]].owner = owners[i];
      settled.partitions[origin[i]].movable = false;
    }
  }
  return balance.place(settled);
}

} // namespace troupe
