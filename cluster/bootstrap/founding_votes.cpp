#include <troupe/cluster/bootstrap/founding_votes.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include <troupe/cluster/assert.hpp>

namespace troupe::boot {

founding_votes::founding_votes(founding_group group)
    : group_(std::move(group)) {
  // nop
}

bool founding_votes::add(const boot::uuid& who, const boot::address& at,
                         const founding_set& set) {
  TROUPE_ASSERT(set.group() == group_, "{} is in another group", at);
  TROUPE_ASSERT(set.contains(who, at), "{} is not in its own set", at);
  // Data directories that were cleared leave their old uuid behind.
  if (latest_.size() >= 16 * candidates_max && !latest_.contains({who, at}))
    return false;
  auto [i, added] = latest_.try_emplace({who, at}, set);
  if (added || set == i->second)
    return true;
  if (set.generation == i->second.generation)
    return false;
  if (set.generation > i->second.generation)
    i->second = set;
  return true;
}

bool founding_votes::complete(const founding_set& set) const {
  return missing(set).empty();
}

std::vector<founder> founding_votes::missing(const founding_set& set) const {
  std::vector<founder> result;
  for (auto& one : set.founders) {
    auto i = latest_.find({one.uuid, one.address});
    if (i == latest_.end() || i->second != set)
      result.push_back(one);
  }
  return result;
}

bool founding_votes::dead(const founding_set& set) const {
  if (set.generation < highest())
    return true;
  return std::any_of(set.founders.begin(), set.founders.end(), [&](auto& one) {
    auto i = latest_.find({one.uuid, one.address});
    return i != latest_.end() && i->second.generation == set.generation
           && i->second != set;
  });
}

std::uint64_t founding_votes::open_generation() const {
  auto last = highest();
  if (last == 0)
    return 1;
  // Every set that is not known has a founder among so many addresses.
  auto enough = group_.candidates.size() - group_.expect + 1;
  std::set<boot::address> voted;
  for (auto& [who, set] : latest_)
    if (set.generation == last)
      voted.insert(who.address);
  return voted.size() >= enough && alive(last).empty() ? last + 1 : last;
}

std::vector<founding_set>
founding_votes::alive(std::uint64_t generation) const {
  std::map<cluster_id, const founding_set*> found;
  for (auto& [who, set] : latest_)
    if (set.generation == generation && !dead(set))
      found.emplace(id_of(set), &set);
  std::vector<founding_set> result;
  for (auto& [id, set] : found)
    result.push_back(*set);
  return result;
}

std::uint64_t founding_votes::highest() const {
  std::uint64_t result = 0;
  for (auto& [who, set] : latest_)
    result = std::max(result, set.generation);
  return result;
}

} // namespace troupe::boot
