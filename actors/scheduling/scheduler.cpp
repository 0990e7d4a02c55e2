#include <troupe/actors/scheduling/scheduler.hpp>

#include <algorithm>
#include <span>
#include <thread>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/scheduler/coordinator.hpp>

#include <troupe/actors/scheduling/actor_timers.hpp>
#include <troupe/actors/scheduling/job_batch.hpp>
#include <troupe/actors/scheduling/shared_queue.hpp>

namespace troupe {

namespace {

/// What caf::scheduler::coordinator and worker ask for.
class shared_queue_policy : public caf::policy::unprofiled {
public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}
    shared_queue jobs;
  };
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
    worker_data(const worker_data&) {} // of one that says only how to begin
    shared_queue::worker known;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    d(self).jobs.put(job);
  }
  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put(job);
  }
  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put(job);
  }
  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put(job);
  }
  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    return d(self->parent()).jobs.take(d(self).known);
  }
  template <class Worker>
  void before_shutdown(Worker* self) {
    d(self->parent()).jobs.leave(d(self).known);
  }
  template <class Worker, class F>
  void foreach_resumable(Worker*, F) {}
  template <class Coordinator, class F>
  void foreach_central_resumable(Coordinator* self, F f) {
    while (auto* job = d(self).jobs.try_take())
      f(job);
  }
};

class shared_queue_coordinator
    : public caf::scheduler::coordinator<shared_queue_policy> {
public:
  using super = caf::scheduler::coordinator<shared_queue_policy>;
  using super::super;

  static caf::actor_system::module* make(caf::actor_system& sys) {
    return new shared_queue_coordinator(sys);
  }

  actor_timers& clock() noexcept override { return timers_; }

protected:
  void start() override {
    super::start();
    thread_ = std::thread{[this] {
      caf::detail::set_thread_name("troupe.timers");
      system().thread_started();
      timers_.run();
      system().thread_terminates();
    }};
  }
  void stop() override {
    timers_.stop();
    thread_.join();
    super::stop();
    timers_.cancel_all();
  }

private:
  actor_timers timers_;
  std::thread thread_;
};

} // namespace

} // namespace troupe

// As CAF's own, which besides looks for each job whether it is an actor, for
// the sake of log lines: a walk through the bases of every actor that runs.
template <>
void caf::scheduler::worker<troupe::shared_queue_policy>::run() {
  CAF_SET_LOGGER_SYS(&system());
  for (;;) {
    auto* job = policy_.dequeue(this);
    switch (job->resume(this, max_throughput_)) {
    case resumable::resume_later: // it keeps its reference
      policy_.resume_job_later(this, job);
      break;
    case resumable::done:
    case resumable::awaiting_message:
      intrusive_ptr_release(job);
      break;
    case resumable::shutdown_execution_unit:
      policy_.before_shutdown(this);
      return;
    }
  }
}

namespace troupe {

job_batch::job_batch(caf::actor_system& sys) : caf::execution_unit(&sys) {
  if (auto* ours = dynamic_cast<shared_queue_coordinator*>(&sys.scheduler()))
    queue_ = &ours->data().jobs;
}

void job_batch::flush() {
  if (count_ == 0)
    return;
  std::span<caf::resumable* const> jobs{jobs_.data(), std::exchange(count_, 0)};
  if (queue_)
    return queue_->put(jobs);
  for (auto* job : jobs)
    system().scheduler().enqueue(job);
}

actor_timers* actor_timers::of(caf::actor_system& sys) {
  return dynamic_cast<actor_timers*>(&sys.clock());
}

void use_shared_queue(caf::actor_system_config& config) {
  config.set("scheduler.max-threads",
             std::max<std::size_t>(2, std::thread::hardware_concurrency()));
  config.module_factories.push_back([](caf::actor_system& sys) {
    return shared_queue_coordinator::make(sys);
  });
}

} // namespace troupe
