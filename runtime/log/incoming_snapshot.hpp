#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/runtime/log/snapshot_file.hpp>

namespace troupe::disk {

/// Snapshots from other members: one that is being received, and the complete
/// ones that the log has not installed yet (the two newest, since the next may
/// arrive before the core has asked for the last).
///
/// Threads: one.
class incoming_snapshot {
public:
  incoming_snapshot(file_system& fs, std::string directory);

  /// Answers the offset of the chunk to come next; see raft_store.
  result<std::uint64_t> begin(const raft::snapshot_meta& meta,
                              const snapshot_digest& digest,
                              std::uint32_t serial);
  result<std::uint64_t> append(std::uint64_t offset, std::string_view bytes);
  result<void> finish();

  /// The complete one of this meta, which is the caller's from now on.
  std::optional<snapshot_file> take(const raft::snapshot_meta& meta);
  /// Forgets all up to this index.
  void drop_through(raft::log_index index);

private:
  void forget(const snapshot_file& which);

  file_system& fs_;
  std::string directory_;
  snapshot_digest digest_; // of the one under way, or else of the last
  std::optional<snapshot_writer> writer_;
  std::vector<snapshot_file> complete_;
};

} // namespace troupe::disk
