#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <troupe/cluster/raft/types.hpp>
#include <troupe/runtime/log/record.hpp>
#include <troupe/runtime/log/result.hpp>
#include <troupe/runtime/log/snapshot_file.hpp>

namespace troupe::disk {

/// A snapshot that took effect.
struct snapshot_record {
  snapshot_file file;
  std::uint64_t keep_tail = 0; // entries up to its index that stay of use
  bool install = false;        // it replaces the log
};

/// Records of what the raft group says, to be read by log_replay. The
/// snapshot's payload is u64 bytes | u32 crc32c | u32 serial | u64 keep_tail |
/// RaftSnapshotMeta.
void add_entry(record_buffer& to, const raft::entry& what);
void add_hard_state(record_buffer& to, const raft::hard_state& what);
void add_truncate_from(record_buffer& to, raft::log_index from);
void add_snapshot(record_buffer& to, const snapshot_record& what);

/// Carries records out again, in order, into what the member knew.
///
/// The log may begin in the middle: what is missing before it, a later
/// snapshot must cover, or `finish` refuses.
class log_replay {
public:
  result<void> apply(const record_view& record);

  struct outcome {
    raft::recovered state;
    std::vector<raft::entry>
        tail; // up to the snapshot, its last one that of it
    std::optional<snapshot_record> snapshot;
  };
  result<outcome> finish();

private:
  result<void> apply_entry(const record_view& record);
  result<void> apply_truncate(const record_view& record);
  result<void> apply_snapshot(const record_view& record);

  raft::hard_state hard_;
  std::optional<snapshot_record> snapshot_;
  std::vector<raft::entry> entries_;
};

} // namespace troupe::disk
