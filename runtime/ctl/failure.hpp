#pragma once

#include <string>

namespace troupe::ctl {

/// What the process ends with; the numbers are part of the interface.
enum class exit_code {
  ok = 0,
  refused = 1,     // or failed, by the cluster
  usage = 2,       // by the caller
  unreachable = 3, // the node
  deadline = 4,
};

/// Ends a command. Thrown, as in all of this tool: the next step is always the
/// end of the process.
struct failure {
  exit_code code;
  std::string what; // one line
  std::string hint = {};
  std::string json = {}; // the node's own words; empty: it had none
};

} // namespace troupe::ctl
