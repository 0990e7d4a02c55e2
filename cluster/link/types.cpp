#include <troupe/cluster/link/types.hpp>

namespace troupe::link {

std::string to_hex(const bytes16& x) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result;
  result.reserve(2 * x.size());
  for (auto byte : x) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

std::string_view to_string(send_result x) {
  switch (x) {
  case send_result::accepted:
    return "accepted";
  case send_result::overloaded:
    return "overloaded";
  case send_result::unknown_peer:
    return "unknown peer";
  case send_result::too_large:
    return "too large";
  case send_result::rejected:
    return "rejected";
  case send_result::not_connected:
    return "not connected";
  case send_result::stopped:
    return "stopped";
  }
  return "?";
}

std::string_view to_string(refusal_code x) {
  switch (x) {
  case refusal_code::protocol:
    return "protocol";
  case refusal_code::cluster:
    return "cluster";
  case refusal_code::wrong_node:
    return "wrong node";
  case refusal_code::own_address:
    return "own address";
  case refusal_code::stale_incarnation:
    return "stale incarnation";
  case refusal_code::same_incarnation:
    return "same incarnation";
  case refusal_code::stale_hello:
    return "stale hello";
  case refusal_code::superseded:
    return "superseded";
  case refusal_code::session_over:
    return "session over";
  case refusal_code::not_ready:
    return "not ready";
  case refusal_code::owner:
    return "owner";
  case refusal_code::unreachable:
    return "unreachable";
  case refusal_code::timed_out:
    return "timed out";
  case refusal_code::overloaded:
    return "overloaded";
  case refusal_code::too_large:
    return "too large";
  case refusal_code::malformed:
    return "malformed";
  case refusal_code::stopped:
    return "stopped";
  }
  return "?";
}

std::string_view to_string(malformed_reason x) {
  switch (x) {
  case malformed_reason::magic:
    return "magic";
  case malformed_reason::length:
    return "length";
  case malformed_reason::type:
    return "type";
  case malformed_reason::flags:
    return "flags";
  case malformed_reason::handshake:
    return "handshake";
  case malformed_reason::order:
    return "order";
  case malformed_reason::sequence:
    return "sequence";
  case malformed_reason::fragment:
    return "fragment";
  case malformed_reason::oversized:
    return "oversized";
  case malformed_reason::ack:
    return "ack";
  }
  return "?";
}

std::string_view to_string(close_reason x) {
  switch (x) {
  case close_reason::lost:
    return "lost";
  case close_reason::silent:
    return "silent";
  case close_reason::malformed:
    return "malformed";
  case close_reason::replaced:
    return "replaced";
  case close_reason::goodbye:
    return "goodbye";
  case close_reason::ended:
    return "ended";
  case close_reason::stopped:
    return "stopped";
  }
  return "?";
}

std::string_view to_string(end_reason x) {
  switch (x) {
  case end_reason::dropped:
    return "dropped";
  case end_reason::new_incarnation:
    return "new incarnation";
  case end_reason::peer_forgot:
    return "peer forgot";
  case end_reason::goodbye:
    return "goodbye";
  case end_reason::stopped:
    return "stopped";
  }
  return "?";
}

} // namespace troupe::link
