#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <caf/fwd.hpp>
#include <caf/mailbox_element.hpp>

#include <troupe/cluster/ids.hpp>
#include <troupe/cluster/map/settings.hpp>

namespace troupe {

/// A message on its way to a partition: as an element for an actor's mailbox,
/// as the bytes of its payload, or both.
struct envelope {
  caf::mailbox_element_ptr element; // (key, payload...)
  std::string payload;              // encoded, without the key
  std::string key;                  // when there is no element
  node_id origin;                   // the node whose router accepted it
  incarnation origin_started;       // which start of it; unset: this one
  std::uint64_t request = 0;        // the origin's number; 0: nobody waits
  std::uint64_t sender = 0;         // actor id at the origin; 0: anonymous
  boot_time deadline{0}; // when a router that holds it drops it; 0: never
  boot_time expires{0};  // when nobody may begin it any more; 0: never
  std::size_t bytes = 0; // what it counts for in bounded queues
  std::vector<std::uint64_t> path; // nodes passed
};

} // namespace troupe
