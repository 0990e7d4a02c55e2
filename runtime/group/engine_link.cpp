#include <troupe/runtime/group/engine.hpp>

#include <utility>

#include <troupe/proto/group.pb.h>
#include <troupe/runtime/boot_clock.hpp>

// What comes from the network.
namespace troupe::raft {

namespace {

enum class hello_refusal : std::uint32_t { removed = 1, other_directory = 2 };

link::refusal no(hello_refusal why, std::string text) {
  return {link::refusal_code::owner, std::move(text),
          static_cast<std::uint32_t>(why)};
}

} // namespace

void engine::on_frame(node_id peer, link::lane, std::uint8_t kind,
                      std::string_view payload) {
  if (!at_work_)
    return;
  core_->receive(boot_now(), peer, static_cast<group_frame>(kind), payload);
}

void engine::on_connected(const link::identity& peer) {
  post([id = peer.node, uuid = to_bytes(peer.uuid)](
           group_core& core, boot_time) { core.met(id, uuid); });
}

void engine::on_disconnected(node_id peer, link::close_reason) {
  post([peer](group_core& core, boot_time) { core.unreachable(peer); });
}

void engine::on_session_ended(const link::session_end&) {
}

std::optional<link::refusal> engine::on_hello(const link::hello& from) {
  std::lock_guard guard{view_mutex_};
  auto id = from.from.node;
  auto number = std::to_string(id.value);
  if (roster_.is_removed(id))
    return no(hello_refusal::removed,
              "member " + number + " was removed from the group");
  auto* row = roster_.find(id);
  if (row != nullptr && !row->uuid.empty()
      && row->uuid != to_bytes(from.from.uuid))
    return no(hello_refusal::other_directory,
              "member " + number
                  + " had another data directory; it might vote twice: remove "
                    "it, and let it join anew");
  return std::nullopt; // one that is not known here may be newer than we know
}

void engine::on_refused(const link::refused_link& what) {
  if (!what.by_peer || what.what.code != link::refusal_code::owner)
    return;
  auto why = static_cast<hello_refusal>(what.what.owner_code);
  if (why == hello_refusal::removed || why == hello_refusal::other_directory)
    end_by_itself({group_code::removed, what.what.text});
}

void engine::on_malformed(std::string_view, link::malformed_reason) {
}

void engine::on_introduction(std::string request, std::string,
                             introduction_reply reply) {
  auto answer = [reply](const proto::GroupJoined& x) {
    reply(x.SerializeAsString());
  };
  proto::GroupJoined out;
  proto::GroupJoin in;
  if (!in.ParseFromString(request) || !flaw_of_address(in.address()).empty()
      || in.uuid().empty()) {
    out.set_error("this is no request to join a group");
    return answer(out);
  }
  {
    std::lock_guard guard{mutex_};
    if (!running_) {
      out.set_error("the member is not ready; try again");
      return answer(out);
    }
  }
  proto::GroupMemberCommand what;
  what.mutable_add()->set_address(in.address());
  what.mutable_add()->set_uuid(in.uuid());
  what.mutable_add()->set_votes(in.votes());
  post([this, what, answer](group_core& core, boot_time now) {
    wishes_[core.wish(now, what, false)] = [this, answer](group_code why,
                                                          member_id id) {
      proto::GroupJoined out;
      if (why != group_code::none) {
        out.set_error(refusal{why, {}}.text());
        return answer(out);
      }
      out.set_group(group_bytes());
      out.set_id(id.value);
      proto::GroupRoster members;
      core_->members().save(members);
      *out.mutable_members() = members.members();
      answer(out);
    };
  });
}

} // namespace troupe::raft
