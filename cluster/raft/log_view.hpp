#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include <troupe/cluster/raft/write_window.hpp>

namespace troupe::raft {

/// The bytes that an entry's content weighs; none for an empty one.
std::size_t payload_bytes(const entry& x);

/// The same with what surrounds it on disk and network.
std::size_t entry_bytes(const entry& x);

/// Where an entry is, and which one.
struct position {
  log_index index{};
  raft::term term{};
  friend bool operator==(const position&, const position&) = default;
};

/// The log in memory: the entries above its base, how far they are committed,
/// and (through its write_window) how far they are durable.
///
/// The base is the entry below the first: its term is known, its body is not.
/// A term is looked up as an optional: what is not known never equals anything.
/// Invariants: base <= committed <= last; nothing committed is replaced.
class log_view {
public:
  explicit log_view(recovered disk);

  log_index first() const { return log_index{base_.index.value + 1}; }
  log_index last() const {
    return log_index{base_.index.value + entries_.size()};
  }
  position last_position() const;
  log_index committed() const { return committed_; }
  const write_window& writes() const { return writes_; }

  /// Of entries from the base to the last.
  std::optional<raft::term> term_at(log_index at) const;
  bool holds(position at) const { return term_at(at.index) == at.term; }
  const entry& at(log_index index) const;

  /// Whether a log ending there holds all that this one holds (thesis, 3.6.1).
  bool is_up_to_date(position their_last) const;

  /// The last index up to `at` whose term is not above `limit`, where another
  /// log, with `limit` at `at`, may meet this one. Term none: not known.
  position meeting_point(log_index at, raft::term limit) const;

  /// Entries from `from` up to `upto`: as many as fit, at least one.
  std::vector<entry> slice(log_index from, log_index upto,
                           std::size_t bytes_max) const;

  /// Leader: behind the last.
  void append(std::vector<entry> xs);

  /// Follower: entries behind `prev`, which the log holds and no committed one
  /// follows. Replaces what conflicts.
  void merge(position prev, const std::vector<entry>& xs);

  /// Never back, never beyond the last.
  void commit_to(log_index upto);

  /// A snapshot above the commit index replaces everything.
  void install(const snapshot_meta& meta);

  /// Drops entries up to `upto`, which is committed.
  void compact(log_index upto);

  bool has_unwritten() const { return writes_.has_work(last()); }
  persist_batch issue();
  bool complete(std::uint64_t batch) { return writes_.complete(batch); }

  const std::deque<entry>& entries() const { return entries_; }

private:
  position base_;
  std::deque<entry> entries_;
  log_index committed_;
  write_window writes_;
};

} // namespace troupe::raft
