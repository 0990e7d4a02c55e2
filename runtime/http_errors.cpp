#include <troupe/runtime/http_errors.hpp>

#include <caf/actor_system.hpp>

#include <troupe/actors/error.hpp>

namespace troupe {

http::api_errc to_api(errc code) {
  switch (code) {
  case errc::unknown_region:
    return http::api_errc::unknown_region;
  case errc::unknown_node:
    return http::api_errc::unknown_node;
  case errc::unknown_type:
    return http::api_errc::unknown_type;
  case errc::partition_out_of_range:
    return http::api_errc::partition_out_of_range;
  case errc::key_too_long:
    return http::api_errc::key_too_large;
  case errc::message_too_large:
    return http::api_errc::body_too_large;
  case errc::overloaded:
    return http::api_errc::overloaded;
  case errc::expired:
    return http::api_errc::deadline;
  case errc::no_owner:
  case errc::quarantined:
  case errc::moved:
    return http::api_errc::no_owner;
  case errc::no_quorum:
  case errc::not_leader:
    return http::api_errc::no_quorum;
  case errc::outcome_unknown:
    return http::api_errc::outcome_unknown;
  case errc::stopping:
  case errc::wrong_state:
    return http::api_errc::stopping;
  case errc::handler_failed:
    return http::api_errc::handler_failed;
  default:
    return http::api_errc::refused;
  }
}

http::api_error to_api(const caf::error& err, caf::actor_system& sys) {
  auto code = code_of(err);
  if (code == errc::none)
    return {http::api_errc::handler_failed, sys.render(err), {}};
  auto text = text_of(err);
  return {to_api(code), text.empty() ? std::string{to_string(code)} : text, {}};
}

http::api_error to_api(const proto::CommandReply& reply) {
  return {to_api(static_cast<errc>(reply.code())), reply.detail(),
          reply.hint()};
}

} // namespace troupe
