#include <troupe/actors/scheduling/shared_queue.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
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

void wait(::sem_t& x) {
  while (::sem_wait(&x) != 0) // a signal came between
    ;
}

// False: nobody posted.
bool wait_for(::sem_t& x, std::chrono::nanoseconds limit) {
  timespec until;
  ::clock_gettime(CLOCK_MONOTONIC, &until);
  auto end = std::chrono::seconds{until.tv_sec}
             + std::chrono::nanoseconds{until.tv_nsec} + limit;
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(end);
  until.tv_sec = seconds.count();
  until.tv_nsec = std::chrono::nanoseconds{end - seconds}.count();
  int result;
  do
    result = ::sem_clockwait(&x, CLOCK_MONOTONIC, &until);
  while (result != 0 && errno == EINTR);
  return result == 0;
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
  if (who.running_)
    if (auto* job = try_take())
      return job;
  ++looking_;
  if (who.running_)
    --running_;
  caf::resumable* job;
  while ((job = look()) == nullptr)
    sleep(who);
  who.running_ = true;
  ++running_;
  --looking_;
  wake_if_needed(); // it looked in place of those that sleep
  return job;
}

void shared_queue::leave(worker& who) {
  if (std::exchange(who.running_, false))
    --running_;
}

// Comes back looking. Whoever wakes it takes it off the sleepers, and counts it
// as awake, at once.
void shared_queue::sleep(worker& who) {
  std::unique_lock guard{sleep_mutex_};
  ++sleeping_;
  --looking_;
  sleepers_.push_back(&who);
  bool on_patrol = false;
  int idle = 0;
  for (;;) {
    auto me = std::find(sleepers_.begin(), sleepers_.end(), &who);
    if (me != sleepers_.end() && size_ > 0
        && (on_patrol || running_ == 0 || !patrolled_)) {
      sleepers_.erase(me);
      --sleeping_;
      ++looking_;
      break;
    }
    if (!on_patrol && !patrolled_ && running_ > 0)
      on_patrol = patrolled_ = true;
    guard.unlock();
    if (!on_patrol)
      return wait(who.wake_);
    bool woken = wait_for(who.wake_, patrol_interval);
    guard.lock();
    if (woken)
      break;
    idle = running_ == 0 ? idle + 1 : 0;
    if (idle > idle_patrols_max)
      on_patrol = patrolled_ = false;
  }
  if (on_patrol)
    patrolled_ = false;
}

void shared_queue::wake_one() {
  worker* who;
  {
    std::lock_guard guard{sleep_mutex_};
    if (sleepers_.empty())
      return;
    who = sleepers_.back();
    sleepers_.pop_back();
    --sleeping_;
    ++looking_;
  }
  ::sem_post(&who->wake_);
}

} // namespace troupe
