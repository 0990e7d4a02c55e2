#pragma once

#include <troupe/runtime/http/route.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace troupe::http {

struct api_request {
  std::string method;
  std::string target; // "/path?query" as it came
  std::string body;
};

/// What `api::handle` found out at once.
struct api_verdict {
  std::string_view route;            // its pattern; empty: none matched
  std::chrono::milliseconds timeout; // the reply is due within; 0: it was given
};

/// Maps requests to the backend by the tables of the route groups.
///
/// In:      any request, valid or not.
/// Out:     exactly one reply for each, provided that the backend calls back.
/// Errors:  always a reply: `{"error", "detail", "hint"}` with its status.
///          What a backend throws is `internal`.
/// Threads: any.
class api {
public:
  explicit api(api_backend& backend, api_limits limits = {});

  api_verdict handle(api_request request, respond done);

  api_backend& backend() { return backend_; }

private:
  /// Nothing, and which methods the path takes instead: none if unknown.
  const route* find(const std::string& method,
                    const std::vector<std::string>& path,
                    std::vector<std::string>& args, std::string& allowed) const;

  api_backend& backend_;
  const api_limits limits_;
  std::vector<route> routes_;
};

/// All routes, in the order they are listed to users.
std::vector<route> all_routes();

} // namespace troupe::http
