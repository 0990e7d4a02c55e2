#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <troupe/cluster/raft/message.hpp>

namespace troupe::raft::script {

/// What a member's own disk or application tells it: never lost.
struct write_done {
  std::uint64_t batch = 0;
  /// etcd's core tells itself several things then; this is the first of them.
  std::string_view kind = "MsgStorageAppendResp";
};
struct apply_done {
  log_index upto{};
};

/// A wish to transfer leadership, on its way to who leads. The core has no
/// such message: who asks it has to ask the leader.
struct transfer_wish {
  raft::term term{};
  member_id to{};
};

/// Something under way to a member.
struct parcel {
  member_id to{};
  std::variant<message, write_done, apply_done, transfer_wish> what;
  std::string content = {};  // of the application, with a snapshot_offer
  std::string shown_as = {}; // with a forward_change, if not as it is

  bool local() const {
    return std::holds_alternative<write_done>(what)
           || std::holds_alternative<apply_done>(what);
  }
};

/// The name that scripts have for a message's kind, such as "MsgApp".
std::string_view kind_of(const parcel& x);

} // namespace troupe::raft::script
