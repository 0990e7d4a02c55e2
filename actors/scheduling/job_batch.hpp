#pragma once

#include <array>
#include <cstddef>

#include <caf/execution_unit.hpp>
#include <caf/fwd.hpp>

namespace troupe {

class shared_queue;

/// Actors that have got something to do, handed to the workers together: the
/// run queue is locked, and a worker woken, once for all.
///
/// In:      `exec_later`, as CAF calls it for whoever enqueues with this.
/// Threads: one, which flushes before it waits for anything.
class job_batch final : public caf::execution_unit {
public:
  explicit job_batch(caf::actor_system& sys);
  ~job_batch() override { flush(); }

  void exec_later(caf::resumable* job) override {
    jobs_[count_] = job;
    if (++count_ == jobs_.size())
      flush();
  }
  void flush();

private:
  shared_queue* queue_ = nullptr; // null: of another scheduler
  std::array<caf::resumable*, 32> jobs_;
  std::size_t count_ = 0;
};

} // namespace troupe
