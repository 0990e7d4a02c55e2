#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <troupe/cluster/raft/types.hpp>
#include <troupe/runtime/log/file_system.hpp>
#include <troupe/runtime/log/result.hpp>

namespace troupe::disk {

/// What a snapshot's bytes are known by on their way between members.
struct snapshot_digest {
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
  friend bool operator==(snapshot_digest, snapshot_digest) = default;
};

/// A snapshot on disk. Its file has a name of its own, so that two of the same
/// index never meet.
struct snapshot_file {
  raft::snapshot_meta meta;
  snapshot_digest digest;
  std::uint32_t serial = 0;

  /// "<index>-<term>-<serial>.snap"
  std::string name() const;
};

/// Writes one snapshot: to a temporary file, which gets its name when it is
/// complete, synced and read back.
///
/// The file is the bytes as given and then a trailer (trailer_bytes long):
/// magic "troupeSN" | u32 version | u32 crc32c of the bytes | u64 their number
/// | u64 index | u64 term | u32 serial | u32 crc32c of the trailer before it.
/// The configuration is in the log's snapshot record.
///
/// Errors:  `no_space` and `invalid` are this snapshot's alone: drop the
///          writer (which removes the file), keep the log, try again later.
///          `io` ends the process.
/// Threads: any one at a time; needs nothing of the store, so a large snapshot
///          is best written away from the thread that writes the log.
class snapshot_writer {
public:
  static constexpr std::size_t trailer_bytes = 48;

  snapshot_writer(snapshot_writer&&) noexcept;
  snapshot_writer& operator=(snapshot_writer&&) noexcept;
  ~snapshot_writer();

  /// `directory` is the store's; `suffix` of the temporary file's name.
  static result<snapshot_writer> create(file_system& fs, std::string directory,
                                        raft::snapshot_meta meta,
                                        std::uint32_t serial);

  const raft::snapshot_meta& meta() const { return file_.meta; }
  std::uint64_t bytes() const { return file_.digest.bytes; }

  result<void> append(std::string_view bytes);

  /// Once. Given a digest, checks the bytes against it first: `corrupt` if
  /// they differ.
  result<snapshot_file> finish(std::optional<snapshot_digest> expected = {});

private:
  snapshot_writer() = default;
  void discard();
  std::string temporary() const;

  file_system* fs_ = nullptr;
  std::string directory_;
  snapshot_file file_;
  std::unique_ptr<file> out_; // none: finished or moved from
  std::string buffer_;
  std::uint64_t written_ = 0;
  result<void> flush();
};

/// Reads a snapshot in chunks, also after the store has deleted its file.
///
/// Threads: any, also several at a time.
class snapshot_reader {
public:
  /// Checks the trailer; `verify` reads all of it.
  static result<snapshot_reader> open(file_system& fs,
                                      const std::string& directory,
                                      const snapshot_file& which);

  const raft::snapshot_meta& meta() const { return file_.meta; }
  const snapshot_digest& digest() const { return file_.digest; }

  /// Up to `bytes` from `offset`; empty at the end.
  result<std::string> read(std::uint64_t offset, std::uint64_t bytes) const;
  result<std::string> read_all() const;
  /// `corrupt` if the bytes are not those that were written.
  result<void> verify() const;

private:
  snapshot_reader() = default;

  std::string path_;
  snapshot_file file_;
  std::unique_ptr<file> in_;
};

} // namespace troupe::disk
