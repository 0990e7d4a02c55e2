#pragma once

#include <span>
#include <string>
#include <string_view>

#include <troupe/cluster/group/settings.hpp>

namespace troupe::raft {

/// How one setting that is a number is read and written, and what it may be.
/// Times are numbers of nanoseconds, and of milliseconds for people.
struct settings_row {
  const char* name;
  const char* unit;
  std::int64_t min;
  std::int64_t max;
  std::int64_t (*get)(const group_settings&);
  void (*set)(group_settings&, std::int64_t);
  const char* description;
};

std::span<const settings_row> settings_rows();

/// A number of the row, as people write it: without its unit.
std::string to_string(const settings_row& row, std::int64_t value);

/// "it takes 1 to 10000 ms"
std::string range_of(const settings_row& row);

} // namespace troupe::raft
