#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <troupe/cluster/group/group_core.hpp>
#include <troupe/runtime/group/snapshot_codec.hpp>
#include <troupe/runtime/log/raft_store.hpp>

namespace troupe::raft {

/// The disk's part of what a group_core wants done: each effect is one call.
///
/// Errors:  as raft_store; `io` and `no_space` of the log end the process.
/// Threads: one, which the calls block while the disk works.
class group_store {
public:
  explicit group_store(std::unique_ptr<disk::raft_store> store)
      : store_(std::move(store)) {}

  /// A group's first snapshot, in the log of each founder: the roster alone.
  disk::result<void> found(const snapshot_meta& meta, const roster& members);

  disk::result<void> write(std::span<const persist_batch> batches) {
    return store_->write(batches);
  }

  disk::raft_store& log() { return *store_; }

  /// What to answer; nothing if the piece did not fit.
  disk::result<std::optional<group_core::stored>>
  store(const store_chunk& what);

  struct piece {
    snapshot_size size;
    std::optional<std::string> bytes; // none: that snapshot is gone
  };
  disk::result<piece> read(const read_chunk& what, std::size_t bytes);

  /// The newest snapshot in effect.
  disk::result<disk::snapshot_reader> open_snapshot() const {
    return store_->open_snapshot();
  }

  disk::result<disk::snapshot_writer> begin_snapshot(const snapshot_meta& at) {
    return store_->begin_snapshot(at);
  }
  disk::result<void> record_snapshot(const disk::snapshot_file& file,
                                     std::uint64_t keep_tail) {
    return store_->record_snapshot(file, keep_tail);
  }

private:
  std::unique_ptr<disk::raft_store> store_;
  std::optional<disk::snapshot_reader> reader_; // of the newest sent
};

} // namespace troupe::raft
