#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>

#include <troupe/actors/coordinator/messages.hpp>
#include <troupe/cluster/map/error.hpp>
#include <troupe/runtime/log/partition_state_files.hpp>
#include <troupe/runtime/log/raft_store.hpp>

namespace troupe {

/// The one thread that waits for the disk: does what it is given in order, and
/// puts all log batches that queued up behind one sync.
///
/// Out:     `disk_done` for each.
/// Errors:  a partition's state that finds no room is refused, alone. Any other
///          error ends everything: `failed` is called once, nothing is
///          acknowledged after it.
/// Threads: any may give it work; the callbacks run on its own.
class disk_writer {
public:
  struct callbacks {
    std::function<void(disk_done)> done;
    std::function<void(const failure&)> failed;
  };

  disk_writer(std::unique_ptr<disk::raft_store> store,
              disk::partition_state_files states, std::uint64_t keep_tail,
              callbacks calls);
  ~disk_writer();

  void persist(raft::persist_batch batch);
  void save_snapshot(raft::snapshot_meta meta,
                     std::shared_ptr<const std::string> bytes);
  void store_snapshot(raft::snapshot_meta meta,
                      std::shared_ptr<const std::string> bytes);
  void keep_state(partition_key key, std::string region, epoch at,
                  partition_state state);
  void drop_state(partition_key key, std::string region);

  /// Waits until all that was given is done, and ends the thread.
  void stop();

private:
  struct snapshot {
    raft::snapshot_meta meta;
    std::shared_ptr<const std::string> bytes;
    bool incoming;
  };
  struct state {
    partition_key key;
    std::string region;
    troupe::epoch epoch;
    std::optional<partition_state> what; // none: remove
  };
  using job = std::variant<raft::persist_batch, snapshot, state>;

  void give(job what);
  void run();
  disk::result<void> write_batches(std::deque<job>& jobs);
  disk::result<void> write(const snapshot& what);
  disk::result<void> write_states(std::deque<job>& jobs);

  std::unique_ptr<disk::raft_store> store_;
  disk::partition_state_files states_;
  std::uint64_t keep_tail_;
  callbacks calls_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace troupe
