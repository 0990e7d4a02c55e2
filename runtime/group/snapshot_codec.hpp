#pragma once

#include <functional>
#include <memory>
#include <string>

#include <troupe/cluster/group/roster.hpp>
#include <troupe/runtime/group/byte_stream.hpp>
#include <troupe/runtime/log/result.hpp>
#include <troupe/runtime/log/snapshot_file.hpp>

namespace troupe::proto {
class GroupSnapshotHead;
}

namespace troupe::raft {

enum class compression : std::uint8_t { none, zlib };

/// Writes the bytes of a group's snapshot: its head, then what `save` writes,
/// compressed. Without `save` the state machine is as new.
///
/// Errors: those of the file; `invalid` if `save` gives up for another reason.
disk::result<void> write_snapshot(disk::snapshot_writer& to,
                                  const roster& members, compression how,
                                  const std::function<bool(byte_sink&)>& save);

/// A snapshot being read: the head at once, the state machine's bytes through
/// `machine`.
struct opened_snapshot {
  roster members;
  bool has_machine = false;
  compression how = compression::none;
  std::unique_ptr<byte_source> machine; // the bytes as they were saved
};

/// `corrupt` for what is no snapshot of a group.
disk::result<opened_snapshot> open_snapshot(disk::snapshot_reader from);

} // namespace troupe::raft
