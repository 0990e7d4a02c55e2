#pragma once

#include <caf/fwd.hpp>

namespace troupe {

/// Gives an actor system workers that share one `shared_queue`, in place of
/// CAF's own policies: `sharing` makes a system call for each job while a
/// worker sleeps, and `stealing` sleeps in steps. Reads
/// `scheduler.max-threads` and `scheduler.max-throughput` as those do.
void use_shared_queue(caf::actor_system_config& config);

} // namespace troupe
