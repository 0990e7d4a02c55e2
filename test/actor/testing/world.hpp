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

/// All that was accepted is accounted for. [INV-STREAM-6]
inline void check_books(cluster& c) {
  c.settle();
  c.run_for(250ms); // two reports
  for (std::size_t i = 0; i < c.size(); ++i)
    if (c.running(i)) {
      INFO("node " << i);
      CHECK(c.books(i).under_way() == 0);
    }
}

struct point {
  int x = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, point& p) {
  return f(p.x);
}

} // namespace troupe::test
