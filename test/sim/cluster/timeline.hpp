#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/raft/random.hpp>

namespace troupe::sim {

/// The one source of chance in a run: everything random is drawn from it, in
/// the order of the timeline, so that a seed replays.
class chance {
public:
  explicit chance(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_.next(); }
  /// In [0, bound).
  std::uint64_t below(std::uint64_t bound) { return engine_.below(bound); }
  /// In [low, high].
  boot_time between(boot_time low, boot_time high) {
    auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
    return low + boot_time{static_cast<std::int64_t>(below(span))};
  }
  bool one_in(std::uint64_t n) { return n != 0 && below(n) == 0; }
  bool permille(std::uint32_t n) { return below(1000) < n; }

private:
  raft::random_engine engine_;
};

/// What happens when, in true time. Events at the same instant happen in the
/// order in which they were added.
class timeline {
public:
  using action = std::function<void()>;

  boot_time now() const { return now_; }
  bool empty() const { return events_.empty(); }

  void at(boot_time when, action what) {
    events_.push({when < now_ ? now_ : when, next_++, std::move(what)});
  }
  void after(boot_time delay, action what) {
    at(now_ + delay, std::move(what));
  }

  /// When the next event happens; only if there is one.
  boot_time next_at() const { return events_.top().when; }

  /// Nothing happens before `when`.
  void pass_until(boot_time when) { now_ = std::max(now_, when); }

  void step() {
    auto what = std::move(const_cast<event&>(events_.top()).what);
    now_ = events_.top().when;
    events_.pop();
    what();
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

  boot_time now_{0};
  std::uint64_t next_ = 0;
  std::priority_queue<event> events_;
};

} // namespace troupe::sim
