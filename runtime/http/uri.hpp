#pragma once

#include <troupe/runtime/http/api_error.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::http {

/// Where a request goes, decoded.
struct uri {
  std::vector<std::string> path; // segments; none for "/"
  std::map<std::string, std::string> query;
};

/// Replaces each %XX. A `+` stays a plus sign.
result<std::string> percent_decode(std::string_view text);

/// The reverse: everything but letters, digits and `-._~` becomes %XX.
std::string percent_encode(std::string_view text);

/// Takes `/path?query` apart. Segments are split before they are decoded, so a
/// name may hold a slash as %2F.
result<uri> parse_uri(std::string_view text);

} // namespace troupe::http
