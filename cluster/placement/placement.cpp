#include <troupe/cluster/placement/placement.hpp>

#include <algorithm>

namespace troupe {

bool takes_partitions(const placement_input& in, const placement_node& node) {
  auto has = [&](const std::string& role) {
    return std::find(node.roles.begin(), node.roles.end(), role)
           != node.roles.end();
  };
  return node.eligible && node.weight > 0
         && std::all_of(in.roles.begin(), in.roles.end(), has);
}

} // namespace troupe
