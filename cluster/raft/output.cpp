#include <troupe/cluster/raft/output.hpp>

#include <troupe/cluster/raft/view.hpp>

namespace troupe::raft {

std::string_view to_string(code x) {
  switch (x) {
  case code::none:
    return "none";
  case code::not_leader:
    return "not_leader";
  case code::busy:
    return "busy";
  case code::transferring:
    return "transferring";
  case code::change_pending:
    return "change_pending";
  case code::change_invalid:
    return "change_invalid";
  case code::too_many_members:
    return "too_many_members";
  case code::unknown_member:
    return "unknown_member";
  case code::not_voter:
    return "not_voter";
  case code::not_applied:
    return "not_applied";
  case code::too_few_voters:
    return "too_few_voters";
  case code::lease_held:
    return "lease_held";
  case code::too_big:
    return "too_big";
  case code::outcome_unknown:
    return "outcome_unknown";
  }
  return "?";
}

std::string_view describe(code x) {
  switch (x) {
  case code::none:
    return "accepted";
  case code::not_leader:
    return "this member does not lead: ask the leader, or wait for an "
           "election if none is named";
  case code::busy:
    return "too much is under way: try again when some of it is done";
  case code::transferring:
    return "leadership is being handed over: try again when a leader is "
           "known";
  case code::change_pending:
    return "an earlier change is not applied yet: try again once it is";
  case code::change_invalid:
    return "the change does not fit the configuration: read the "
           "configuration and make another";
  case code::too_many_members:
    return "the group may not grow beyond its maximum: remove a member "
           "first";
  case code::unknown_member:
    return "the member is not part of the configuration: add it first";
  case code::not_voter:
    return "the member is not a voter: name one that is";
  case code::not_applied:
    return "a committed change is not applied here yet: try again once it is";
  case code::too_few_voters:
    return "fewer voters are known than the minimum: add voters first";
  case code::lease_held:
    return "reads rest on the leader's lease: transfer its leadership "
           "instead";
  case code::too_big:
    return "the command is longer than the maximum: split it";
  case code::outcome_unknown:
    return "it may or may not take effect: try again only what is "
           "idempotent";
  }
  return "?";
}

std::string_view to_string(role x) {
  switch (x) {
  case role::follower:
    return "follower";
  case role::pre_candidate:
    return "precandidate";
  case role::candidate:
    return "candidate";
  case role::leader:
    return "leader";
  }
  return "?";
}

std::string_view to_string(feed x) {
  switch (x) {
  case feed::probe:
    return "probe";
  case feed::replicate:
    return "replicate";
  case feed::snapshot:
    return "snapshot";
  }
  return "?";
}

bool output::empty() const {
  return !persist && now.empty() && after_persist.empty() && committed.empty()
         && reads.empty() && proposals.empty() && snapshots.empty()
         && leadership.empty() && !confirmed_round;
}

} // namespace troupe::raft
