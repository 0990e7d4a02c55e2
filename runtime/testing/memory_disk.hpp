#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <troupe/cluster/node/node_core.hpp>
#include <troupe/runtime/testing/timeline.hpp>

namespace troupe::testing {

/// A node's data directory, in memory: the raft log, the snapshot of the map,
/// and what partitions saved for an announced restart. Writes become durable in
/// order, each a little later; a crash loses those under way.
///
/// Threads: one at a time.
class memory_disk {
public:
  using done = std::function<void()>;

  memory_disk(timeline& time, boot_time delay_max)
      : time_(time), delay_max_(delay_max) {}

  /// A founder's first content: the map that all founders know.
  void found(raft::snapshot_meta meta, std::string map);
  /// A newcomer's: it votes for nobody else in the term that let it in.
  void admit(raft::hard_state hard) { hard_ = hard; }

  void write(raft::persist_batch batch, done then);
  void save(raft::snapshot_meta meta, std::shared_ptr<const std::string> bytes,
            done then);
  void store(raft::snapshot_meta meta, std::shared_ptr<const std::string> bytes,
             done then);

  using state_name = std::pair<std::string, partition_id>; // region, partition
  void keep(state_name name, epoch at, partition_state state, done then);
  void drop(state_name name);
  std::optional<partition_state> find(const state_name& name, epoch at) const;

  void crash() { pending_.clear(); }
  node_recovered recover() const;

private:
  struct operation {
    std::uint64_t number;
    std::function<void()> effect;
    done then;
  };
  struct kept {
    epoch at;
    partition_state state;
  };

  void enqueue(std::function<void()> effect, done then);
  void apply(const raft::persist_batch& batch);

  timeline& time_;
  boot_time delay_max_;
  boot_time busy_until_{0};
  std::deque<operation> pending_;
  std::uint64_t next_ = 0;

  raft::hard_state hard_;
  std::map<log_index, raft::entry> log_;
  raft::snapshot_meta snapshot_;
  std::shared_ptr<const std::string> snapshot_bytes_;
  raft::snapshot_meta stored_; // durable, without effect yet
  std::shared_ptr<const std::string> stored_bytes_;
  std::map<state_name, kept> states_;
};

} // namespace troupe::testing
