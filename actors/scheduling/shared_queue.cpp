#include <troupe/actors/scheduling/shared_queue.hpp>

#include <chrono>
#include <utility>

namespace troupe {

namespace {

// How often a worker looks again before it sleeps: some microseconds, about
// what waking it would cost.
constexpr int looks_max = 100;

// So many jobs for each that runs are too many to wait for it.
constexpr std::size_t backlog = 8;

constexpr auto patrol_interval = std::chrono::microseconds{500};
constexpr int idle_patrols_max = 20; // then it sleeps like the others

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// It is held for some nanoseconds: sleeping for it would cost more.
std::unique_lock<std::mutex> lock(std::mutex& x) {
  for (int i = 0; i < 100; ++i) {
    std::unique_lock guard{x, std::try_to_lock};
    if (guard)
      return guard;
    relax();
  }
  return std::unique_lock{x};
}

} // namespace

void shared_queue::ring::push(caf::resumable* job) {
  if (size() == jobs_.size()) {
    std::vector<caf::resumable*> larger(jobs_.size() * 2);
    auto count = size();
    for (std::size_t i = 0; i < count; ++i)
      larger[i] = pop();
    jobs_.swap(larger);
    begin_ = 0;
    end_ = count;
  }
  jobs_[end_++ & (jobs_.size() - 1)] = job;
}

// All orders are sequentially consistent: a put first shows its job and then
// looks at the workers; a worker first shows that it sleeps and then looks for
// a job. So one of the two sees the other.
void shared_queue::put(std::span<caf::resumable* const> jobs) {
  {
    auto guard = lock(mutex_);
    for (auto* job : jobs)
      jobs_.push(job);
    size_ = jobs_.size();
  }
  wake_if_needed();
}

// Somebody looks already, or will soon.
void shared_queue::wake_if_needed() {
  if (looking_ > 0 || sleeping_ == 0)
    return;
  std::size_t waiting = size_;
  bool soon = patrolled_ && waiting < backlog * running_;
  if (waiting > 0 && !soon)
    wake_one();
}

caf::resumable* shared_queue::try_take() {
  if (size_ == 0)
    return nullptr;
  auto guard = lock(mutex_);
  if (jobs_.size() == 0)
    return nullptr;
  auto* job = jobs_.pop();
  size_ = jobs_.size();
  return job;
}

caf::resumable* shared_queue::look() {
  for (int i = 0; i < looks_max; ++i) {
    if (auto* job = try_take())
      return job;
    relax();
  }
  return nullptr;
}

caf::resumable* shared_queue::take(worker& who) {
  if (who.running)
    if (auto* job = try_take())
      return job;
  ++looking_;
  if (who.running)
    --running_;
  caf::resumable* job;
  while ((job = look()) == nullptr)
    sleep();
  who.running = true;
  ++running_;
  --looking_;
  wake_if_needed(); // it looked in place of those that sleep
  return job;
}

void shared_queue::leave(worker& who) {
  if (std::exchange(who.running, false))
    --running_;
}

// Comes back looking.
void shared_queue::sleep() {
  std::unique_lock guard{sleep_mutex_};
  ++sleeping_;
  --looking_;
  bool on_patrol = false;
  int idle = 0;
  // Whoever wakes it counts it as awake at once.
  while (wakes_ == 0) {
    if (size_ > 0 && (on_patrol || running_ == 0 || !patrolled_)) {
      --sleeping_;
      ++looking_;
      break;
    }
    if (!on_patrol && !patrolled_ && running_ > 0)
      on_patrol = patrolled_ = true;
    if (!on_patrol) {
      wake_.wait(guard);
      continue;
    }
    wake_.wait_for(guard, patrol_interval);
    idle = running_ == 0 ? idle + 1 : 0;
    if (idle > idle_patrols_max)
      on_patrol = patrolled_ = false;
  }
  if (wakes_ > 0)
    --wakes_;
  if (on_patrol)
    patrolled_ = false;
}

void shared_queue::wake_one() {
  {
    std::lock_guard guard{sleep_mutex_};
    if (sleeping_ == 0)
      return;
    ++wakes_;
    --sleeping_;
    ++looking_;
  }
  wake_.notify_one();
}

} // namespace troupe
