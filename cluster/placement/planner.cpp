#include <troupe/cluster/placement/planner.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <string>

namespace troupe {
namespace {

template <class... Ts>
placement_refusal refuse(placement_errc code, const Ts&... parts) {
  placement_refusal result{code, {}};
  ((result.text += parts), ...);
  return result;
}

std::string text(node_id id) {
  return std::to_string(id.value);
}

const placement_node* find(const placement_input& in, node_id id) {
  auto less = [](const placement_node& x, node_id y) { return x.id < y; };
  auto at = std::lower_bound(in.nodes.begin(), in.nodes.end(), id, less);
  return at != in.nodes.end() && at->id == id ? &*at : nullptr;
}

bool takes(const placement_input& in, node_id id) {
  auto node = find(in, id);
  return node != nullptr && takes_partitions(in, *node);
}

/// Puts the input in order, or says what is wrong with it.
std::optional<placement_refusal> sort(placement_input& in) {
  auto bad = [&](const auto&... parts) {
    return refuse(placement_errc::bad_input, "region '", in.region,
                  "': ", parts...);
  };
  if (std::max(in.nodes.size(), in.partitions.size()) > placement_size_max)
    return bad("a plan covers at most ", std::to_string(placement_size_max),
               " nodes and as many partitions; split the region");
  std::sort(in.nodes.begin(), in.nodes.end(),
            [](const auto& x, const auto& y) { return x.id < y.id; });
  auto earlier = [](const auto& x, const auto& y) {
    return x.partition < y.partition;
  };
  if (!std::is_sorted(in.partitions.begin(), in.partitions.end(), earlier))
    std::sort(in.partitions.begin(), in.partitions.end(), earlier);
  if (!in.nodes.empty() && !in.nodes.front().id)
    return bad("node '", in.nodes.front().name,
               "' has no id; plan with nodes of the cluster only");
  for (std::size_t i = 1; i < in.nodes.size(); ++i)
    if (in.nodes[i].id == in.nodes[i - 1].id)
      return bad("node ", text(in.nodes[i].id),
                 " is listed twice; list each node once");
  for (std::size_t i = 1; i < in.partitions.size(); ++i)
    if (in.partitions[i].partition == in.partitions[i - 1].partition)
      return bad("partition ", std::to_string(in.partitions[i].partition),
                 " is listed twice; list each partition once");
  return std::nullopt;
}

/// What the strategy is shown: a pin is no question to it. Returns the owners
/// of before.
std::vector<node_id> take_pins(placement_input& in) {
  std::vector<node_id> before;
  before.reserve(in.partitions.size());
  for (auto& x : in.partitions) {
    before.push_back(x.owner);
    if (x.pinned && x.movable && takes(in, x.pinned)) {
      x.owner = x.pinned;
      x.movable = false;
    }
  }
  return before;
}

std::variant<std::vector<node_id>, placement_refusal>
ask(const placement_input& in, const placement_strategy& strategy) {
  auto failed = [&](std::string_view what) {
    return refuse(placement_errc::strategy_failed, "strategy '",
                  strategy.name(), "' failed for region '", in.region,
                  "': ", what, "; repair it or choose another one");
  };
  try {
    return strategy.place(in);
  } catch (const std::exception& err) {
    return failed(err.what());
  } catch (...) {
    return failed("it threw something that is not a std::exception");
  }
}

std::optional<placement_refusal> check(const placement_input& in,
                                       const placement_strategy& strategy,
                                       const std::vector<node_id>& wished) {
  auto bad = [&](const auto&... parts) {
    return refuse(placement_errc::bad_answer, "strategy '", strategy.name(),
                  "' for region '", in.region, "' ", parts...);
  };
  if (wished.size() != in.partitions.size())
    return bad("returned ", std::to_string(wished.size()), " owners for ",
               std::to_string(in.partitions.size()),
               " partitions; return one for each, in the order of the input");
  for (std::size_t i = 0; i < wished.size(); ++i) {
    auto node = find(in, wished[i]);
    if (!in.partitions[i].movable
        || (node != nullptr && takes_partitions(in, *node)))
      continue;
    auto partition = std::to_string(in.partitions[i].partition);
    if (!wished[i])
      return bad("gave partition ", partition,
                 " no owner; return a node that takes partitions");
    if (node == nullptr)
      return bad("gave partition ", partition, " to node ", text(wished[i]),
                 ", which is not in the input; return one of its nodes");
    return bad("gave partition ", partition, " to node ", text(wished[i]), " (",
               node->name, "), which ",
               !node->eligible     ? "is not eligible"
               : node->weight == 0 ? "has weight 0"
                                   : "lacks a role of the region",
               "; return a node that takes partitions");
  }
  return std::nullopt;
}

placement_plan difference(const placement_input& in,
                          const std::vector<node_id>& before,
                          std::vector<node_id> wished) {
  placement_plan result;
  for (const auto& x : in.nodes)
    result.loads.push_back({x.id});
  for (std::size_t i = 0; i < in.partitions.size(); ++i) {
    const auto& x = in.partitions[i];
    auto to = wished[i];
    if (!to)
      result.homeless.push_back(x.partition);
    else if (!before[i])
      result.assignments.push_back({x.partition, to});
    else if (before[i] != to)
      result.moves.push_back({x.partition, before[i], to});
    if (auto node = find(in, to)) {
      auto& load =
          result.loads[static_cast<std::size_t>(node - in.nodes.data())];
      ++load.partitions;
      load.weight += x.weight;
    }
  }
  result.owners = std::move(wished);
  return result;
}

} // namespace

plan_result make_plan(placement_input in, const placement_strategy& strategy) {
  if (auto refusal = sort(in))
    return *refusal;
  auto before = take_pins(in);
  std::vector<node_id> owners;
  owners.reserve(in.partitions.size());
  for (const auto& x : in.partitions)
    owners.push_back(x.owner);
  if (std::any_of(in.nodes.begin(), in.nodes.end(),
                  [&](const auto& x) { return takes_partitions(in, x); })) {
    auto answer = ask(in, strategy);
    if (auto refusal = std::get_if<placement_refusal>(&answer))
      return *refusal;
    auto& wished = std::get<std::vector<node_id>>(answer);
    if (auto refusal = check(in, strategy, wished))
      return *refusal;
    for (std::size_t i = 0; i < owners.size(); ++i)
      if (in.partitions[i].movable)
        owners[i] = wished[i];
  }
  return difference(in, before, std::move(owners));
}

} // namespace troupe
