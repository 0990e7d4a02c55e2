#pragma once

#include <cstdint>
#include <deque>

#include <troupe/cluster/map/settings.hpp>

namespace troupe::raft {

/// Until when a leader may serve reads without asking anybody: its voters do
/// not help another for a while after they answered a round, and it knows when
/// that round began.
///
/// In: rounds in the order in which they begin; cleared with each leadership.
class lease_clock {
public:
  explicit lease_clock(boot_time length) : length_(length) {}

  /// `now` must be read before the round's first message leaves.
  void begun(std::uint64_t round, boot_time now) {
    if (rounds_.empty() || rounds_.back().round < round)
      rounds_.push_back({round, now});
  }

  /// A quorum answered it.
  void confirmed(std::uint64_t round) {
    while (!rounds_.empty() && rounds_.front().round <= round) {
      if (rounds_.front().round == round)
        end_ = rounds_.front().began + length_;
      rounds_.pop_front();
    }
  }

  void clear() {
    rounds_.clear();
    end_ = boot_time{0};
  }

  bool holds(boot_time now) const { return now < end_; }

private:
  struct round_begun {
    std::uint64_t round;
    boot_time began;
  };

  boot_time length_;
  boot_time end_{0};
  std::deque<round_begun> rounds_; // not confirmed yet
};

} // namespace troupe::raft
