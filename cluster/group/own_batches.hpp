#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include <troupe/cluster/group/refusal.hpp>
#include <troupe/cluster/map/settings.hpp>

namespace troupe::raft {

/// The batches of commands that were proposed at this member and have no end
/// yet. A batch ends once: applied, failed, or given up at its deadline.
///
/// Invariants: numbers are given out in order, from 1; a batch whose entry may
///             be in some log never fails with a code that says it was not
///             done.
class own_batches {
public:
  struct failed {
    std::uint64_t number = 0;
    group_code why{};
  };

  /// `wait_until`: for a leader; `deadline`: for the end.
  std::uint64_t add(payload entry, boot_time wait_until, boot_time deadline);
  std::uint64_t next_number() const { return first_ + rows_.size(); }

  /// The first one that is to be proposed. 0: none.
  std::uint64_t first_held() const;
  payload entry(std::uint64_t number) const;

  /// Handed to the core in this term; it may be anywhere from now on.
  void sent(std::uint64_t number, term in);
  /// Its place in the log.
  void placed(std::uint64_t number, term in, log_index at);
  /// Certainly nowhere: to be proposed again.
  void hold(std::uint64_t number);
  void fail(std::uint64_t number, group_code why);

  /// Its entry is applied. False: it had an end already.
  bool applied(std::uint64_t number);

  /// Everything up to (at, in) was given out for applying, except what a
  /// snapshot jumped over up to `unseen`.
  void seen(log_index at, term in, log_index unseen);

  void expire(boot_time now);
  void fail_all(group_code why_held);

  /// Those that failed since the last call.
  std::vector<failed> take_failed() { return std::exchange(failed_, {}); }

  /// Of the entries that have no end yet.
  std::size_t bytes() const { return bytes_; }

private:
  enum class stage : std::uint8_t { held, sent, placed, ended };
  struct row {
    payload entry;
    std::size_t bytes = 0;
    boot_time wait_until{0};
    boot_time deadline{0};
    stage at = stage::held;
    raft::term term{};
    log_index index{};
  };

  row* find(std::uint64_t number);
  void end(std::uint64_t number, row& x);

  std::deque<row> rows_; // first_ + i
  std::uint64_t first_ = 1;
  std::size_t bytes_ = 0;
  std::vector<failed> failed_;
};

} // namespace troupe::raft
