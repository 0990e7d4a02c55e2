#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::disk {

/// What one record of the log says. Numbers are never reused.
enum class record_type : std::uint8_t {
  entry = 1,         // RaftEntry; its index is the last one plus one
  hard_state = 2,    // RaftHardState; the newest one holds
  truncate_from = 3, // u64 index: entries from it on are gone
  snapshot = 4,      // see log_replay; flag 1: it replaces the log
  batch_end = 5,     // u64 records before it in the batch | u64 last index
};

constexpr std::size_t record_header_bytes = 24;
constexpr std::size_t record_bytes_max = std::size_t{1} << 30;

struct record_view {
  record_type type{};
  std::uint8_t flags = 0;
  std::uint64_t batch = 0;
  std::uint32_t crc = 0;
  std::string_view payload; // into the segment's bytes
  std::size_t bytes = 0;    // all of it, a multiple of 8
};

/// Records on their way to the disk, see segment.hpp for their form. First they
/// are added, then, when their place is known, sealed.
class record_buffer {
public:
  void clear();
  bool empty() const { return count_ == 0; }
  std::uint64_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

  /// Room for a payload, to be filled before the next call.
  char* add(record_type type, std::size_t payload_bytes,
            std::uint8_t flags = 0);

  /// The buffer begins at `offset` of segment `seq`, behind a record with the
  /// checksum `previous`. Returns the last record's checksum.
  std::uint32_t seal(std::uint64_t seq, std::uint64_t offset,
                     std::uint64_t batch, std::uint32_t previous);

private:
  std::string bytes_;
  std::uint64_t count_ = 0;
};

/// The record at `offset` of segment `seq`, if a whole and valid one is there
/// whose predecessor has the checksum `previous` (none: whatever it says).
std::optional<record_view> parse_record(std::string_view segment,
                                        std::uint64_t seq, std::uint64_t offset,
                                        std::optional<std::uint32_t> previous);

} // namespace troupe::disk
