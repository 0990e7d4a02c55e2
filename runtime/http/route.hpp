#pragma once

#include <troupe/runtime/http/api_backend.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace troupe::http {

/// A whole answer.
struct api_answer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// An answer that is written as events come.
struct event_stream {
  event_sequence sequence = event_sequence::cluster;
  std::uint64_t since = 0;
  bool follow = true; // false: ends after what is there
};

using api_reply = std::variant<api_answer, event_stream>;

/// Takes the one reply of a request, from any thread.
using respond = std::function<void(api_reply)>;

struct api_limits {
  std::size_t key_bytes_max = 64 * 1024;
  std::chrono::milliseconds message_timeout{5'000}; // when none is asked for
  std::chrono::milliseconds message_timeout_max{600'000};
  std::chrono::milliseconds command_timeout{10'000}; // plans, moves, drains
};

/// A request that matched a route.
struct api_call {
  api_backend& backend;
  const api_limits& limits;
  std::vector<std::string> args; // what stands for {name} in the pattern
  std::map<std::string, std::string> query;
  std::string body;
};

/// Answers through `done`, now or later. Returns how long that may take; zero
/// when it answered.
using handler = std::chrono::milliseconds (*)(api_call& call, respond done);

/// One path and method. Each group of routes is a table of these.
struct route {
  std::string_view method;
  std::string_view pattern;             // "/v1/regions/{region}/ping"
  std::vector<std::string_view> params; // query parameters that it takes
  handler handle;
};

std::span<const route> status_routes();
std::span<const route> region_routes();
std::span<const route> message_routes();
std::span<const route> admin_routes();
std::span<const route> event_routes();

// -- what the groups share ----------------------------------------------------

api_answer to_answer(const api_error& error);

/// A number from a query parameter, all digits.
result<std::uint64_t> parse_number(std::string_view name,
                                   std::string_view text);

/// `true` or `1`, `false` or `0`.
result<bool> parse_flag(std::string_view name, std::string_view text);

/// How long a message may take; nothing asked for: the default.
result<std::chrono::milliseconds> parse_timeout(const api_limits& limits,
                                                std::string_view name,
                                                std::string_view text);

/// The partition or key of a message, checked against its region.
result<target> parse_target(const api_call& call, const std::string& region);

} // namespace troupe::http
