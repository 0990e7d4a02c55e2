#pragma once

#include <cstdint>

namespace troupe::raft {

/// SplitMix64. The standard's distributions differ between libraries, so a seed
/// would not replay everywhere.
class random_engine {
public:
  explicit random_engine(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    auto x = state_ += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  /// A number in [0, bound); 0 if bound is 0.
  std::uint64_t below(std::uint64_t bound) {
    return bound == 0 ? 0 : next() % bound;
  }

private:
  std::uint64_t state_;
};

} // namespace troupe::raft
