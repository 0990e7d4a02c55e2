#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <semaphore>
#include <span>
#include <thread>
#include <vector>

#include <caf/resumable.hpp>
#include <test/catch.hpp>

#include <troupe/actors/scheduling/shared_queue.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

struct job final : caf::resumable {
  explicit job(std::function<void()> f) : run(std::move(f)) {}
  resume_result resume(caf::execution_unit*, size_t) override { return done; }
  void intrusive_ptr_add_ref_impl() override {}
  void intrusive_ptr_release_impl() override {}

  std::function<void()> run;
};

/// Threads that take jobs until one of them is theirs to end with.
struct crew {
  crew(shared_queue& from, int size) : queue(from) {
    for (int i = 0; i < size; ++i)
      threads.emplace_back([this] {
        shared_queue::worker me;
        for (;;) {
          auto* next = static_cast<job*>(queue.take(me));
          if (next == &last)
            return queue.leave(me);
          next->run();
        }
      });
  }
  ~crew() {
    for (std::size_t i = 0; i < threads.size(); ++i)
      queue.put(&last);
    for (auto& one : threads)
      one.join();
  }

  shared_queue& queue;
  job last{[] {}};
  std::vector<std::thread> threads;
};

} // namespace

TEST_CASE("shared queue: first in, first out, however many",
          "[actor][scheduling]") {
  shared_queue queue;
  std::vector<job> jobs(5000, job{[] {}});
  for (int round = 0; round < 3; ++round) {
    for (auto& one : jobs)
      queue.put(&one);
    for (auto& one : jobs)
      REQUIRE(queue.try_take() == &one);
    CHECK(queue.try_take() == nullptr);
  }
}

TEST_CASE("shared queue: each job is taken once, from many threads by many",
          "[actor][scheduling]") {
  constexpr int putters = 4, each = 50000;
  std::atomic<int> ran{0};
  std::vector<std::unique_ptr<std::atomic<int>>> counts;
  std::vector<std::unique_ptr<job>> jobs;
  for (int i = 0; i < putters * each; ++i) {
    counts.push_back(std::make_unique<std::atomic<int>>(0));
    jobs.push_back(std::make_unique<job>([&ran, n = counts.back().get()] {
      ++*n;
      ++ran;
      ran.notify_all();
    }));
  }
  shared_queue queue;
  {
    crew workers{queue, 3};
    std::vector<std::thread> threads;
    for (int p = 0; p < putters; ++p)
      threads.emplace_back([&, p] {
        for (int i = 0; i < each; ++i) {
          queue.put(jobs[static_cast<std::size_t>(p * each + i)].get());
          if (i % 1000 == 0)
            std::this_thread::yield();
        }
      });
    for (auto& one : threads)
      one.join();
    for (int seen = ran; seen < putters * each; seen = ran)
      ran.wait(seen);
  }
  for (auto& one : counts)
    REQUIRE(*one == 1);
}

TEST_CASE("shared queue: a job does not wait for a long one while somebody is "
          "free",
          "[actor][scheduling]") {
  struct round {
    std::binary_semaphore begun{0}, free{0}, ran{0};
    job long_one{[this] {
      begun.release();
      free.acquire();
    }};
    job other{[this] { ran.release(); }};
  };
  std::deque<round> rounds; // outlive the workers
  shared_queue queue;
  crew workers{queue, 2};
  for (int i = 0; i < 200; ++i) {
    auto& now = rounds.emplace_back();
    queue.put(&now.long_one);
    bool early = i % 2 != 0; // while the worker still wakes
    if (!early)
      now.begun.acquire();
    queue.put(&now.other);
    REQUIRE(now.ran.try_acquire_for(10s));
    if (early)
      now.begun.acquire();
    now.free.release();
  }
}

TEST_CASE("shared queue: jobs put together all run, before those put later",
          "[actor][scheduling]") {
  shared_queue queue;
  std::vector<job> jobs(3000, job{[] {}});
  std::vector<caf::resumable*> all;
  for (auto& one : jobs)
    all.push_back(&one);
  std::span<caf::resumable* const> rest{all};
  queue.put(rest.first(2000)); // more than it had room for
  queue.put(rest[2000]);
  queue.put(rest.subspan(2001));
  for (auto* one : all)
    REQUIRE(queue.try_take() == one);
  CHECK(queue.try_take() == nullptr);
}
