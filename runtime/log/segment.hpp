#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/ids.hpp>
#include <troupe/runtime/log/identity_file.hpp>
#include <troupe/runtime/log/record.hpp>

/// The form of the log on disk.
///
/// The log is a chain of segments, `raft/<seq>.log`, seq counting from 1
/// without gaps; the oldest are deleted once a snapshot covers them. A segment
/// is zero-filled and synced before it gets its name, and never used twice.
///
/// A segment is a sector (512 bytes) with the header, and then batches. A batch
/// is what one sync made durable: records, the last of them a batch_end. It
/// begins on a sector boundary, zeros fill the sector behind it, so a sector
/// that was torn while it was written holds bytes of one batch only. The first
/// batch of a segment also says the newest vote and snapshot again, and is
/// written together with the header.
///
/// header: magic "troupeRL" | u32 version | u32 0 | 16 bytes cluster | u64 node
///         | u64 incarnation that made it | u64 seq | u64 number of the first
///         batch | u64 last index before it | u32 checksum of the last record
///         before it | u32 crc32c of the header before this field
/// record: u32 bytes of payload | u32 checksum | u32 checksum of the previous
///         record | u8 type | u8 flags | u16 0 | u64 number of the batch
///         | payload | zeros up to a multiple of 8
///
/// A record's checksum is the crc32c of the previous record's checksum, seq,
/// its offset, and all of the record but the checksum itself: it is valid only
/// behind its predecessor and in its place. Batches are numbered without gaps.
///
/// Recovery keeps the batches that are whole and continue each other. Behind
/// them there may be
/// (a) in the newest segment, anything but a valid record of a batch after the
///     next: the next batch was torn by a crash, nobody was told that it was
///     durable. It is overwritten with zeros.
/// (b) in an older segment, or before a valid record of a later batch: the
///     later batch was written after the next one was durable, so durable
///     bytes were damaged. The store refuses to start.
/// Damage to the newest batch alone looks like (a) and cannot be told from it.
namespace troupe::disk {

constexpr std::uint64_t sector_bytes = 512;

struct segment_header {
  uuid cluster{};
  node_id node;
  incarnation maker;
  std::uint64_t seq = 0;
  std::uint64_t first_batch = 0;
  std::uint64_t last_index = 0; // of the log, before this segment
  std::uint32_t carried_crc = 0;
};

/// A sector.
std::string encode(const segment_header& header);

/// How a segment's first sector reads.
struct header_view {
  std::optional<segment_header> header;
  bool newer_version = false;
};

header_view parse_segment_header(std::string_view segment);

/// "0000000007.log"
std::string segment_name(std::uint64_t seq);
/// 0: no segment's name.
std::uint64_t segment_seq(std::string_view name);

/// Where reading stands: what the next batch must continue.
struct chain_position {
  std::uint64_t next_batch = 1;
  std::uint64_t last_index = 0; // of the log
  std::uint32_t crc = 0;
};

/// What is in a segment behind its header.
struct segment_scan {
  std::vector<record_view> records;   // of whole batches, without their ends
  chain_position end;                 // behind the last whole batch
  std::uint64_t kept = sector_bytes;  // offset where the next batch begins
  std::uint64_t dirty = sector_bytes; // bytes from here on are zero; >= kept
  std::uint64_t index_max = 0;        // of the entries in whole batches
  /// (b): offset of a record that was written after what follows `kept` had
  /// been durable; `later_index`: the last index it or those behind it know of.
  std::optional<std::uint64_t> later;
  std::uint64_t later_index = 0;
};

/// Reads a segment whose first batch continues `from`. Any bytes are safe.
segment_scan scan_segment(std::string_view segment, std::uint64_t seq,
                          const chain_position& from);

} // namespace troupe::disk
