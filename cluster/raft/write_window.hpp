#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include <troupe/cluster/raft/types.hpp>

namespace troupe::raft {

/// How much of the log is on disk, and how much is on its way there.
///
/// Batches become durable in the order of their ids. What is truncated while
/// its batch is under way does not count as durable when the batch is done,
/// even if a later batch writes the same entries again (they count then).
/// Invariants: durable <= handed.
class write_window {
public:
  explicit write_window(log_index durable)
      : durable_(durable), handed_(durable) {}

  /// The log is durable up to here.
  log_index durable() const { return durable_; }

  /// Given out in some batch up to here.
  log_index handed() const { return handed_; }

  /// Entries from here on were replaced.
  void truncated(log_index from);

  /// A snapshot replaces the whole log, which was committed up to `kept`.
  void installed(snapshot_meta meta, log_index kept);

  /// A snapshot is not durable yet.
  bool installing() const { return install_ || install_id_ > done_; }

  bool has_work(log_index last) const {
    return handed_ < last || truncate_from_ || install_;
  }

  /// Gives out all there is up to `last`, except the entries themselves.
  persist_batch issue(log_index last);

  /// All batches up to `id` are durable. True: the snapshot that was being
  /// installed is too.
  bool complete(std::uint64_t id);

  std::uint64_t issued_id() const { return issued_; }
  std::uint64_t done_id() const { return done_; }

private:
  struct flight {
    std::uint64_t id;
    log_index upto;
  };

  void cap(log_index upto);

  log_index durable_;
  log_index handed_;
  std::optional<log_index> truncate_from_;
  std::optional<snapshot_meta> install_;
  std::uint64_t install_id_ = 0; // batch of the newest snapshot
  std::uint64_t issued_ = 0;
  std::uint64_t done_ = 0;
  std::deque<flight> flights_;
};

} // namespace troupe::raft
