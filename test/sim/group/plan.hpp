#pragma once

#include <cstdint>

#include <troupe/cluster/group/settings.hpp>

namespace troupe::sim {

/// Defects of a member's surroundings that the checks must find.
enum class planted : std::uint8_t {
  nothing,
  forgets_votes,     // term and vote do not reach the disk
  acks_before_sync,  // what is only on its way to the disk counts as there
  lease_without_end, // a clock that stands still while the process does
  denies_unknown,    // an unknown outcome is told as: not done
  empty_snapshots,   // a received snapshot's state is not taken over
};

/// What happens in a run. Chances are of 1,000.
struct group_plan {
  std::uint64_t seed = 0;
  std::size_t voters = 3;
  std::size_t learners = 0;
  std::size_t spares = 2; // processes that may join
  std::size_t clients = 5;
  boot_time faulty = std::chrono::seconds{4};
  raft::group_settings settings;
  bool compress = false;

  std::uint32_t loss = 10;                        // of frames
  boot_time delay = std::chrono::milliseconds{3}; // up to
  boot_time disk = std::chrono::milliseconds{2};  // up to, a write
  boot_time fault_every = std::chrono::milliseconds{200};
  // Of the faults, in parts:
  std::uint32_t crashes = 4;
  std::uint32_t kills = 2; // the process alone: the disk's cache stays
  std::uint32_t pauses = 3;
  std::uint32_t cuts = 4;
  std::uint32_t disk_faults = 1;
  std::uint32_t membership = 2;
  std::uint32_t transfers = 1;

  planted bug = planted::nothing;
};

/// A different group, weather and nemesis for each seed.
group_plan plan_of(std::uint64_t seed);

} // namespace troupe::sim
