#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace troupe {

/// Time as the cluster counts it: CLOCK_BOOTTIME, which goes on while a process
/// is stopped or the machine sleeps. Only `runtime/` reads it.
using boot_time = std::chrono::nanoseconds;

/// The times and limits that decisions depend on. Every node of a cluster must
/// have the same lease.
struct cluster_settings {
  std::chrono::milliseconds tick{10};
  std::chrono::milliseconds heartbeat{50};
  std::chrono::milliseconds election_min{350};
  std::chrono::milliseconds election_max{700};
  /// How long a node may run its partitions after an echoed heartbeat was sent.
  std::chrono::milliseconds lease{1000};
  /// What the leader waits on top: at least 2 x clock-rate error x lease.
  std::chrono::milliseconds margin{100};
  /// What must be left of the lease when a message begins.
  std::chrono::milliseconds handler_budget{50};
  /// A step of a move that takes longer is driven again or rolled back.
  std::chrono::milliseconds move_step{5000};
  /// How long a stopping partition waits for its open promises.
  std::chrono::milliseconds stop_deadline{10000};
  std::chrono::milliseconds drain{60000};
  /// No rebalancing before the last join or announced leave is this old.
  std::chrono::milliseconds stabilisation{1000};
  /// How long partitions wait for a node that announced a restart.
  std::chrono::milliseconds restart_grace{30000};
  /// How long routers wait for the goodbye of a node that left in order.
  std::chrono::milliseconds farewell{2000};
  /// How long partitions wait for a node that crashed.
  std::chrono::milliseconds crash_grace{0};
  /// How long a router holds a message that has no deadline of its own.
  std::chrono::milliseconds held_message{5000};
  /// How long a router waits for the answer to a fence once another owner runs:
  /// then what it sent to the last one is unknown. Shorter than held_message,
  /// so that what waits behind the fence is sent, not expired.
  std::chrono::milliseconds fence_deadline{3000};
  std::size_t hold_messages_max = 4096;        // per partition and node
  std::size_t hold_bytes_max = 8u << 20;       // per partition and node
  std::size_t hold_node_bytes_max = 64u << 20; // per node
  /// What a router sends to a partition elsewhere before it hears what became
  /// of the first: more is refused. A report comes each 100 ms, and each tick
  /// from a quarter of either on.
  std::size_t stream_messages_max = 65536;
  std::size_t stream_bytes_max = 16u << 20;
  /// Of this node's own senders, in a partition's mailbox: more is refused
  /// until half of it is done.
  std::size_t mailbox_messages_max = 65536;
  std::uint32_t hop_limit = 3;
  std::uint32_t moves_max = 256;      // at a time, from or to one node
  std::uint32_t starts_max = 16384;   // first starts at a time, by region
  std::uint32_t entry_partitions_max = 4096; // that one entry changes by name
  std::uint32_t quarantine_after = 3; // failed starts in a row
  std::size_t event_history = 4096;   // events kept in the map
  std::size_t frame_bytes_max = 16u << 20;
  std::size_t key_bytes_max = 64u << 10;
  std::uint64_t snapshot_every = 20000; // applied entries
  std::uint64_t keep_tail = 2000;       // entries kept for slow followers
};

} // namespace troupe
