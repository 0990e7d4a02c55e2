#include <troupe/cluster/group/refusal.hpp>

namespace troupe::raft {

std::string_view to_string(group_code x) {
  switch (x) {
  case group_code::none:
    return "none";
  case group_code::no_leader:
    return "no_leader";
  case group_code::busy:
    return "busy";
  case group_code::too_big:
    return "too_big";
  case group_code::rejected:
    return "rejected";
  case group_code::replaced:
    return "replaced";
  case group_code::outcome_unknown:
    return "outcome_unknown";
  case group_code::under_way:
    return "under_way";
  case group_code::unknown_member:
    return "unknown_member";
  case group_code::known_member:
    return "known_member";
  case group_code::too_few_voters:
    return "too_few_voters";
  case group_code::too_many_members:
    return "too_many_members";
  case group_code::not_voter:
    return "not_voter";
  case group_code::removed:
    return "removed";
  case group_code::stopped:
    return "stopped";
  case group_code::invalid:
    return "invalid";
  case group_code::disk:
    return "disk";
  case group_code::network:
    return "network";
  }
  return "?";
}

std::string_view describe(group_code x) {
  switch (x) {
  case group_code::none:
    return "done";
  case group_code::no_leader:
    return "no leader was found in time, nothing was done: see that a majority "
           "of the voters runs, then try again";
  case group_code::busy:
    return "too much is under way, nothing was done: try again when some of "
           "it is done";
  case group_code::too_big:
    return "the command is longer than one may be: split it";
  case group_code::rejected:
    return "the state machine does not take this command: send one that it "
           "knows";
  case group_code::replaced:
    return "another leader took over before it was safe, nothing was done: "
           "try again";
  case group_code::outcome_unknown:
    return "it may or may not take effect: try again only what may happen "
           "twice";
  case group_code::under_way:
    return "the change is agreed on but not in force yet: look at the members "
           "to see when it is";
  case group_code::unknown_member:
    return "there is no such member: list the members";
  case group_code::known_member:
    return "a member has this address already: remove it first";
  case group_code::too_few_voters:
    return "too few voters would be left: promote another member first";
  case group_code::too_many_members:
    return "the group is as large as it may become: remove a member first";
  case group_code::not_voter:
    return "the member does not vote: promote it first";
  case group_code::removed:
    return "this member was removed from the group: let it join anew with an "
           "empty data directory";
  case group_code::stopped:
    return "this member has stopped: ask another one";
  case group_code::invalid:
    return "the request makes no sense: correct it";
  case group_code::disk:
    return "the data directory cannot be used: mend it, then start again";
  case group_code::network:
    return "the network does not let this member in: check the addresses";
  }
  return "?";
}

std::string refusal::text() const {
  std::string out{describe(why)};
  if (!detail.empty())
    out = detail + "; " + out;
  return out;
}

group_code from_core(code x) {
  switch (x) {
  case code::none:
    return group_code::none;
  case code::not_leader:
  case code::transferring:
  case code::lease_held:
    return group_code::no_leader;
  case code::busy:
  case code::change_pending:
  case code::not_applied:
    return group_code::busy;
  case code::too_big:
    return group_code::too_big;
  case code::too_many_members:
    return group_code::too_many_members;
  case code::unknown_member:
    return group_code::unknown_member;
  case code::not_voter:
    return group_code::not_voter;
  case code::too_few_voters:
    return group_code::too_few_voters;
  case code::change_invalid:
    return group_code::invalid;
  case code::outcome_unknown:
    return group_code::outcome_unknown;
  }
  return group_code::invalid;
}

} // namespace troupe::raft
