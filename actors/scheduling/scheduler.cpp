#include <troupe/actors/scheduling/scheduler.hpp>

#include <algorithm>
#include <thread>

#include <caf/actor_system_config.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/scheduler/coordinator.hpp>

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

} // namespace

void use_shared_queue(caf::actor_system_config& config) {
  config.set("scheduler.max-threads",
             std::max<std::size_t>(2, std::thread::hardware_concurrency()));
  config.module_factories.push_back([](caf::actor_system& sys) {
    return caf::scheduler::coordinator<shared_queue_policy>::make(
        sys, caf::detail::type_list<>{});
  });
}

} // namespace troupe
