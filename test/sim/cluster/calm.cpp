#include "calm.hpp"

#include <algorithm>

#include "world.hpp"

namespace troupe::sim {

namespace {

std::string unrest_of_node(sim_node& node, sim_node& lead) {
  if (!node.alive() || node.paused())
    return node.name() + " is not running";
  auto& core = node.core();
  if (core.leadership().leader != lead.id())
    return node.name() + " does not follow " + lead.name();
  if (core.map().version() != lead.core().map().version())
    return node.name() + " has another map than the leader";
  if (!core.joined())
    return node.name() + " is not up in the map";
  if (node.lease_end() <= node.now())
    return node.name() + " has no lease";
  if (node.busy_leaving())
    return node.name() + " is about to leave or restart";
  return node.unfinished();
}

std::string unrest_of_region(world& w, const shard_map& map,
                             const region_record& region, bool even) {
  auto& name = region.settings.name;
  std::map<node_id, std::size_t> load;
  for (auto& [id, node] : map.nodes()) {
    if (!node.available())
      continue;
    if (!map.can_host(region, node))
      return node.name + " does not host " + name + " yet";
    load[id] = 0;
  }
  for (partition_id p = 0; p < region.partitions.size(); ++p) {
    auto& a = region.partitions[p];
    auto text = name + " " + std::to_string(p);
    if (a.quarantined)
      continue;
    if (a.stage != stage::running)
      return text + " is " + std::string{to_string(a.stage)};
    if (!load.count(a.owner))
      return text + " is on node " + std::to_string(a.owner.value)
             + ", which may not have it";
    ++load[a.owner];
    if (!w.node(a.owner.value).has_actor({region.id, p}))
      return text + " runs in the map, but not on node "
             + std::to_string(a.owner.value);
  }
  auto [low, high] =
      std::minmax_element(load.begin(), load.end(),
                          [](auto& a, auto& b) { return a.second < b.second; });
  if (low != load.end() && high->second > low->second + 1 && even)
    return name + " is not spread evenly";
  return {};
}

std::string unrest_of_members(const shard_map& map,
                              const raft::configuration& members) {
  auto up = static_cast<std::size_t>(
      std::count_if(map.nodes().begin(), map.nodes().end(), [](auto& kv) {
        return kv.second.liveness == liveness::up;
      }));
  std::size_t wanted = up >= 7 ? 5 : 3;
  if (members.joint())
    return "the group changes its members";
  if (members.voters.size() != std::min(up, wanted))
    return std::to_string(members.voters.size()) + " voters of "
           + std::to_string(up) + " nodes";
  for (auto id : members.voters)
    if (!map.node(id) || map.node(id)->liveness != liveness::up)
      return "voter " + std::to_string(id.value) + " is not up";
  return {};
}

} // namespace

std::string unrest_of(world& w, bool even) {
  if (w.joining() > 0)
    return "somebody still wants to join";
  auto* lead = w.leader();
  if (!lead)
    return "no leader";
  for (auto* node : w.nodes())
    if (!node->left())
      if (auto text = unrest_of_node(*node, *lead); !text.empty())
        return text;
  auto& map = lead->core().map();
  for (auto& wanted : w.regions()) {
    auto* region = map.region(wanted.name);
    if (!region)
      return "region " + wanted.name + " is not announced";
    if (auto text = unrest_of_region(w, map, *region, even); !text.empty())
      return text;
  }
  if (auto text = unrest_of_members(map, lead->core().members()); !text.empty())
    return text;
  if (w.reg().open_count() > 0)
    return "messages without an end: " + w.reg().open_messages();
  return {};
}

} // namespace troupe::sim
