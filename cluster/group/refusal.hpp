#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <troupe/cluster/raft/message.hpp>

namespace troupe::raft {

/// Why a group did not do what it was asked.
enum class group_code : std::uint8_t {
  /// Done.
  none,
  /// No leader was found in time: it was not done.
  no_leader,
  /// Too much is under way: it was not done.
  busy,
  /// The command is longer than one may be: it was not done.
  too_big,
  /// The state machine does not take this command: it changed nothing.
  rejected,
  /// Another leader's entry took its place: it was not done.
  replaced,
  /// It may or may not take effect: only who is idempotent may try again.
  outcome_unknown,
  /// Not in force yet when the time was over; the group keeps at it.
  under_way,
  /// No member has this id or address.
  unknown_member,
  /// The address belongs to a member already.
  known_member,
  /// The group would have no voter left, or fewer than its minimum.
  too_few_voters,
  /// The group is as large as it may become.
  too_many_members,
  /// The member does not vote: promote it first.
  not_voter,
  /// The member that was asked is no longer part of the group.
  removed,
  /// The member that was asked has stopped.
  stopped,
  /// The request makes no sense.
  invalid,
  /// The data directory cannot be used.
  disk,
  /// The address cannot be listened on, or nobody there lets it in.
  network,
};

/// The code as a word, such as "no_leader".
std::string_view to_string(group_code x);

/// The code as a sentence that names the next step.
std::string_view describe(group_code x);

/// A code, and what there is to say about this case.
struct refusal {
  group_code why{};
  std::string detail; // empty: `describe` says it all

  std::string text() const;
};

/// What the raft core's code means to a user of a group.
group_code from_core(code x);

} // namespace troupe::raft
