#pragma once

#include <memory>
#include <string>

#include <troupe/runtime/log/file_system.hpp>
#include <troupe/runtime/log/result.hpp>

namespace troupe::disk {

/// The right to use a data directory, for as long as this object lives. What
/// reads or writes the directory asks for one as proof.
///
/// Errors:  `locked` names the process that holds it.
/// Threads: none of its own; immutable, so any thread may read it.
class directory_lock {
public:
  /// Makes the directory, durably, if it does not exist; its parent must.
  static result<directory_lock> acquire(file_system& fs,
                                        const std::string& directory);

  const std::string& directory() const { return directory_; }
  file_system& fs() const { return *fs_; }

private:
  directory_lock(file_system& fs, std::string directory,
                 std::unique_ptr<file> held);

  file_system* fs_;
  std::string directory_;
  std::unique_ptr<file> held_;
};

} // namespace troupe::disk
