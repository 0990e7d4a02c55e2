#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace troupe::raft {

/// One thread that does what it is given, in order.
///
/// Threads: any may give it work.
class work_queue {
public:
  using job = std::function<void()>;

  work_queue() : thread_([this] { run(); }) {}
  ~work_queue() { stop(); }

  void give(job what) {
    {
      std::lock_guard guard{mutex_};
      jobs_.push_back(std::move(what));
    }
    work_.notify_one();
  }

  /// Does what was given, and ends.
  void stop() {
    {
      std::lock_guard guard{mutex_};
      stopping_ = true;
    }
    work_.notify_one();
    if (thread_.joinable())
      thread_.join();
  }

private:
  void run() {
    std::unique_lock guard{mutex_};
    for (;;) {
      work_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty())
        return;
      auto next = std::move(jobs_.front());
      jobs_.pop_front();
      guard.unlock();
      next();
      guard.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace troupe::raft
