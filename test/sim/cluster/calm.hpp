#pragma once

#include <string>

namespace troupe::sim {

class world;

/// What stands between the cluster and calm: all nodes follow one leader with
/// the same map, everything runs where the map says, spread evenly (unless
/// `even` is false), and nothing is under way. Empty: it is calm.
std::string unrest_of(world& w, bool even);

} // namespace troupe::sim
