#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <caf/fwd.hpp>
#include <caf/mailbox_element.hpp>

#include <troupe/cluster/ids.hpp>
#include <troupe/cluster/map/settings.hpp>

namespace troupe {

/// What a message counts for in bounded queues beside its payload.
inline constexpr std::size_t element_bytes = 256;

/// A message on its way to a partition.
struct envelope {
  /// (key, payload...), as its sender made it or as a `wire_element`. Names who
  /// asks, unless that stands in `request` and `sender`.
  caf::mailbox_element_ptr element;
  node_id origin;             // the node whose router accepted it
  incarnation origin_started; // which start of it; unset: this one
  std::uint64_t request = 0;  // the origin's number; 0: nobody waits
  std::uint64_t sender = 0;   // actor id at the origin; 0: anonymous
  boot_time deadline{0};      // when a router that holds it drops it; 0: never
  boot_time expires{0};       // when nobody may begin it any more; 0: never
  std::size_t bytes = element_bytes; // what it counts for in bounded queues
  std::vector<std::uint64_t> path;   // nodes passed; empty: the origin only
};

std::string_view key_of(const caf::mailbox_element& x);

/// The type of the payload's first element, as people call it.
std::string type_of(caf::actor_system& sys, const caf::mailbox_element& x);

} // namespace troupe
