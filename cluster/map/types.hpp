#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/ids.hpp>
#include <troupe/cluster/raft/types.hpp>

namespace troupe {

using raft::log_index;

/// A region's number: given when the first node announces it, never reused.
using region_id = strong_id<struct region_id_tag, std::uint32_t>;

/// One partition of one region.
struct partition_key {
  region_id region;
  partition_id partition = 0;
  friend auto operator<=>(partition_key, partition_key) = default;
};

/// Most partitions that a region may have.
inline constexpr std::uint32_t partitions_max = 1u << 20;

/// Where a partition stands. `paused` is not a stage of its own: a partition
/// that has stopped is `pausing` until the map names its next owner.
enum class stage : std::uint8_t { unassigned = 1, starting, running, pausing };

enum class liveness : std::uint8_t { joining = 1, up, down, left, removed };

enum class intent : std::uint8_t { none = 0, drain, restart };

std::string_view to_string(stage x);
std::string_view to_string(liveness x);
std::string_view to_string(intent x);

/// Who owns a partition, since when, and what is happening to it.
struct assignment {
  troupe::stage stage = stage::unassigned;
  bool quarantined = false;      // failed to start too often
  node_id owner;                 // none: unassigned
  incarnation owner_incarnation; // the start of the owner it was given to
  troupe::epoch epoch;           // of the last assignment, kept when it ends
  node_id target;                // pausing: the next owner; itself: a restart;
                                 // unassigned: where it failed last
  node_id source;                // starting: holds the state; none: empty
  troupe::epoch source_epoch; // of the actor that saved that state; also while
                              // unassigned, if a copy of one may be left
  log_index version;          // raft index of the last change
  std::uint64_t stage_time_us = 0; // wall clock of the leader, for people
  std::uint64_t move_time_us = 0;  // when its pausing began
  std::uint32_t failures = 0;      // failed starts since it last ran
  std::uint32_t weight = 1;
  std::string failure; // text of the last one
  std::string cause;   // of its move, or of its assignment
};

/// What the cluster remembers of a node.
struct node_record {
  node_id id;
  std::string uuid; // 16 bytes
  std::string name;
  std::string address;      // host:port of its links
  std::string http_address; // empty: serves no HTTP
  troupe::incarnation incarnation;
  std::uint64_t boot_id = 0;
  std::vector<std::string> roles; // sorted
  std::map<std::string, std::string> labels;
  std::uint32_t weight = 100; // 100 is normal, 0 takes nothing
  troupe::liveness liveness = liveness::joining;
  troupe::intent intent = intent::none;
  std::uint64_t intent_time_us = 0;
  std::uint64_t since_us = 0; // wall clock at the last change of liveness
  std::string version;

  /// May own partitions now.
  bool available() const {
    return liveness == liveness::up && intent == intent::none && weight > 0;
  }
};

enum class overrun_policy : std::uint8_t { wait = 0, fence, exit };

std::string_view to_string(overrun_policy x);

/// What all nodes that know a region must agree on.
struct region_settings {
  std::string name;
  std::uint32_t partitions = 64; // 1 to `partitions_max`
  std::string strategy = "balanced";
  std::map<std::string, std::string> strategy_options;
  std::vector<std::string> roles; // a host has all of them
  bool keep_running = false; // processes on while cut off, and says degraded
  overrun_policy overrun = overrun_policy::wait;

  friend bool operator==(const region_settings&,
                         const region_settings&) = default;
};

/// Names what differs: "partitions: 64 here, 32 in the cluster; ...". Empty if
/// nothing does.
std::string difference(const region_settings& mine,
                       const region_settings& theirs);

struct region_record {
  region_id id;
  region_settings settings;
  /// What its programs say, if a command has changed that since: nodes that
  /// still say it are welcome.
  std::optional<region_settings> announced;
  std::vector<node_id> hosts; // sorted
  std::vector<assignment> partitions;
  log_index version; // raft index of the last change of its settings

  /// Whether a node that says these settings may know the region.
  bool agrees(const region_settings& mine) const {
    return mine == settings || (announced && mine == *announced);
  }
};

} // namespace troupe
