#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/raft/random.hpp>

namespace troupe::testing {

/// What is going to happen when, in virtual time, and the one source of chance
/// of a run. Events of one instant happen in the order in which they were
/// added.
///
/// Threads: none of its own; one at a time.
class timeline {
public:
  using action = std::function<void()>;

  /// Clocks count from the start of a machine: that was some time ago.
  static constexpr boot_time beginning = std::chrono::hours{1};

  explicit timeline(std::uint64_t seed) : chance_(seed) {}

  boot_time now() const { return now_; }
  bool empty() const { return events_.empty(); }
  /// When the next event happens; only if there is one.
  boot_time next_at() const { return events_.top().when; }

  void after(boot_time delay, action what) {
    events_.push({now_ + delay, next_++, std::move(what)});
  }

  /// Nothing happens before `when`.
  void advance_to(boot_time when) { now_ = std::max(now_, when); }

  void step() {
    auto what = std::move(const_cast<event&>(events_.top()).what);
    advance_to(events_.top().when);
    events_.pop();
    what();
  }

  void clear() { events_ = {}; }

  std::uint64_t draw() { return chance_.next(); }
  /// In [0, bound).
  std::uint64_t below(std::uint64_t bound) { return chance_.below(bound); }
  /// In [low, high].
  boot_time between(boot_time low, boot_time high) {
    if (high <= low)
      return low;
    auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
    return low + boot_time{static_cast<std::int64_t>(below(span))};
  }

private:
  struct event {
    boot_time when;
    std::uint64_t number;
    action what;
    bool operator<(const event& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };

  boot_time now_ = beginning;
  raft::random_engine chance_;
  std::uint64_t next_ = 0;
  std::priority_queue<event> events_;
};

} // namespace troupe::testing
