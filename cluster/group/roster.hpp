#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/group/refusal.hpp>

namespace troupe::proto {
class GroupMember;
class GroupMemberCommand;
class GroupRoster;
} // namespace troupe::proto

namespace troupe::raft {

/// A member as the group knows it.
struct member_row {
  member_id id{};
  std::string address; // host:port
  std::string uuid;    // of its data directory; empty: not seen yet
  bool votes = false;  // is to vote, once it has caught up
  bool leaving = false;

  friend bool operator==(const member_row&, const member_row&) = default;
};

/// What is wrong with a member's address, as a sentence that names the next
/// step; empty: it is HOST:PORT.
std::string flaw_of_address(std::string_view text);

/// A member of a group's first configuration.
struct founder {
  std::string address; // host:port
  bool votes = true;
};

/// Who is to be part of the group, replicated. The leader brings the raft
/// configuration in line with it, so a wish that is committed outlives who
/// made it.
///
/// In:         commands, in the order of the log.
/// Out:        the same on every member.
/// Invariants: ids only grow; at least one row votes and does not leave.
class roster {
public:
  roster() = default;

  /// The founders, numbered from 1 in the order of their addresses.
  static roster found(std::vector<founder> founders);
  /// The configuration that the roster asks for.
  configuration wanted() const;

  struct outcome {
    group_code why = group_code::none;
    member_id id{};
  };
  /// `voters_min`, `members_max`: as in group_settings.
  outcome apply(const proto::GroupMemberCommand& command,
                std::size_t voters_min, std::size_t members_max);

  /// By id.
  const std::vector<member_row>& rows() const { return rows_; }
  const member_row* find(member_id id) const;
  const member_row* find(const std::string& address) const;

  /// It was given out, and is no more.
  bool is_removed(member_id id) const {
    return id.value < next_id_ && find(id) == nullptr;
  }

  void save(proto::GroupRoster& to) const;
  /// Nothing for what no member would write.
  static std::optional<roster> load(const proto::GroupRoster& from);

  friend bool operator==(const roster&, const roster&) = default;

private:
  member_row* row(member_id id);
  std::size_t voters() const;
  outcome add(const std::string& address, const std::string& uuid, bool votes,
              std::size_t members_max);

  std::vector<member_row> rows_;
  std::uint64_t next_id_ = 1;
  /// Data directories of members that are gone, the newest last: a late copy of
  /// a request to let one in must not make room for nobody.
  std::vector<std::string> gone_;
};

} // namespace troupe::raft
