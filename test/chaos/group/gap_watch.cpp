#include "gap_watch.hpp"

namespace troupe::chaos {

void gap_watch::look(clock::time_point now) {
  if (able_ && now - since_ > longest_) {
    longest_ = now - since_;
    longest_end_ = now;
  }
  since_ = now;
}

void gap_watch::able(bool now) {
  std::lock_guard guard{mutex_};
  if (now == able_)
    return;
  look(clock::now());
  able_ = now;
}

void gap_watch::acknowledged() {
  std::lock_guard guard{mutex_};
  look(clock::now());
}

double gap_watch::longest_ms() const {
  std::lock_guard guard{mutex_};
  return std::chrono::duration<double, std::milli>(longest_).count();
}

clock::time_point gap_watch::longest_end() const {
  std::lock_guard guard{mutex_};
  return longest_end_;
}

} // namespace troupe::chaos
