#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/runtime/log/result.hpp>

namespace troupe::disk {

/// An open file: the system calls the log makes on one, no more. Numbers are
/// as from the kernel: 0 or a count, or -errno. The destructor closes.
///
/// Threads: one at a time, except `pread`, which any may call at any time.
class file {
public:
  virtual ~file() = default;

  /// May write less than it was given.
  virtual std::int64_t pwritev(std::span<const iovec> parts,
                               std::uint64_t offset) = 0;
  /// May read less than asked; 0 at the end of the file.
  virtual std::int64_t pread(std::span<char> to, std::uint64_t offset) = 0;
  /// Data, and the size if it changed. After an error nothing is known about
  /// what reached the disk, and trying again proves nothing.
  virtual int fdatasync() = 0;
  virtual int fsync() = 0;
  virtual int truncate(std::uint64_t bytes) = 0;
  virtual std::int64_t size() = 0;
  /// Forgets what is cached, so that the next read comes from the disk. After
  /// a failed sync the cache may hold what the disk does not.
  virtual void drop_cache() = 0;

  /// Begins to write sectors and to make them durable, without waiting; see
  /// direct_writer. False: this way is closed, nothing was begun.
  virtual bool begin_durable(std::span<const char>, std::uint64_t, int) {
    return false;
  }
  /// The end of what was begun, or none: it is under way. `not_written`: write
  /// it another way.
  virtual std::optional<std::int64_t> end_durable() { return std::nullopt; }
  static constexpr std::int64_t not_written = 0;
};

enum class open_mode {
  read,   // must exist
  write,  // must exist; read and write
  create, // emptied if it exists; read and write
};

struct open_result {
  int error = 0; // 0 or -errno
  std::unique_ptr<file> handle;
};

/// The system calls on names that the log makes; numbers as in `file`.
///
/// Threads: any.
class file_system {
public:
  virtual ~file_system() = default;

  virtual open_result open(const std::string& path, open_mode mode) = 0;
  /// Creates the file if needed and locks it until the handle is closed.
  /// -EWOULDBLOCK: somebody else has it.
  virtual open_result lock(const std::string& path) = 0;
  virtual int rename(const std::string& from, const std::string& to) = 0;
  virtual int unlink(const std::string& path) = 0;
  /// -EEXIST if it is there.
  virtual int mkdir(const std::string& path) = 0;
  /// Names in the directory, sorted, without "." and "..".
  virtual int list(const std::string& path, std::vector<std::string>& to) = 0;
  /// Makes the directory's names durable.
  virtual int sync_directory(const std::string& path) = 0;
};

/// The operating system's files.
file_system& posix_file_system();

/// A refusal for a failed call: `no_space` for -ENOSPC and -EDQUOT, else `io`.
refusal failed_call(std::string_view call, const std::string& path, int error);

/// All of `parts`, over short writes and interrupts. Uses up the list.
result<void> write_fully(file& to, const std::string& path,
                         std::span<iovec> parts, std::uint64_t offset);
result<void> write_fully(file& to, const std::string& path,
                         std::string_view bytes, std::uint64_t offset);

/// Up to `bytes`; less only at the end of the file.
result<std::string> read_fully(file& from, const std::string& path,
                               std::uint64_t offset, std::uint64_t bytes);

/// The file from first byte to last, as the disk has it.
result<std::string> read_file(file_system& fs, const std::string& path);

/// Puts a small file in the place of the old one, or of none, as one step:
/// after a crash there is the old one or the new one. The name is durable only
/// after `sync_directory`.
result<void> replace_file(file_system& fs, const std::string& path,
                          std::string_view bytes);

result<void> sync_directory(file_system& fs, const std::string& path);

/// Makes a directory and its name durable; fine if it is there.
result<void> make_directory(file_system& fs, const std::string& path);

/// "/a/b/c" -> "/a/b"
std::string parent_directory(const std::string& path);

} // namespace troupe::disk
