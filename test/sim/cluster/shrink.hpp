#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "plan.hpp"

namespace troupe::sim {

/// What kind of failure it is: the text without its numbers, names of nodes and
/// what follows the first line. Empty: none.
std::string kind_of(const std::string& broken);

/// Performs the plan in a process of its own: what it breaks, or the last that
/// it said if it ended by a signal.
std::string perform_apart(const plan& what);

struct shrunk {
  plan smallest;
  std::string broken; // by it
  std::size_t runs = 0;
};

/// Cuts a plan that fails down: fewer deeds, then fewer of everything else, as
/// long as it fails in the same kind. Which partition or message it hits hangs
/// on chance, so each smaller plan has a few seeds to fail with.
///
/// In:  `run` performs a plan and says what it breaks; `more` whether there is
///      time for another run.
/// Out: a plan that fails in the kind of the first; the first itself if nothing
///      can go.
shrunk shrink(const plan& from,
              const std::function<std::string(const plan&)>& run,
              const std::function<bool()>& more);

} // namespace troupe::sim
