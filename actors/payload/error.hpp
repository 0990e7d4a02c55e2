#pragma once

#include <string>
#include <variant>

namespace troupe {

enum class payload_error_kind {
  /// The name belongs to no type that this process knows.
  unknown_type,
  /// The bytes are not what a writer of the same format produces.
  malformed,
  /// The value cannot travel; the text says what to do instead.
  unsupported_type,
  /// More elements, a longer name or more bytes than the format allows.
  too_large,
};

/// Why a payload was not written or read: a refusal for the sender, the peer
/// or the user to act on, never a bug of ours.
struct payload_error {
  payload_error_kind kind;
  std::string text;
};

template <class T>
using payload_result = std::variant<T, payload_error>;

} // namespace troupe
