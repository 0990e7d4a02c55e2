#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <troupe/cluster/group/snapshot_policy.hpp>
#include <troupe/cluster/raft/settings.hpp>

namespace troupe::raft {

/// How the members of a group behave. `tick`, `election` and `clock_error` must
/// be the same for all, or a leader's lease means nothing.
struct group_settings {
  boot_time tick = std::chrono::milliseconds{25};
  boot_time heartbeat = std::chrono::milliseconds{50};
  boot_time election = std::chrono::milliseconds{350}; // to twice that, drawn
  std::uint32_t clock_error_percent = 10; // two clocks differ in rate by less
  std::int32_t priority = 0;              // see raft::settings

  boot_time propose_timeout = std::chrono::seconds{5};
  boot_time read_timeout = std::chrono::seconds{5};
  boot_time member_timeout = std::chrono::seconds{30};
  boot_time leader_wait = std::chrono::seconds{2}; // for one to be elected

  std::size_t voters_min = 1;
  std::size_t members_max = 0;               // 0: no limit
  std::size_t command_bytes_max = 1u << 20;  // of one command
  std::size_t batch_bytes_max = 256u << 10;  // of commands in one entry
  std::size_t pending_bytes_max = 64u << 20; // of own batches under way
  std::size_t pending_reads_max = 1u << 16;  // batches of reads

  snapshot_policy snapshots = snapshot_policy::every_changes(100'000);
  std::uint64_t log_tail = 256; // entries kept below a snapshot for followers
  std::size_t chunk_bytes = 256u << 10; // of a snapshot on its way
};

/// The first flaw, as a sentence that names the next step; empty: sound.
std::string find_flaw(const group_settings& x);

/// What the raft core is made of.
settings core_settings(const group_settings& x, member_id self,
                       std::uint64_t seed);

/// How long a leader may serve reads after it began a round of heartbeats that
/// a quorum answered.
boot_time lease_length(const group_settings& x);

} // namespace troupe::raft
