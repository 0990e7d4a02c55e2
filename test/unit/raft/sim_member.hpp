#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <troupe/cluster/raft/core.hpp>

namespace troupe::raft::sim {

/// A number that stands for all that was applied up to an index.
using digest = std::uint64_t;

digest mixed(digest before, std::uint64_t x);
digest body_digest(const entry& x);

/// A state of the application, or a snapshot of it.
struct app_state {
  snapshot_meta meta;
  digest content = 0;
};

/// What survives a crash.
struct disk {
  hard_state hard;
  app_state snapshot;
  app_state base;         // below the first entry of `log`
  std::vector<entry> log; // kept entries may reach below the snapshot

  std::optional<term> term_at(log_index at) const;
  log_index last() const;
  void write(const persist_batch& batch, const app_state& offered);
  recovered read() const;
};

/// A batch on its way to the disk.
struct write {
  persist_batch batch;
  app_state offered; // with batch.install
};

/// Messages that wait for a batch.
struct held {
  std::uint64_t batch = 0;
  std::vector<message> messages;
};

/// One member: its core, its disk with writes under way, and its application.
/// Everything happens when the simulation says so.
struct sim_member {
  settings cfg;
  std::unique_ptr<core> raft; // none: crashed
  sim::disk disk;
  app_state app;
  std::deque<write> writes;
  std::deque<write> unsynced; // done, as far as the core was told
  std::deque<held> waiting;   // in order of their batches
  std::uint64_t durable_batch = 0;
  std::deque<std::vector<entry>> given_out;
  std::map<log_index, app_state> offered;
  std::map<std::uint64_t, log_index> reads; // id: the least right answer
  log_index seen_commit{};

  void start();
  /// The first `kept` writes, of those not synced and those under way, happened
  /// to get through.
  void crash(std::size_t kept);
};

} // namespace troupe::raft::sim
