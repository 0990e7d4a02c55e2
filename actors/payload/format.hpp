#pragma once

#include <cstdint>

namespace troupe {

/// What the first byte of an encoded element says. Numbers are not reused.
enum class element_kind : std::uint8_t {
  protobuf = 1,
  builtin = 2,
  registered = 3,
  error = 4,
  message = 5,
};

/// How deep messages may hold messages.
constexpr int nesting_max = 8;

} // namespace troupe
