#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace troupe::link {

/// The pauses between dials: they double from `min` to `max`, each drawn anew
/// from its upper half, so that nodes do not dial in step.
class backoff {
public:
  using duration = std::chrono::milliseconds;

  backoff(duration min, duration max) : min_(min), max_(max), next_(min) {}

  template <class Engine>
  duration draw(Engine& engine) {
    auto top = next_;
    next_ = std::min(max_, 2 * next_);
    std::uniform_int_distribution<duration::rep> dist{(top.count() + 1) / 2,
                                                      top.count()};
    return duration{dist(engine)};
  }

  void reset() { next_ = min_; }

private:
  duration min_;
  duration max_;
  duration next_;
};

} // namespace troupe::link
