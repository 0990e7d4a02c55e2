#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <troupe/cluster/raft/message.hpp>

/// What leaves the core: answers to single requests, and all that has become
/// due since the last `core::take`.
namespace troupe::raft {

/// The code as a word, such as "not_leader".
std::string_view to_string(code x);

/// The code as a sentence that names the next step.
std::string_view describe(code x);

/// The answer to a request. Converts to true if it was accepted.
struct [[nodiscard]] answer {
  code why = code::none;
  member_id leader{}; // code::not_leader: whom to ask, if known
  /// A proposal that this leader placed: where its first entry is. It took
  /// effect if an entry of this term is applied at this index, and did not if
  /// one of another term is. None: forwarded, or no proposal.
  raft::term term{};
  log_index index{};

  explicit operator bool() const { return why == code::none; }
};

enum class role : std::uint8_t { follower, pre_candidate, candidate, leader };

std::string_view to_string(role x);

/// One change of who leads, as this member sees it.
struct leadership {
  raft::term term{};
  raft::role role{};  // of this member
  member_id leader{}; // none: nobody known
  /// Leader only: the entry that began its term is applied here, so its state
  /// machine holds everything ever committed.
  bool caught_up = false;
  /// Leader only: ticks between the latest acknowledgement that any of the
  /// voters that elected it gave to an earlier leader, and its election.
  std::uint64_t leader_ack_age = 0;

  friend bool operator==(const leadership&, const leadership&) = default;
};

/// A read may be served once the state machine has applied `index`.
struct read_answer {
  std::uint64_t id = 0;
  code why = code::none; // not_leader, outcome_unknown: ask again
  log_index index{};
};

/// The end of a proposal made with an id that was forwarded.
struct proposal_answer {
  std::uint64_t id = 0;
  raft::answer answer;
};

/// The driver streams its newest snapshot, at `at_least` or above, to the
/// member, and then reports `core::snapshot_sent`.
struct snapshot_wanted {
  member_id to{};
  log_index at_least{};
};

/// Due work. The driver may do the parts in any order and at once, except that
/// `after_persist` waits for `after_batch`, batches are written in order, and
/// entries are applied in order.
struct output {
  std::optional<persist_batch> persist;
  std::vector<message> now; // may leave before `persist` is durable
  /// May leave once batch `after_batch` is durable: that of `persist`, or an
  /// earlier one, which perhaps is already. 0: none was ever needed.
  std::vector<message> after_persist;
  std::uint64_t after_batch = 0;
  std::vector<entry> committed; // apply in order; see core::apply_change
  std::vector<read_answer> reads;
  std::vector<proposal_answer> proposals;
  std::vector<snapshot_wanted> snapshots;
  std::vector<raft::leadership> leadership; // every change in order
  /// Leader: the newest heartbeat round that a quorum acknowledged, when it
  /// advanced. Rounds count from 1 in each term.
  std::optional<std::uint64_t> confirmed_round;

  bool empty() const;
};

} // namespace troupe::raft
