#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include <troupe/cluster/raft/configuration_changer.hpp>
#include <troupe/cluster/raft/progress.hpp>
#include <troupe/cluster/raft/quorum.hpp>

namespace troupe::raft {

/// The configuration that holds, a progress for each of its members, and the
/// votes of the election under way.
/// Invariants: members of the configuration and of the progress map are equal.
class progress_tracker {
public:
  progress_tracker(std::size_t inflight_max, std::size_t inflight_bytes_max)
      : inflight_max_(inflight_max), inflight_bytes_max_(inflight_bytes_max) {}

  const configuration& conf() const { return conf_; }

  /// Keeps what is known of members that stay.
  void switch_to(configuration conf, log_index last);

  void forget(member_id id) { members_.erase(id); }

  /// Forgets what is known: a new term, or a snapshot.
  void reset(log_index last);

  progress* find(member_id id);
  const progress* find(member_id id) const;
  std::map<member_id, progress>& all() { return members_; }
  const std::map<member_id, progress>& all() const { return members_; }

  /// What a quorum has in its log, and which round a quorum has answered.
  /// Meaningless without voters.
  log_index matched_by_quorum() const;
  std::uint64_t round_of_quorum(member_id self, std::uint64_t own) const;

  /// Whether a quorum was heard of since the last call.
  bool take_quorum_active(member_id self);

  struct vote {
    bool granted = false;
    std::uint64_t leader_ack_age = 0; // ticks
  };

  void clear_votes() { votes_.clear(); }
  void record(member_id id, vote x) { votes_.emplace(id, x); }
  bool has_vote_of(member_id id) const { return votes_.contains(id); }
  tally count_votes() const;

  /// The least age among those that granted their vote.
  std::uint64_t least_ack_age() const;

private:
  progress fresh(log_index next) const {
    return {next, inflight_window{inflight_max_, inflight_bytes_max_}};
  }

  std::size_t inflight_max_;
  std::size_t inflight_bytes_max_;
  configuration conf_;
  std::map<member_id, progress> members_;
  std::map<member_id, vote> votes_;
};

} // namespace troupe::raft
