#pragma once

#include <cstdint>
#include <string>

namespace troupe {

/// Why a type that CAF has built in does not travel, null if it does.
const char* why_it_stays(std::uint16_t type_nr);

/// CAF's name for a builtin type.
std::string builtin_name(std::uint16_t type_nr);

/// Whether CAF has a type of this number.
bool is_builtin(std::uint64_t type_nr);

} // namespace troupe
