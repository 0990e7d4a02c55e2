#include <troupe/cluster/map/error.hpp>

namespace troupe {

std::string_view to_string(errc code) {
  switch (code) {
  case errc::none:
    return "none";
  case errc::malformed_message:
    return "malformed_message";
  case errc::unknown_region:
    return "unknown_region";
  case errc::unknown_type:
    return "unknown_type";
  case errc::partition_out_of_range:
    return "partition_out_of_range";
  case errc::key_too_long:
    return "key_too_long";
  case errc::message_too_large:
    return "message_too_large";
  case errc::overloaded:
    return "overloaded";
  case errc::expired:
    return "expired";
  case errc::no_owner:
    return "no_owner";
  case errc::no_quorum:
    return "no_quorum";
  case errc::moved:
    return "moved";
  case errc::outcome_unknown:
    return "outcome_unknown";
  case errc::hop_limit:
    return "hop_limit";
  case errc::not_leader:
    return "not_leader";
  case errc::conflict:
    return "conflict";
  case errc::unknown_node:
    return "unknown_node";
  case errc::stopping:
    return "stopping";
  case errc::quarantined:
    return "quarantined";
  case errc::handler_failed:
    return "handler_failed";
  case errc::not_owner:
    return "not_owner";
  case errc::invalid_setting:
    return "invalid_setting";
  case errc::data_directory:
    return "data_directory";
  case errc::address_in_use:
    return "address_in_use";
  case errc::foreign_node:
    return "foreign_node";
  case errc::overrun:
    return "overrun";
  case errc::wrong_state:
    return "wrong_state";
  }
  return "unknown_error";
}

} // namespace troupe
