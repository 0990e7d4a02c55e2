#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace troupe::http {

/// Why a request was refused or failed. The name of a code is what clients see
/// in `"error"`; its HTTP status stands beside it in api_error.cpp.
enum class api_errc {
  /// 400: the request is not what the route takes; see the detail.
  malformed,
  /// 400: the body is not valid JSON.
  invalid_json,
  /// 400: a query parameter is given twice.
  duplicate_parameter,
  /// 400: the route has no query parameter of that name.
  unknown_parameter,
  /// 400: a `%` that two hexadecimal digits do not follow.
  bad_percent_encoding,
  /// 400: neither a partition nor a key is given.
  missing_target,
  /// 400: both a partition and a key are given.
  ambiguous_target,
  /// 400: the partition is not a number.
  malformed_partition,
  /// 400: the JSON does not fit the message type.
  wrong_message,
  /// 403: a web page of another origin tries to give commands.
  cross_origin,
  /// 404: no such path.
  unknown_path,
  /// 404: no region of that name.
  unknown_region,
  /// 404: no node of that name.
  unknown_node,
  /// 404: no message type of that name is linked into the node.
  unknown_type,
  /// 404: the region has fewer partitions.
  partition_out_of_range,
  /// 405: the path does not take that method.
  method_not_allowed,
  /// 409: the cluster says no; the detail says why.
  refused,
  /// 409: the partition actor answered with an error of its own.
  handler_failed,
  /// 413: the key is over its limit.
  key_too_large,
  /// 413: the body is over its limit.
  body_too_large,
  /// 429: a queue is full; to be tried again later.
  overloaded,
  /// 431: the request line and headers are over their limit.
  header_too_large,
  /// 500: a bug of ours.
  internal,
  /// 503: the coordinator group has no leader that a quorum follows.
  no_quorum,
  /// 503: the partition has no running owner yet.
  no_owner,
  /// 503: the node is stopping.
  stopping,
  /// 503: all connections are taken.
  too_many_connections,
  /// 504: no answer in time, and the message was not processed.
  deadline,
  /// 504: the message may or may not have been processed.
  outcome_unknown,
};

/// All of them, in the order above, so that tests and tables can walk them.
inline constexpr int api_errc_count =
    static_cast<int>(api_errc::outcome_unknown) + 1;

/// The name in `"error"`, for example `unknown_region`.
std::string_view to_string(api_errc code);

/// The HTTP status, for example 404.
int status_of(api_errc code);

/// A refusal: what happened, with the values, and what to do next. An empty
/// hint is filled with the code's own.
struct api_error {
  api_errc code = api_errc::internal;
  std::string detail;
  std::string hint = {};
};

/// What to do next when an error of this code says nothing better.
std::string_view default_hint(api_errc code);

/// A value or a refusal.
template <class T>
class result {
public:
  result(T value) : x_(std::in_place_index<0>, std::move(value)) {}
  result(api_error error) : x_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return x_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() { return *std::get_if<0>(&x_); }
  const T& operator*() const { return *std::get_if<0>(&x_); }
  T* operator->() { return std::get_if<0>(&x_); }
  const T* operator->() const { return std::get_if<0>(&x_); }

  api_error& error() { return *std::get_if<1>(&x_); }
  const api_error& error() const { return *std::get_if<1>(&x_); }

private:
  std::variant<T, api_error> x_;
};

} // namespace troupe::http
