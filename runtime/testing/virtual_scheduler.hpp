#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include <caf/actor_control_block.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <troupe/cluster/map/settings.hpp>

namespace troupe::testing {

/// The scheduler of a simulated node's actor system: no threads; whoever drives
/// it chooses which actor runs next and what time it is. Timeouts and delayed
/// messages of CAF go by that time.
///
/// It knows every actor that ever ran, so that all can be ended with their
/// node, also those that nobody else knows.
///
/// Threads: one at a time.
class virtual_scheduler final : public caf::scheduler::test_coordinator {
public:
  explicit virtual_scheduler(caf::actor_system& sys);

  /// Makes `config`'s actor system have one.
  static void use_in(caf::actor_system_config& config);
  static virtual_scheduler& of(caf::actor_system& sys);

  /// Actors that have something to do.
  std::size_t ready() const { return jobs.size(); }
  /// Lets the one at `which` take one message. Returns its id.
  caf::actor_id run_one(std::size_t which);

  std::optional<boot_time> next_timeout();
  void set_time(boot_time now);

  /// Ends all actors at once; nothing of theirs runs any more but destructors.
  void end_actors();

protected:
  /// CAF's would go on until nothing is ready and no timeout is left, which
  /// with an actor that wakes itself up is never.
  void stop() override;

private:
  caf::actor_id note(caf::resumable* job);

  std::map<caf::actor_id, caf::weak_actor_ptr> actors_;
  std::size_t prune_at_ = 1024;
};

} // namespace troupe::testing
