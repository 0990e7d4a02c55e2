#pragma once

#include <troupe/runtime/http/route.hpp>

namespace troupe::http {

/// The page at `/`: the nodes, the map of each region, the events as they come,
/// and the list of routes. It loads nothing from elsewhere.
api_answer page();

} // namespace troupe::http
