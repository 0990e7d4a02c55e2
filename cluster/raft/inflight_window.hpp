#pragma once

#include <cstddef>
#include <deque>

#include <troupe/cluster/raft/types.hpp>

namespace troupe::raft {

/// The appends that a follower has not acknowledged: bounded by count and,
/// softly (the last one may go over), by the bytes of their payloads.
class inflight_window {
public:
  /// `bytes_max` 0: no limit on bytes.
  inflight_window(std::size_t count_max, std::size_t bytes_max)
      : count_max_(count_max), bytes_max_(bytes_max) {}

  bool full() const {
    return appends_.size() >= count_max_
           || (bytes_max_ != 0 && bytes_ >= bytes_max_);
  }

  /// `last` is the index of the append's last entry. The window is not full.
  void add(log_index last, std::size_t bytes);

  /// Acknowledged up to here.
  void release(log_index upto);

  void clear();

  std::size_t count() const { return appends_.size(); }
  std::size_t bytes() const { return bytes_; }

private:
  struct append {
    log_index last;
    std::size_t bytes;
  };

  std::size_t count_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::deque<append> appends_;
};

} // namespace troupe::raft
