#pragma once

#include <caf/fwd.hpp>

#include <troupe/cluster/map/error.hpp>
#include <troupe/proto/control.pb.h>
#include <troupe/runtime/http/api_error.hpp>

namespace troupe {

// What the cluster refuses, in the words of the HTTP interface.

http::api_errc to_api(errc code);
http::api_error to_api(const caf::error& err, caf::actor_system& sys);
http::api_error to_api(const proto::CommandReply& reply);

} // namespace troupe
