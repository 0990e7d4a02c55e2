#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <troupe/cluster/raft/output.hpp>

namespace troupe::raft {

/// How a leader feeds one follower.
enum class feed : std::uint8_t { probe, replicate, snapshot };

std::string_view to_string(feed x);

/// A leader's knowledge of one member.
struct progress_view {
  member_id member{};
  raft::feed feed{};
  log_index match{};
  log_index next{};
  bool learner = false;
  bool active = false; // heard of since the last check of the quorum
  bool paused = false;
  std::size_t inflight = 0;
  std::size_t inflight_bytes = 0;
  std::uint64_t acked_round = 0;
};

/// A copy of a member's state. Costs as much as its log: not for each message.
struct view {
  raft::role role{};
  hard_state hard; // as the core holds it; the disk may be behind
  member_id leader{};
  member_id transferee{};
  bool learner = false;
  log_index applied{};
  log_index applying{};
  log_index durable{};
  log_index first{}; // of the log; first = last + 1: empty
  log_index last{};
  std::vector<entry> log;
  configuration conf;
  log_index pending_change{};
  std::vector<progress_view> progress; // leader only, by member
  std::size_t uncommitted_bytes = 0;
  std::size_t pending_reads = 0;
  std::size_t pending_forwards = 0;
  std::size_t messages_due = 0; // of `output::now`, for the next `take`
  std::uint64_t round = 0;
  std::uint64_t confirmed_round = 0;
  std::uint32_t election_elapsed_ticks = 0;
  std::uint32_t election_timeout_ticks = 0;
  std::uint64_t ignored = 0; // messages that no correct peer would send
};

} // namespace troupe::raft
