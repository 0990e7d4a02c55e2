#include <troupe/runtime/testing/virtual_scheduler.hpp>

#include <algorithm>
#include <set>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>

namespace troupe::testing {

virtual_scheduler::virtual_scheduler(caf::actor_system& sys)
    : test_coordinator(sys) {
}

void virtual_scheduler::use_in(caf::actor_system_config& config) {
  config.module_factories.push_back(
      [](caf::actor_system& sys) -> caf::actor_system::module* {
        return new virtual_scheduler{sys};
      });
}

virtual_scheduler& virtual_scheduler::of(caf::actor_system& sys) {
  return static_cast<virtual_scheduler&>(sys.scheduler());
}

caf::actor_id virtual_scheduler::note(caf::resumable* job) {
  auto* actor = dynamic_cast<caf::scheduled_actor*>(job);
  if (!actor)
    return 0;
  auto& known = actors_[actor->id()];
  if (!known)
    known = caf::weak_actor_ptr{actor->ctrl()};
  if (actors_.size() > prune_at_) {
    std::erase_if(actors_, [](auto& kv) { return !kv.second.lock(); });
    prune_at_ = std::max<std::size_t>(1024, 2 * actors_.size());
  }
  return actor->id();
}

caf::actor_id virtual_scheduler::run_one(std::size_t which) {
  auto chosen = jobs.begin() + static_cast<std::ptrdiff_t>(which);
  auto* job = *chosen;
  jobs.erase(chosen);
  jobs.push_front(job);
  auto id = note(job);
  try_run_once();
  return id;
}

std::optional<boot_time> virtual_scheduler::next_timeout() {
  auto& schedule = clock().schedule();
  if (schedule.empty())
    return std::nullopt;
  return std::chrono::duration_cast<boot_time>(
      schedule.begin()->first.time_since_epoch());
}

void virtual_scheduler::set_time(boot_time now) {
  using point = caf::detail::test_actor_clock::time_point;
  clock().current_time =
      point{std::chrono::duration_cast<caf::actor_clock::duration_type>(now)};
  clock().advance_time(caf::actor_clock::duration_type{0});
}

// An exit message is urgent: each actor takes it before anything else.
void virtual_scheduler::end_actors() {
  clock().cancel_all();
  std::set<caf::actor_id> told;
  for (bool more = true; more;) {
    more = false;
    for (auto* job : jobs)
      note(job);
    for (auto& [id, weak] : actors_)
      if (auto actor = weak.lock(); actor && told.insert(id).second) {
        caf::anon_send_exit(caf::actor_cast<caf::actor>(actor),
                            caf::exit_reason::kill);
        more = true;
      }
    while (has_job()) {
      more = note(jobs.front()) != 0 || more;
      try_run_once();
    }
  }
  clock().cancel_all();
}

void virtual_scheduler::stop() {
  end_actors();
}

} // namespace troupe::testing
