#pragma once

#include <optional>
#include <string>

#include <troupe/runtime/group/group_options.hpp>
#include <troupe/runtime/group/group_store.hpp>
#include <troupe/runtime/log/directory_lock.hpp>
#include <troupe/runtime/log/identity_file.hpp>

namespace troupe::raft {

/// A member's data directory: who it is, its log and snapshots.
///
/// Errors:  as of the disk; `foreign` if it belongs to something else.
/// Threads: one.
class member_directory {
public:
  static disk::result<member_directory> open(disk::file_system& fs,
                                             const std::string& path);

  /// It has been a member before.
  bool is_member() const { return who_.node != node_id{}; }
  const disk::identity& who() const { return who_; }

  /// Becomes a founder. `address` must be among the founders.
  disk::result<void> found(const std::vector<founder>& founders,
                           const std::string& address);
  /// Becomes the member that the group has named.
  disk::result<void> joined(const disk::uuid& group, member_id id);

  struct contents {
    std::unique_ptr<group_store> store;
    recovered log;
    std::optional<disk::snapshot_reader> snapshot;
  };
  /// Counts the start and opens the log. Once. `event`: see store_settings.
  disk::result<contents> start(std::uint64_t segment_bytes, bool background,
                               int event = -1);

private:
  explicit member_directory(disk::directory_lock lock)
      : lock_(std::move(lock)) {}

  disk::directory_lock lock_;
  disk::identity who_;
};

} // namespace troupe::raft
