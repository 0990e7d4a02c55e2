#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <troupe/runtime/log/file_system.hpp>
#include <troupe/runtime/log/result.hpp>

namespace troupe::disk {

/// Writes `bytes` zeros to a file that appears under its name when all of them
/// are durable. Stops early, without one, once `stop` says so.
result<std::unique_ptr<file>>
make_zero_file(file_system& fs, const std::string& path, std::uint64_t bytes);

/// Makes the log's next segment before it is needed: filling 16 MiB takes far
/// longer than a commit may.
///
/// Errors:  a segment that found no room is tried once more when it is taken.
///          Any other error is kept, and answered by each `take`.
/// Threads: one calls; with `background` a thread of its own fills.
class segment_supply {
public:
  segment_supply(file_system& fs, std::string directory,
                 std::uint64_t segment_bytes, bool background);
  ~segment_supply();
  segment_supply(const segment_supply&) = delete;
  segment_supply& operator=(const segment_supply&) = delete;

  /// A segment that recovery found ready.
  void adopt(std::uint64_t seq, std::unique_ptr<file> ready);

  /// Begins to make segment `seq`, unless it is ready or under way.
  void request(std::uint64_t seq);

  /// Segment `seq`, waiting for it or making it.
  result<std::unique_ptr<file>> take(std::uint64_t seq);

  /// The last one requested found no room.
  bool starved() const;

private:
  result<std::unique_ptr<file>> make(std::uint64_t seq);
  void fill(std::unique_lock<std::mutex>& lock);
  void run();

  file_system& fs_;
  std::string directory_;
  std::uint64_t segment_bytes_;
  bool background_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t wanted_ = 0; // being made; 0: none
  std::uint64_t ready_seq_ = 0;
  std::unique_ptr<file> ready_;
  bool starved_ = false;
  std::optional<refusal> failure_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace troupe::disk
