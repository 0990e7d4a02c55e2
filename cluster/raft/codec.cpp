#include <troupe/cluster/raft/codec.hpp>

#include <troupe/proto/raft.pb.h>

namespace troupe::raft {

namespace {

template <class List>
void put_ids(const std::vector<member_id>& from, List& to) {
  for (auto id : from)
    to.Add(id.value);
}

// Members must be sorted, unique and not zero.
template <class List>
bool get_ids(const List& from, std::vector<member_id>& to) {
  for (auto id : from) {
    if (id <= (to.empty() ? 0 : to.back().value))
      return false;
    to.emplace_back(id);
  }
  return true;
}

} // namespace

void to_proto(const configuration& from, proto::RaftConfiguration& to) {
  put_ids(from.voters, *to.mutable_voters());
  put_ids(from.voters_outgoing, *to.mutable_voters_outgoing());
  put_ids(from.learners, *to.mutable_learners());
  put_ids(from.learners_next, *to.mutable_learners_next());
  to.set_auto_leave(from.auto_leave);
}

std::optional<configuration> from_proto(const proto::RaftConfiguration& from) {
  configuration to;
  if (!get_ids(from.voters(), to.voters)
      || !get_ids(from.voters_outgoing(), to.voters_outgoing)
      || !get_ids(from.learners(), to.learners)
      || !get_ids(from.learners_next(), to.learners_next))
    return std::nullopt;
  to.auto_leave = from.auto_leave();
  return to;
}

void to_proto(const configuration_change& from,
              proto::RaftConfigurationChange& to) {
  to.set_how(
      static_cast<proto::RaftTransition>(static_cast<int>(from.how) + 1));
  for (auto& one : from.changes) {
    auto& row = *to.add_changes();
    row.set_op(static_cast<proto::RaftChangeOp>(static_cast<int>(one.op) + 1));
    row.set_member(one.member.value);
  }
}

std::optional<configuration_change>
from_proto(const proto::RaftConfigurationChange& from) {
  auto how = static_cast<int>(from.how());
  if (how < proto::RAFT_TRANSITION_AUTOMATIC
      || how > proto::RAFT_TRANSITION_EXPLICIT_JOINT)
    return std::nullopt;
  configuration_change to;
  to.how = static_cast<transition>(how - 1);
  for (auto& row : from.changes()) {
    auto op = static_cast<int>(row.op());
    if (op < proto::RAFT_CHANGE_OP_ADD_VOTER
        || op > proto::RAFT_CHANGE_OP_REMOVE || row.member() == 0)
      return std::nullopt;
    to.changes.push_back(
        {static_cast<change_op>(op - 1), member_id{row.member()}});
  }
  return to;
}

void to_proto(const entry& from, proto::RaftEntry& to) {
  to.set_term(from.term.value);
  to.set_index(from.index.value);
  if (auto* command = std::get_if<payload>(&from.body)) {
    to.set_command(**command);
  } else if (auto* change = std::get_if<configuration_change>(&from.body)) {
    to_proto(*change, *to.mutable_change());
  }
}

std::optional<entry> from_proto(const proto::RaftEntry& from) {
  if (from.term() == 0 || from.index() == 0)
    return std::nullopt;
  entry to{term{from.term()}, log_index{from.index()}, noop{}};
  if (from.has_command()) {
    to.body = std::make_shared<const std::string>(from.command());
  } else if (from.has_change()) {
    auto change = from_proto(from.change());
    if (!change)
      return std::nullopt;
    to.body = std::move(*change);
  }
  return to;
}

void to_proto(const hard_state& from, proto::RaftHardState& to) {
  to.set_term(from.term.value);
  to.set_vote(from.vote.value);
  to.set_commit(from.commit.value);
}

hard_state from_proto(const proto::RaftHardState& from) {
  return {term{from.term()}, member_id{from.vote()}, log_index{from.commit()}};
}

void to_proto(const snapshot_meta& from, proto::RaftSnapshotMeta& to) {
  to.set_index(from.index.value);
  to.set_term(from.term.value);
  to_proto(from.conf, *to.mutable_configuration());
}

std::optional<snapshot_meta> from_proto(const proto::RaftSnapshotMeta& from) {
  auto conf = from_proto(from.configuration());
  if (!conf)
    return std::nullopt;
  return snapshot_meta{log_index{from.index()}, term{from.term()},
                       std::move(*conf)};
}

} // namespace troupe::raft
