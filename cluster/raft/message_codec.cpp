#include <troupe/cluster/raft/codec.hpp>

#include <utility>

#include <troupe/proto/raft.pb.h>

namespace troupe::raft {

namespace {

static_assert(static_cast<int>(code::outcome_unknown) + 1
              == proto::RAFT_CODE_OUTCOME_UNKNOWN);

struct writer {
  proto::RaftMessage& to;

  void operator()(const pre_vote_request& x) {
    auto& out = *to.mutable_pre_vote_request();
    out.set_last_index(x.last_index.value);
    out.set_last_term(x.last_term.value);
  }
  void operator()(const pre_vote_reply& x) {
    auto& out = *to.mutable_pre_vote_reply();
    out.set_granted(x.granted);
    out.set_commit(x.commit.index.value);
    out.set_commit_term(x.commit.term.value);
  }
  void operator()(const vote_request& x) {
    auto& out = *to.mutable_vote_request();
    out.set_last_index(x.last_index.value);
    out.set_last_term(x.last_term.value);
    out.set_transfer(x.transfer);
  }
  void operator()(const vote_reply& x) {
    auto& out = *to.mutable_vote_reply();
    out.set_granted(x.granted);
    out.set_last_index(x.last_index.value);
    out.set_last_term(x.last_term.value);
    out.set_leader_ack_age(x.leader_ack_age);
    out.set_commit(x.commit.index.value);
    out.set_commit_term(x.commit.term.value);
  }
  void operator()(const append_request& x) {
    auto& out = *to.mutable_append_request();
    out.set_prev_index(x.prev_index.value);
    out.set_prev_term(x.prev_term.value);
    out.set_commit(x.commit.value);
    for (auto& e : x.entries)
      to_proto(e, *out.add_entries());
  }
  void operator()(const append_reply& x) {
    to.mutable_append_reply()->set_index(x.index.value);
  }
  void operator()(const append_refusal& x) {
    auto& out = *to.mutable_append_refusal();
    out.set_index(x.index.value);
    out.set_hint(x.hint.value);
    out.set_hint_term(x.hint_term.value);
  }
  void operator()(const heartbeat& x) {
    auto& out = *to.mutable_heartbeat();
    out.set_commit(x.commit.value);
    out.set_round(x.round);
  }
  void operator()(const heartbeat_reply& x) {
    to.mutable_heartbeat_reply()->set_round(x.round);
  }
  void operator()(const snapshot_offer& x) {
    to_proto(x.meta, *to.mutable_snapshot_offer()->mutable_meta());
  }
  void operator()(const timeout_now&) { to.mutable_timeout_now(); }
  void operator()(const read_request& x) {
    to.mutable_read_request()->set_id(x.id);
  }
  void operator()(const read_reply& x) {
    auto& out = *to.mutable_read_reply();
    out.set_id(x.id);
    out.set_index(x.index.value);
  }
  void operator()(const forward_commands& x) {
    auto& out = *to.mutable_forward_commands();
    out.set_id(x.id);
    for (auto& command : x.commands)
      out.add_commands(*command);
  }
  void operator()(const forward_change& x) {
    auto& out = *to.mutable_forward_change();
    out.set_id(x.id);
    to_proto(x.change, *out.mutable_change());
  }
  void operator()(const forward_reply& x) {
    auto& out = *to.mutable_forward_reply();
    out.set_id(x.id);
    out.set_why(static_cast<proto::RaftCode>(static_cast<int>(x.why) + 1));
    out.set_leader(x.leader.value);
    out.set_placed_term(x.placed_term.value);
    out.set_placed_index(x.placed_index.value);
  }
};

std::optional<message_body> read(const proto::RaftAppendRequest& x) {
  append_request out{log_index{x.prev_index()},
                     term{x.prev_term()},
                     log_index{x.commit()},
                     {}};
  out.entries.reserve(static_cast<std::size_t>(x.entries_size()));
  for (auto& row : x.entries()) {
    auto e = from_proto(row);
    if (!e)
      return std::nullopt;
    out.entries.push_back(std::move(*e));
  }
  return out;
}

std::optional<message_body> read(const proto::RaftForwardCommands& x) {
  forward_commands out{x.id(), {}};
  for (auto& bytes : x.commands())
    out.commands.push_back(std::make_shared<const std::string>(bytes));
  return out;
}

std::optional<message_body> read(const proto::RaftForwardReply& x) {
  auto why = static_cast<int>(x.why());
  if (why < proto::RAFT_CODE_NONE || why > proto::RAFT_CODE_OUTCOME_UNKNOWN)
    return std::nullopt;
  return forward_reply{x.id(), static_cast<code>(why - 1),
                       member_id{x.leader()}, term{x.placed_term()},
                       log_index{x.placed_index()}};
}

std::optional<message_body> read_body(const proto::RaftMessage& from) {
  switch (from.body_case()) {
  case proto::RaftMessage::kPreVoteRequest: {
    auto& x = from.pre_vote_request();
    return pre_vote_request{log_index{x.last_index()}, term{x.last_term()}};
  }
  case proto::RaftMessage::kPreVoteReply: {
    auto& x = from.pre_vote_reply();
    return pre_vote_reply{x.granted(),
                          {log_index{x.commit()}, term{x.commit_term()}}};
  }
  case proto::RaftMessage::kVoteRequest: {
    auto& x = from.vote_request();
    return vote_request{log_index{x.last_index()}, term{x.last_term()},
                        x.transfer()};
  }
  case proto::RaftMessage::kVoteReply: {
    auto& x = from.vote_reply();
    return vote_reply{x.granted(),
                      log_index{x.last_index()},
                      term{x.last_term()},
                      x.leader_ack_age(),
                      {log_index{x.commit()}, term{x.commit_term()}}};
  }
  case proto::RaftMessage::kAppendRequest:
    return read(from.append_request());
  case proto::RaftMessage::kAppendReply:
    return append_reply{log_index{from.append_reply().index()}};
  case proto::RaftMessage::kAppendRefusal: {
    auto& x = from.append_refusal();
    return append_refusal{log_index{x.index()}, log_index{x.hint()},
                          term{x.hint_term()}};
  }
  case proto::RaftMessage::kHeartbeat: {
    auto& x = from.heartbeat();
    return heartbeat{log_index{x.commit()}, x.round()};
  }
  case proto::RaftMessage::kHeartbeatReply:
    return heartbeat_reply{from.heartbeat_reply().round()};
  case proto::RaftMessage::kSnapshotOffer: {
    auto meta = from_proto(from.snapshot_offer().meta());
    if (!meta)
      return std::nullopt;
    return snapshot_offer{std::move(*meta)};
  }
  case proto::RaftMessage::kTimeoutNow:
    return timeout_now{};
  case proto::RaftMessage::kReadRequest:
    return read_request{from.read_request().id()};
  case proto::RaftMessage::kReadReply: {
    auto& x = from.read_reply();
    return read_reply{x.id(), log_index{x.index()}};
  }
  case proto::RaftMessage::kForwardCommands:
    return read(from.forward_commands());
  case proto::RaftMessage::kForwardChange: {
    auto& x = from.forward_change();
    auto change = from_proto(x.change());
    if (!change)
      return std::nullopt;
    return forward_change{x.id(), std::move(*change)};
  }
  case proto::RaftMessage::kForwardReply:
    return read(from.forward_reply());
  case proto::RaftMessage::BODY_NOT_SET:
    return std::nullopt;
  }
  return std::nullopt;
}

} // namespace

void to_proto(const message& from, proto::RaftMessage& to) {
  to.set_from(from.from.value);
  to.set_to(from.to.value);
  to.set_term(from.term.value);
  std::visit(writer{to}, from.body);
}

std::optional<message> from_proto(const proto::RaftMessage& from) {
  if (from.from() == 0 || from.to() == 0 || from.from() == from.to())
    return std::nullopt;
  auto body = read_body(from);
  if (!body)
    return std::nullopt;
  return message{member_id{from.from()}, member_id{from.to()},
                 term{from.term()}, std::move(*body)};
}

} // namespace troupe::raft
