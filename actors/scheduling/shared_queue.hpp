#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include <semaphore.h>

namespace caf {

class resumable;

} // namespace caf

namespace troupe {

/// The run queue that all workers of an actor system share: first in, first
/// out.
///
/// Waking a thread costs more than running a small message, so it is done only
/// when it helps. A worker without a job looks on for a moment before it
/// sleeps. While one looks, or while those that run can be expected back at
/// once, nobody is woken. Should one of them not come back soon, a sleeper on
/// patrol finds what waits: no job waits for longer than `patrol_interval`
/// while a worker is free.
///
/// Threads: any may put; a worker takes.
class shared_queue {
public:
  /// What the queue knows of one worker.
  class worker {
  public:
    worker() { ::sem_init(&wake_, 0, 0); }
    ~worker() { ::sem_destroy(&wake_); }
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

  private:
    friend class shared_queue;
    bool running_ = false; // the job that it took last
    // One each: whoever is woken need not take a lock, and it is always the one
    // that has slept least, whose caches are warm.
    ::sem_t wake_;
  };

  void put(caf::resumable* job) { put({&job, 1}); }
  void put(std::span<caf::resumable* const> jobs);
  /// Waits until there is one. The job taken before it is done.
  caf::resumable* take(worker& who);
  /// The worker takes no more.
  void leave(worker& who);
  /// Null: it is empty.
  caf::resumable* try_take();

private:
  caf::resumable* look();
  void sleep(worker& who);
  void wake_if_needed();
  void wake_one();

  // Grows to what was needed at most.
  class ring {
  public:
    std::size_t size() const { return end_ - begin_; }
    void push(caf::resumable* job);
    caf::resumable* pop() { return jobs_[begin_++ & (jobs_.size() - 1)]; }

  private:
    std::vector<caf::resumable*> jobs_ = std::vector<caf::resumable*>(1024);
    std::size_t begin_ = 0; // both only grow
    std::size_t end_ = 0;
  };

  alignas(64) std::mutex mutex_; // guards jobs_
  ring jobs_;
  alignas(64) std::atomic<std::size_t> size_{0};
  // Workers: with a job; awake without one. All others sleep.
  std::atomic<std::size_t> running_{0};
  std::atomic<std::size_t> looking_{0};
  std::atomic<std::size_t> sleeping_{0};
  std::atomic<bool> patrolled_{false}; // a sleeper looks now and then
  alignas(64) std::mutex sleep_mutex_; // guards what follows
  std::vector<worker*> sleepers_;      // whom nobody has woken yet
};

} // namespace troupe
