#pragma once

#include <caf/fwd.hpp>

namespace troupe {

/// Gives an actor system workers that share one `shared_queue`, in place of
/// CAF's own policies: `sharing` makes a system call for each job while a
/// worker sleeps, and `stealing` sleeps in steps. Reads
/// `scheduler.max-throughput` as those do, and `scheduler.max-threads`, which
/// is set to the number of cores, at least 2: CAF's least is 4, and workers
/// beyond the cores preempt each other in the middle of the allocator's locks.
/// The clock of the system is `actor_timers`.
void use_shared_queue(caf::actor_system_config& config);

} // namespace troupe
