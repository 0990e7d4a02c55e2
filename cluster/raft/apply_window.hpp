#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include <troupe/cluster/raft/log_view.hpp>

namespace troupe::raft {

/// What the state machine has applied, and what was given out to it. Pauses
/// when no more fits into the bytes that may be given out and not applied.
/// Invariants: applied <= applying <= the log's commit index.
class apply_window {
public:
  apply_window(log_index applied, std::size_t bytes_max)
      : bytes_max_(bytes_max), applying_(applied), applied_(applied) {}

  log_index applied() const { return applied_; }
  log_index applying() const { return applying_; }

  bool has_work(log_index upto) const { return applying_ < upto && !paused_; }

  /// Gives out what follows, up to `upto`.
  std::vector<entry> issue(const log_view& log, log_index upto);

  /// Applied up to here, which was given out.
  void complete(log_index upto);

  /// The state machine was replaced by a snapshot.
  void jump(log_index to);

private:
  struct flight {
    log_index last;
    std::size_t bytes;
  };

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  bool paused_ = false;
  log_index applying_;
  log_index applied_;
  std::deque<flight> flights_;
};

} // namespace troupe::raft
