#include <troupe/cluster/bootstrap/types.hpp>

namespace troupe::boot {

std::string_view to_string(refusal_code x) {
  switch (x) {
  case refusal_code::bad_config:
    return "bad_config";
  case refusal_code::bad_founding_set:
    return "bad_founding_set";
  case refusal_code::name_in_use:
    return "name_in_use";
  case refusal_code::copied_data_directory:
    return "copied_data_directory";
  case refusal_code::protocol_mismatch:
    return "protocol_mismatch";
  case refusal_code::removed_member:
    return "removed_member";
  case refusal_code::other_cluster:
    return "other_cluster";
  }
  return "unknown";
}

std::string_view to_string(ignored_reason x) {
  switch (x) {
  case ignored_reason::malformed:
    return "malformed";
  case ignored_reason::contradictory:
    return "contradictory";
  case ignored_reason::unexpected:
    return "unexpected";
  case ignored_reason::foreign:
    return "foreign";
  case ignored_reason::over:
    return "over";
  }
  return "unknown";
}

} // namespace troupe::boot
