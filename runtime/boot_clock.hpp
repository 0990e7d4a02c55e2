#pragma once

#include <chrono>
#include <ctime>

#include <troupe/cluster/map/settings.hpp>

namespace troupe {

/// CLOCK_BOOTTIME: goes on while the process is stopped or the machine sleeps,
/// and no one can set it.
inline boot_time boot_now() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

/// Milliseconds since 1970: for people.
inline std::uint64_t wall_ms() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch())
          .count());
}

} // namespace troupe
