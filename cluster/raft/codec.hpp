#pragma once

#include <optional>

#include <troupe/cluster/raft/message.hpp>

namespace troupe::proto {
class RaftEntry;
class RaftConfiguration;
class RaftHardState;
class RaftSnapshotMeta;
class RaftConfigurationChange;
class RaftMessage;
} // namespace troupe::proto

/// The one place where the core's values meet their schema (raft.proto).
/// `from_proto` answers nothing for what no correct peer or disk would hold.
namespace troupe::raft {

void to_proto(const entry& from, proto::RaftEntry& to);
std::optional<entry> from_proto(const proto::RaftEntry& from);

void to_proto(const configuration_change& from,
              proto::RaftConfigurationChange& to);
std::optional<configuration_change>
from_proto(const proto::RaftConfigurationChange& from);

void to_proto(const configuration& from, proto::RaftConfiguration& to);
std::optional<configuration> from_proto(const proto::RaftConfiguration& from);

void to_proto(const hard_state& from, proto::RaftHardState& to);
hard_state from_proto(const proto::RaftHardState& from);

void to_proto(const snapshot_meta& from, proto::RaftSnapshotMeta& to);
std::optional<snapshot_meta> from_proto(const proto::RaftSnapshotMeta& from);

/// Between members. What comes in is checked for its form only, and is as large
/// as the frame that it came in; the core checks what it says.
void to_proto(const message& from, proto::RaftMessage& to);
std::optional<message> from_proto(const proto::RaftMessage& from);

} // namespace troupe::raft
