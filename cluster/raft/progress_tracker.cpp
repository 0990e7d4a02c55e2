#include <troupe/cluster/raft/progress_tracker.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace troupe::raft {

void progress_tracker::switch_to(configuration conf, log_index last) {
  conf_ = std::move(conf);
  std::erase_if(members_,
                [&](auto& row) { return !is_member(conf_, row.first); });
  for (auto id : all_members(conf_)) {
    // A new member counts as heard of, lest the leader finds its quorum gone
    // before it could say a word.
    auto [at, added] =
        members_.emplace(id, fresh(std::max(last, log_index{1})));
    at->second.learner = contains(conf_.learners, id);
    if (added)
      at->second.active = true;
  }
}

void progress_tracker::reset(log_index last) {
  votes_.clear();
  for (auto& [id, x] : members_) {
    auto learner = x.learner;
    x = fresh(log_index{last.value + 1});
    x.learner = learner;
  }
}

progress* progress_tracker::find(member_id id) {
  auto at = members_.find(id);
  return at == members_.end() ? nullptr : &at->second;
}

const progress* progress_tracker::find(member_id id) const {
  auto at = members_.find(id);
  return at == members_.end() ? nullptr : &at->second;
}

log_index progress_tracker::matched_by_quorum() const {
  return log_index{quorum_reached(conf_, [&](member_id id) {
    auto* x = find(id);
    return x == nullptr ? 0 : x->match().value;
  })};
}

std::uint64_t progress_tracker::round_of_quorum(member_id self,
                                                std::uint64_t own) const {
  return quorum_reached(conf_, [&](member_id id) {
    auto* x = find(id);
    return id == self ? own : x == nullptr ? 0 : x->acked_round;
  });
}

bool progress_tracker::take_quorum_active(member_id self) {
  auto result = quorum_vote(conf_, [&](member_id id) -> std::optional<bool> {
    auto* x = find(id);
    return id == self || (x != nullptr && x->active);
  });
  for (auto& [id, x] : members_)
    x.active = id == self;
  return result == tally::won;
}

tally progress_tracker::count_votes() const {
  return quorum_vote(conf_, [&](member_id id) -> std::optional<bool> {
    auto at = votes_.find(id);
    if (at == votes_.end())
      return std::nullopt;
    return at->second.granted;
  });
}

std::uint64_t progress_tracker::least_ack_age() const {
  auto least = std::numeric_limits<std::uint64_t>::max();
  for (auto& [id, x] : votes_)
    if (x.granted && is_voter(conf_, id))
      least = std::min(least, x.leader_ack_age);
  return least;
}

} // namespace troupe::raft
