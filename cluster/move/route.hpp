#pragma once

#include <troupe/cluster/map/types.hpp>

namespace troupe {

/// What a router needs of an assignment.
struct route {
  troupe::stage stage = stage::unassigned;
  bool quarantined = false;
  node_id owner;
  troupe::epoch epoch;
  log_index version;           // of the map that says so
  incarnation owner_started{}; // 0: who says so does not know

  bool open() const { return stage == stage::running; }
};

inline route route_of(const assignment& a) {
  return {a.stage, a.quarantined, a.owner,
          a.epoch, a.version,     a.owner_incarnation};
}

} // namespace troupe
