#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <troupe/cluster/raft/types.hpp>

/// Majorities of one set of voters, and of both sets of a joint configuration.
/// An empty set agrees with everything, so that a configuration that is not
/// joint needs no case of its own.
namespace troupe::raft {

enum class tally : std::uint8_t { open, won, lost };

/// The largest number that a majority of `voters` has reached; `of` maps a
/// member to its number.
template <class Of>
std::uint64_t majority_reached(const std::vector<member_id>& voters, Of of) {
  if (voters.empty())
    return std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> numbers;
  numbers.reserve(voters.size());
  for (auto id : voters)
    numbers.push_back(of(id));
  // The k-th largest, k the size of a majority.
  auto at =
      numbers.begin() + static_cast<std::ptrdiff_t>((numbers.size() - 1) / 2);
  std::nth_element(numbers.begin(), at, numbers.end());
  return *at;
}

template <class Of>
std::uint64_t quorum_reached(const configuration& conf, Of of) {
  return std::min(majority_reached(conf.voters, of),
                  majority_reached(conf.voters_outgoing, of));
}

/// `of` maps a member to its vote, or to nothing while it is missing.
template <class Of>
tally majority_vote(const std::vector<member_id>& voters, Of of) {
  if (voters.empty())
    return tally::won;
  std::size_t yes = 0;
  std::size_t missing = 0;
  for (auto id : voters) {
    std::optional<bool> vote = of(id);
    if (!vote)
      ++missing;
    else if (*vote)
      ++yes;
  }
  auto needed = voters.size() / 2 + 1;
  if (yes >= needed)
    return tally::won;
  return yes + missing >= needed ? tally::open : tally::lost;
}

template <class Of>
tally quorum_vote(const configuration& conf, Of of) {
  auto incoming = majority_vote(conf.voters, of);
  auto outgoing = majority_vote(conf.voters_outgoing, of);
  if (incoming == tally::lost || outgoing == tally::lost)
    return tally::lost;
  return incoming == outgoing ? incoming : tally::open;
}

} // namespace troupe::raft
