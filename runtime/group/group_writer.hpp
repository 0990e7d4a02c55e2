#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include <troupe/runtime/group/group_store.hpp>
#include <troupe/runtime/group/machine_port.hpp>
#include <troupe/runtime/group/work_queue.hpp>

namespace troupe::raft {

/// Writes the log, and puts all batches that queued up behind one sync. Small
/// ones go to the disk from the group's thread, which does not wait for them;
/// what would have to wait is done by a thread of the writer's. Another one
/// saves and restores snapshots.
///
/// Errors:  the first of the log ends everything: `failed` is called once,
///          nothing that it concerns is acknowledged after it. A snapshot that
///          finds no room fails alone.
/// Threads: `persist` and `on_event` belong to the group's thread; any may give
///          it other work. The callbacks run on its own threads, except that
///          `persisted` may come before `persist` returns.
class group_writer {
public:
  struct callbacks {
    std::function<void(std::uint64_t batch)> persisted;
    std::function<void(const disk::refusal&)> failed;
  };

  group_writer(std::unique_ptr<group_store> store, callbacks calls);
  ~group_writer();

  void persist(persist_batch batch);

  /// The store's event was signalled. The newest batch that is now durable, if
  /// it was written without a thread.
  std::optional<std::uint64_t> on_event();

  using store_done = std::function<void(std::optional<group_core::stored>)>;
  void store(store_chunk what, store_done done);

  using read_done = std::function<void(group_store::piece)>;
  void read(read_chunk what, std::size_t bytes, read_done done);

  /// `done(false)`: there is no room or no use for it.
  void save(take_snapshot what, std::unique_ptr<frozen_machine> machine,
            compression how, std::uint64_t keep_tail,
            std::function<void(bool)> done);

  /// Restores `into` from the newest snapshot.
  void restore(std::unique_ptr<machine_port> into,
               std::function<void(std::unique_ptr<machine_port>, roster)> done);

  /// Waits until all that was given is done, and ends the threads.
  void stop();

private:
  using task = std::function<disk::result<void>(group_store&)>;
  using job = std::variant<persist_batch, task>;

  void give(job what);
  static std::vector<persist_batch> take_batches(std::deque<job>& jobs);
  void begin_write(std::vector<persist_batch> batches);
  task complete_write(std::uint64_t id);
  void leave_to_thread(std::vector<job> first);
  void run();
  disk::result<void> write_batches(std::deque<job>& jobs);
  void fail(const disk::refusal& why);

  std::unique_ptr<group_store> store_;
  callbacks calls_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<job> jobs_;
  std::vector<persist_batch> later_; // to be written with the next
  std::uint64_t begun_ = 0; // the newest batch of the write that was begun
  enum class user { nobody, group, thread }; // the group's thread, or the own
  user user_ = user::nobody;                 // of the store
  bool stopping_ = false;
  bool failed_ = false;
  std::thread thread_;
  work_queue snapshots_;
};

/// Makes `into` what the snapshot says.
disk::result<roster> restore_machine(disk::snapshot_reader from,
                                     machine_port& into);

} // namespace troupe::raft
