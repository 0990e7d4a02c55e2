#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/ids.hpp>
#include <troupe/runtime/log/directory_lock.hpp>
#include <troupe/runtime/log/result.hpp>

namespace troupe::disk {

struct partition_state {
  std::string region;
  partition_id partition = 0;
  troupe::epoch epoch;
  std::string bytes;
};

/// What partitions save before an announced restart, one file each, in
/// `<data directory>/partitions`.
///
/// Out:     a file is the old one or the new one, whole. It is durable after
///          the next `sync`, which covers all that were saved and removed.
/// Errors:  `corrupt` and `foreign` name the file; one bad file does not hide
///          the others. The caller starts that partition as after a crash.
/// Threads: one at a time.
class partition_state_files {
public:
  static result<partition_state_files> open(const directory_lock& lock);

  /// `invalid` if the region's name is longer than 200 bytes.
  result<void> save(std::string_view region, partition_id partition,
                    epoch which, std::string_view bytes);
  /// Nothing if there is none. It is the caller that compares epochs.
  result<std::optional<partition_state>> load(std::string_view region,
                                              partition_id partition) const;
  /// Fine if there is none.
  result<void> remove(std::string_view region, partition_id partition);
  /// All of them: after the restart, when none may be read again.
  result<void> remove_all();
  result<void> sync();

private:
  partition_state_files(file_system& fs, std::string directory);
  std::string path(std::string_view region, partition_id partition) const;

  file_system* fs_;
  std::string directory_;
};

} // namespace troupe::disk
