#pragma once

#include <troupe/proto/map.pb.h>
#include <troupe/runtime/http/api_types.hpp>

namespace troupe {

/// An event as HTTP shows it.
http::event_row to_row(const proto::Event& event);

} // namespace troupe
