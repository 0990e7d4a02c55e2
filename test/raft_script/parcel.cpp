#include <raft_script/parcel.hpp>

namespace troupe::raft::script {

namespace {

struct kind_name {
  std::string_view operator()(const pre_vote_request&) { return "MsgPreVote"; }
  std::string_view operator()(const pre_vote_reply&) {
    return "MsgPreVoteResp";
  }
  std::string_view operator()(const vote_request&) { return "MsgVote"; }
  std::string_view operator()(const vote_reply&) { return "MsgVoteResp"; }
  std::string_view operator()(const append_request&) { return "MsgApp"; }
  std::string_view operator()(const append_reply&) { return "MsgAppResp"; }
  std::string_view operator()(const append_refusal&) { return "MsgAppResp"; }
  std::string_view operator()(const heartbeat&) { return "MsgHeartbeat"; }
  std::string_view operator()(const heartbeat_reply&) {
    return "MsgHeartbeatResp";
  }
  std::string_view operator()(const snapshot_offer&) { return "MsgSnap"; }
  std::string_view operator()(const timeout_now&) { return "MsgTimeoutNow"; }
  std::string_view operator()(const read_request&) { return "MsgReadIndex"; }
  std::string_view operator()(const read_reply&) { return "MsgReadIndexResp"; }
  std::string_view operator()(const forward_commands&) { return "MsgProp"; }
  std::string_view operator()(const forward_change&) { return "MsgProp"; }
  std::string_view operator()(const forward_reply&) { return "MsgPropResp"; }
};

} // namespace

std::string_view kind_of(const parcel& x) {
  if (auto* done = std::get_if<write_done>(&x.what))
    return done->kind;
  if (std::holds_alternative<apply_done>(x.what))
    return "MsgStorageApplyResp";
  if (std::holds_alternative<transfer_wish>(x.what))
    return "MsgTransferLeader";
  return std::visit(kind_name{}, std::get<message>(x.what).body);
}

} // namespace troupe::raft::script
