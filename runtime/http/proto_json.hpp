#pragma once

#include <troupe/runtime/http/api_error.hpp>

#include <string>
#include <string_view>

namespace troupe::http {

/// A message in protobuf's JSON form becomes its bytes. The type is looked up
/// by its full name among those linked into the process.
///
/// Errors: `unknown_type`; `wrong_message` with protobuf's own complaint.
result<std::string> proto_from_json(const std::string& type,
                                    std::string_view json);

/// The reverse. Fields at their defaults are written too.
///
/// Errors: `unknown_type`; `wrong_message` when the bytes do not parse.
result<std::string> proto_to_json(const std::string& type,
                                  std::string_view bytes);

} // namespace troupe::http
