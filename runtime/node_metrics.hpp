#pragma once

#include <memory>
#include <vector>

#include <troupe/actors/data_plane.hpp>
#include <troupe/runtime/map_mirror.hpp>
#include <troupe/runtime/metrics/registry.hpp>

namespace troupe {

/// What `/metrics` tells of a node besides its HTTP interface, read when it is
/// asked for.
///
/// View:    one node; `self` may be set later, but before anybody reads.
/// Threads: any reads.
class node_metrics {
public:
  node_metrics(metrics::registry& to, plane_counters& messages,
               const map_mirror& map, const node_id& self);

private:
  std::vector<std::shared_ptr<void>> gauges_;
};

} // namespace troupe
