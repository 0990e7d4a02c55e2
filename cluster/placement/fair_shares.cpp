#include <troupe/cluster/placement/fair_shares.hpp>

#include <algorithm>

namespace troupe {

fair_shares::fair_shares(const placement_input& in) {
  for (const auto& x : in.nodes) {
    if (takes_partitions(in, x)) {
      nodes.push_back({x.id, x.weight, x.other_load});
      capacity += x.weight;
    }
  }
  for (const auto& x : in.partitions)
    scale += x.weight == 0;
  for (std::size_t i = 0; i < in.partitions.size(); ++i) {
    const auto& x = in.partitions[i];
    if (x.movable) {
      free.push_back(i);
      total += cost(x);
    } else if (auto at = index_of(x.owner); at < nodes.size()) {
      nodes[at].load += cost(x);
      total += cost(x);
    }
  }
}

std::size_t fair_shares::index_of(node_id id) const {
  auto less = [](const node& x, node_id y) { return x.id < y; };
  auto at = std::lower_bound(nodes.begin(), nodes.end(), id, less);
  return at != nodes.end() && at->id == id
             ? static_cast<std::size_t>(at - nodes.begin())
             : nodes.size();
}

std::vector<node_id> current_owners(const placement_input& in) {
  std::vector<node_id> result;
  result.reserve(in.partitions.size());
  for (const auto& x : in.partitions)
    result.push_back(x.owner);
  return result;
}

} // namespace troupe
