#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include <troupe/cluster/raft/types.hpp>

/// What members of a group tell each other. One struct per message; who sends
/// it to whom, and what comes back, stands above each.
namespace troupe::raft {

/// Why a request was refused, or that its outcome is not known.
enum class code : std::uint8_t {
  /// Accepted.
  none,
  /// Ask the member named as leader; without one, wait for an election.
  not_leader,
  /// Too much is under way: try again when some of it is done.
  busy,
  /// Leadership is being handed over: try again when a leader is known.
  transferring,
  /// An earlier change is not applied yet: try again once it is.
  change_pending,
  /// The change does not fit the configuration: read it, and change the change.
  change_invalid,
  /// More members than `members_max`: remove one first, or in the same change.
  too_many_members,
  /// The member is not part of the configuration: add it first.
  unknown_member,
  /// This member is no voter (or was removed): ask a voter.
  not_voter,
  /// A committed change is not applied here yet: apply it first.
  not_applied,
  /// Fewer voters are known than `voters_min`: add some first.
  too_few_voters,
  /// Reads rest on the leader's lease: transfer its leadership instead.
  lease_held,
  /// Longer than `command_bytes_max`: split it.
  too_big,
  /// It may or may not take effect: only who is idempotent may try again.
  outcome_unknown,
};

/// Candidate to voter: would you vote for me in `message::term`? Changes
/// nothing at either. Answered by pre_vote_reply.
struct pre_vote_request {
  log_index last_index{};
  raft::term last_term{};
};

/// What a voter that refuses knows to be committed: a candidate that holds the
/// same entry may not know it, and live by a configuration that is over.
struct known_commit {
  log_index index{};
  raft::term term{}; // of the entry there; none: not told

  friend bool operator==(const known_commit&, const known_commit&) = default;
};

struct pre_vote_reply {
  bool granted = false;
  known_commit commit{};
};

/// Candidate to voter. May leave before the candidate's own term and vote are
/// on disk: it does not lead before they are. Answered by vote_reply.
struct vote_request {
  log_index last_index{};
  raft::term last_term{};
  bool transfer = false; // the leader asked for it: its lease is no objection
};

/// Leaves only once the vote is on disk.
struct vote_reply {
  bool granted = false;
  /// As in the request. A candidate that crashed and lost the end of its log
  /// may ask in the same term again: only answers to what it has now count.
  log_index last_index{};
  raft::term last_term{};
  /// Whole ticks since the voter last acknowledged a leader; since its start
  /// if it has not done so since. Never more than have passed.
  std::uint64_t leader_ack_age = 0;
  known_commit commit{};
};

/// Leader to follower: entries behind (prev_index, prev_term), perhaps none.
/// Answered by append_reply or append_refusal.
struct append_request {
  log_index prev_index{};
  raft::term prev_term{};
  log_index commit{};
  std::vector<entry> entries;
};

/// Follower to leader: on my disk, my log equals yours up to `index`. Index
/// none: only tells a leader of an older term about the newer one.
struct append_reply {
  log_index index{};
};

/// Follower to leader: nothing with your (prev_index, prev_term) here.
struct append_refusal {
  log_index index{};      // the prev_index refused
  log_index hint{};       // the logs may meet here
  raft::term hint_term{}; // of the entry at `hint`; none: not known
};

/// Leader to follower. Answered by heartbeat_reply.
struct heartbeat {
  log_index commit{};      // never beyond what the follower acknowledged
  std::uint64_t round = 0; // counted by the leader from 1 in each term
};

struct heartbeat_reply {
  std::uint64_t round = 0;
};

/// Leader to follower, handed to the core once the bytes of the snapshot are
/// complete and durable. Answered by append_reply.
struct snapshot_offer {
  snapshot_meta meta;
};

/// Leader to follower: campaign at once. No reply.
struct timeout_now {};

/// Follower to leader, without a term. Answered by read_reply.
struct read_request {
  std::uint64_t id = 0; // made by the follower's core, never a client's
};

struct read_reply {
  std::uint64_t id = 0;
  log_index index{};
};

/// Follower to leader, without a term. Answered by forward_reply.
struct forward_commands {
  std::uint64_t id = 0; // made by the follower's core
  std::vector<payload> commands;
};

/// Follower to leader, without a term. Answered by forward_reply.
struct forward_change {
  std::uint64_t id = 0;
  configuration_change change;
};

/// Leader (or who was one) to follower, without a term.
struct forward_reply {
  std::uint64_t id = 0;
  code why = code::none;
  member_id leader{};       // code::not_leader: the hint
  raft::term placed_term{}; // code::none: where the first one went
  log_index placed_index{};
};

using message_body =
    std::variant<pre_vote_request, pre_vote_reply, vote_request, vote_reply,
                 append_request, append_reply, append_refusal, heartbeat,
                 heartbeat_reply, snapshot_offer, timeout_now, read_request,
                 read_reply, forward_commands, forward_change, forward_reply>;

struct message {
  member_id from{};
  member_id to{};
  raft::term term{}; // none in what is said to carry no term
  message_body body;
};

} // namespace troupe::raft
