#pragma once

#include <chrono>
#include <functional>

namespace troupe::chaos {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Looks until `check` holds, some milliseconds between two looks. False: it
/// did not hold within the limit.
bool eventually(milliseconds limit, const std::function<bool()>& check);

/// Since `from`, in milliseconds.
double ms_since(clock::time_point from);

/// A measured figure, for whoever reads the test's output.
void measured(const char* what, double value, const char* unit);

} // namespace troupe::chaos
