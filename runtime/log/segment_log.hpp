#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <troupe/runtime/log/record.hpp>
#include <troupe/runtime/log/segment.hpp>
#include <troupe/runtime/log/segment_supply.hpp>

namespace troupe::disk {

struct segment_log_settings {
  uuid cluster{};
  node_id node;
  incarnation self;
  std::uint64_t segment_bytes = 0;
  bool background = true;
  int event = -1; // see store_settings
};

/// What a write that was begun without waiting for the disk has become.
enum class begun_write {
  refused,   // nothing was done: write as usual
  under_way, // its end is signalled
  ended,     // `complete` does not wait
  waits,     // `complete` does
};

/// What recovery saw, for one line in the log.
struct recovery_report {
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0; // of segments, up to the last batch
  std::uint64_t cut_bytes =
      0;              // of a torn tail, from its first byte to its last
  std::string cut_at; // file and offset; empty: nothing was cut
};

/// The chain of segments: batches of records, whatever they say. Its form and
/// the rules of recovery are in segment.hpp.
///
/// Errors:  after one, the object must not be used any more.
/// Threads: one.
class segment_log {
public:
  /// Told about the records on disk, in order, while `recover` runs.
  using visitor = std::function<result<void>(const record_view&)>;
  /// Asked for what each segment must begin with.
  using checkpoint = std::function<void(record_buffer&)>;

  segment_log(file_system& fs, std::string directory,
              segment_log_settings settings, checkpoint make_checkpoint);

  /// First. Reads all there is, cuts a torn tail.
  result<void> recover(const visitor& visit);

  /// Writes the records as one batch and syncs. `last_index`: of the log, once
  /// they hold. Empties the buffer.
  result<void> append(record_buffer& records, std::uint64_t last_index);

  /// Beyond, a copy costs more than a thread that writes.
  static constexpr std::size_t begun_bytes_max = 64u << 10;

  /// As `append`, without waiting: small records, within a segment. The buffer
  /// must stay until `complete`, and nothing else may be called meanwhile.
  begun_write begin_append(record_buffer& records, std::uint64_t last_index);
  begun_write poll();
  result<void> complete(record_buffer& records);

  /// Deletes the oldest segments that hold no entry above `index`.
  result<void> drop_through(std::uint64_t index);
  /// Deletes all segments but the newest.
  result<void> drop_older();

  /// Of the log, as the newest batch said.
  std::uint64_t last_index() const { return end_.last_index; }
  bool starved() const { return supply_.starved(); }

  const recovery_report& report() const { return report_; }

private:
  struct segment {
    std::uint64_t seq = 0;
    std::uint64_t index_max = 0;
  };

  std::string path(std::uint64_t seq) const;
  result<std::vector<std::uint64_t>> find_segments();
  result<void> recover_segment(std::uint64_t seq, bool last,
                               const visitor& visit);
  result<void> recover_unused(std::uint64_t seq, std::string_view bytes);
  result<void> check_header(const segment_header& header, std::uint64_t seq);
  result<void> cut(std::uint64_t seq, file& in, std::uint64_t from,
                   std::uint64_t to);
  result<std::unique_ptr<file>> open_segment(std::uint64_t seq);
  refusal damaged(std::uint64_t seq, std::uint64_t offset, std::uint64_t first,
                  std::uint64_t last, std::string_view how) const;
  bool fits(const record_buffer& records) const;
  void compose(record_buffer& records, std::uint64_t last_index);
  result<void> write_batch(record_buffer& records);
  result<void> settle(record_buffer& records);
  result<void> rotate();
  result<void> drop_oldest();

  file_system& fs_;
  std::string directory_;
  segment_log_settings settings_;
  checkpoint make_checkpoint_;
  segment_supply supply_;

  std::vector<segment> segments_; // with a header; the last is written to
  // Before the file, which waits for what it still writes from there.
  std::unique_ptr<char, decltype(&std::free)> sectors_{nullptr, &std::free};
  std::unique_ptr<file> out_; // none: no segment yet
  std::uint64_t out_seq_ = 0;
  std::uint64_t out_bytes_ = 0; // size of its file
  std::uint64_t at_ = 0;        // where the next batch begins
  chain_position end_;
  record_buffer start_; // of a segment, reused
  struct {
    bool first = false;  // of its segment
    std::string header;  // of the segment, before the first
    std::uint64_t end{}; // of its sectors
    chain_position chain;
  } batch_;                                // on its way to the disk
  std::size_t sectors_bytes_ = 0;          // of a write that was begun
  std::optional<std::int64_t> direct_end_; // of it
  segment_scan newest_; // recovery: what followed the last whole batch
  recovery_report report_;
};

} // namespace troupe::disk
