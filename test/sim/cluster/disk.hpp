#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <troupe/cluster/node/node_core.hpp>

#include "timeline.hpp"

namespace troupe::sim {

/// A node's disk: writes become durable in order, some time later. At a crash
/// what is not durable yet is lost, but for a part of it from the front: a
/// write is there whole or not at all, as the store's records are. A disk with
/// damage in it is one that is gone: the store refuses it.
class disk {
public:
  struct kept_file {
    troupe::epoch epoch;
    partition_state state;
  };

  disk(timeline& time, chance& luck) : time_(time), luck_(luck) {}

  boot_time& slowness() { return delay_max_; }

  /// A new node's first disk: the map of the founders, as a snapshot.
  void found(raft::snapshot_meta meta, std::string map);

  /// `done` runs when it is durable. The caller checks that it still lives.
  void write(raft::persist_batch batch, std::function<void()> done);
  void save(raft::snapshot_meta meta, std::shared_ptr<const std::string> bytes,
            std::function<void()> done);
  void store(raft::snapshot_meta meta, std::shared_ptr<const std::string> bytes,
             std::function<void()> done);
  void keep(partition_key key, epoch at, partition_state state,
            std::function<void()> done);
  void drop(partition_key key, epoch at);

  void crash();
  /// There is no room for the log any more: a process that writes ends.
  void fill() { full_ = true; }
  void make_room() { full_ = false; }
  bool full() const { return full_; }
  /// Writes that are not durable yet.
  std::size_t pending() const { return pending_.size(); }

  // What is durable now.
  const raft::hard_state& hard() const { return hard_; }
  raft::log_index snapshot_index() const { return snapshot_.index; }
  raft::log_index last_index() const {
    return log_.empty() ? snapshot_.index
                        : std::max(snapshot_.index, log_.rbegin()->first);
  }

  node_recovered recover() const;
  const std::map<partition_key, kept_file>& files() const { return files_; }

private:
  struct write_op {
    std::uint64_t number;
    std::function<void()> effect;
    std::function<void()> done;
  };

  void enqueue(std::function<void()> effect, std::function<void()> done);
  void apply(const raft::persist_batch& batch);

  timeline& time_;
  chance& luck_;
  boot_time delay_max_ = std::chrono::microseconds{800};
  boot_time busy_until_{0};
  bool full_ = false;
  std::uint64_t next_ = 1;
  std::deque<write_op> pending_;

  raft::hard_state hard_;
  raft::snapshot_meta snapshot_;
  std::shared_ptr<const std::string> snapshot_bytes_;
  raft::snapshot_meta stored_;
  std::shared_ptr<const std::string> stored_bytes_;
  std::map<raft::log_index, raft::entry> log_;
  std::map<partition_key, kept_file> files_;
};

} // namespace troupe::sim
