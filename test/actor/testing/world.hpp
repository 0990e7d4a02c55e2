#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <test/catch.hpp>

#include <troupe/testing.hpp>

namespace troupe::test {

using namespace std::chrono_literals;
using troupe::testing::cluster;

/// Asks a logger for all of it.
inline constexpr auto whole = caf::atom("whole");

struct log_state {
  std::string lines;
};

/// Appends what it is told, and saves it.
inline caf::behavior logger(stateful_partition<log_state>* self) {
  self->on_save([=] { return self->state.lines; });
  self->on_load([=](std::string_view bytes) { self->state.lines = bytes; });
  return {
      [=](const std::string&, int x) {
        self->state.lines += std::to_string(x) + " ";
      },
      [=](const std::string&, caf::atom_value) { return self->state.lines; },
  };
}

struct point {
  int x = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, point& p) {
  return f(p.x);
}

} // namespace troupe::test
