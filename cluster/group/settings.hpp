#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/group/snapshot_policy.hpp>
#include <troupe/cluster/raft/settings.hpp>

namespace troupe::raft {

/// How the members of a group behave. `tick`, `election` and
/// `clock_error_percent` must be the same for all, or a leader's lease means
/// nothing. `heartbeat` and `election` are rounded down to whole ticks.
struct group_settings {
  boot_time tick = std::chrono::milliseconds{25};
  boot_time heartbeat = std::chrono::milliseconds{50};
  boot_time election = std::chrono::milliseconds{350}; // to twice that, drawn
  boot_time disk_timeout = std::chrono::seconds{1};    // 0: none
  std::uint32_t clock_error_percent = 10; // two clocks differ in rate by less
  /// Above 0: more likely to lead than others. Below: campaigns so many times
  /// `election` later, so that it leads only when nobody else does.
  std::int32_t priority = 0;

  boot_time propose_timeout = std::chrono::seconds{5};
  boot_time read_timeout = std::chrono::seconds{5};
  boot_time member_timeout = std::chrono::seconds{30};
  boot_time leader_wait = std::chrono::seconds{2}; // for one to be elected

  std::size_t voters_min = 1;
  std::size_t members_max = 0;               // 0: no limit
  std::size_t command_bytes_max = 1u << 20;  // of one command
  std::size_t batch_bytes_max = 256u << 10;  // of commands in one entry
  std::size_t pending_bytes_max = 64u << 20; // under way; beyond: busy
  std::size_t pending_reads_max = 1u << 16;  // batches of reads; beyond: busy

  snapshot_policy snapshots = snapshot_policy::every_changes(100'000);
  std::uint64_t log_tail = 256; // entries kept below a snapshot for followers
  std::size_t chunk_bytes = 256u << 10; // of a snapshot on its way

  /// For a network within one room and machines with time to spare: a leader
  /// that dies is succeeded within a quarter of a second.
  static group_settings fast();
  /// For round trips of up to 300 ms, and lines that stall for a second.
  static group_settings wan();
  /// "normal", "fast" or "wan". None: there is no such preset.
  static std::optional<group_settings> preset(std::string_view name);
};

/// The first flaw, as a sentence that names the next step; empty: sound.
std::string find_flaw(const group_settings& x);

/// One setting, for people.
struct group_setting {
  std::string name;
  std::string unit;
  std::string value;
  std::string standard; // its value if nothing is set
  std::string description;
};

/// All of them, in the order of the struct.
std::vector<group_setting> settings_of(const group_settings& x);

/// Sets one by its name: "election=500". What is wrong with that, as a sentence
/// that names the next step; empty: it is set.
std::string set_setting(group_settings& x, std::string_view assignment);

/// What the raft core is made of.
settings core_settings(const group_settings& x, member_id self,
                       std::uint64_t seed);

/// How long a leader may serve reads after it began a round of heartbeats that
/// a quorum answered.
boot_time lease_length(const group_settings& x);

} // namespace troupe::raft
