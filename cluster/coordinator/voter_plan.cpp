#include <troupe/cluster/coordinator/voter_plan.hpp>

#include <algorithm>

namespace troupe {

namespace {

bool contains(const std::vector<node_id>& xs, node_id x) {
  return std::binary_search(xs.begin(), xs.end(), x);
}

} // namespace

std::optional<raft::member_change>
next_member_change(const shard_map& map, const raft::configuration& members,
                   node_id leader, const std::set<node_id>& caught_up,
                   const std::set<node_id>& leaving) {
  using raft::change_op;
  using raft::member_change;
  if (members.joint())
    return std::nullopt;
  auto goes = [&](node_id id) {
    auto* node = map.node(id);
    return !node || node->liveness == liveness::left
           || node->liveness == liveness::removed || leaving.count(id) != 0;
  };
  auto healthy = [&](node_id id) {
    auto* node = map.node(id);
    return node && node->liveness == liveness::up && !goes(id);
  };
  for (auto& [id, node] : map.nodes())
    if (!goes(id) && !contains(members.voters, id)
        && !contains(members.learners, id))
      return member_change{change_op::add_learner, id};
  for (auto id : members.learners)
    if (goes(id))
      return member_change{change_op::remove, id};
  auto up = std::count_if(map.nodes().begin(), map.nodes().end(),
                          [&](auto& kv) { return healthy(kv.first); });
  std::size_t target = up >= 7 ? 5 : 3;
  auto good =
      std::count_if(members.voters.begin(), members.voters.end(), healthy);
  std::optional<node_id> candidate;
  for (auto id : members.learners)
    if (healthy(id) && caught_up.count(id) != 0) {
      candidate = id;
      break;
    }
  if (static_cast<std::size_t>(good) < target && candidate)
    return member_change{change_op::add_voter, *candidate};
  auto demote = [&](auto pick) -> std::optional<member_change> {
    for (auto i = members.voters.rbegin(); i != members.voters.rend(); ++i)
      if (*i != leader && pick(*i))
        return member_change{change_op::add_learner, *i};
    return std::nullopt;
  };
  // Who goes serves until it is let go, and takes its vote along: what stays
  // must be able to decide without it.
  auto serves = [&](node_id id) {
    auto* node = map.node(id);
    return node && node->liveness == liveness::up;
  };
  auto enough_without = [&](node_id gone) {
    auto stay =
        std::count_if(members.voters.begin(), members.voters.end(),
                      [&](node_id id) { return id != gone && serves(id); });
    return 2 * static_cast<std::size_t>(stay) > members.voters.size() - 1;
  };
  bool missed = false;
  for (auto id : members.voters) {
    if (!goes(id) || id == leader || members.voters.size() == 1)
      continue;
    if (!serves(id) || enough_without(id))
      return member_change{change_op::remove, id};
    missed = true;
  }
  if (missed)
    return demote([&](node_id x) { return !serves(x) && enough_without(x); });
  if (members.voters.size() <= target)
    return std::nullopt;
  if (auto change = demote([&](node_id id) { return !healthy(id); }))
    return change;
  return demote([](node_id) { return true; });
}

} // namespace troupe
