#include <troupe/cluster/placement/round_robin.hpp>

#include <algorithm>

#include <troupe/cluster/placement/fair_shares.hpp>
#include <troupe/cluster/placement/hash.hpp>

namespace troupe {

std::vector<node_id>
round_robin_strategy::place(const placement_input& in) const {
  auto result = current_owners(in);
  fair_shares shares{in};
  if (shares.nodes.empty())
    return result;
  std::rotate(shares.nodes.begin(),
              shares.nodes.begin()
                  + static_cast<std::ptrdiff_t>(placement_hash(in.region)
                                                % shares.nodes.size()),
              shares.nodes.end());
  // What each node is owed of all that was dealt so far, times `capacity`.
  wide_int dealt = 0;
  for (const auto& x : shares.nodes)
    dealt += x.load;
  std::vector<wide_int> owed;
  for (const auto& x : shares.nodes)
    owed.push_back(dealt * x.weight - x.load * shares.capacity);
  for (auto i : shares.free) {
    auto cost = static_cast<wide_int>(shares.cost(in.partitions[i]));
    for (std::size_t n = 0; n < owed.size(); ++n)
      owed[n] += cost * shares.nodes[n].weight;
    auto next = std::max_element(owed.begin(), owed.end()) - owed.begin();
    owed[static_cast<std::size_t>(next)] -= cost * shares.capacity;
    result[i] = shares.nodes[static_cast<std::size_t>(next)].id;
  }
  return result;
}

} // namespace troupe
