#pragma once

#include <troupe/runtime/http/api_error.hpp>

#include <map>
#include <string>
#include <string_view>

namespace troupe::http {

/// The members of one JSON object, each as the text it was written as. Views
/// into the body.
using json_members = std::map<std::string, std::string_view>;

/// How deep objects and arrays may nest.
inline constexpr int json_depth_max = 64;

/// Checks a body and splits it into its members. Values are not built: what a
/// body costs is its own size, however it nests, and numbers keep their digits.
///
/// Errors: `invalid_json` with the place; `malformed` when it is no object,
///         nests deeper than `json_depth_max`, or names a member twice.
result<json_members> split_json_object(std::string_view body);

/// The value of a member that is to be a string and not empty.
result<std::string> json_string(const json_members& members, const char* name);

} // namespace troupe::http
