#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::ctl {

/// How a run of troupectl ended.
struct outcome {
  int code = -1; // exit code; -1: killed
  std::string out;
  std::string err;
};

struct run_options {
  std::vector<std::string> env = {}; // NAME=value; nothing else is passed on
  bool terminal = false;             // what standard output is
  std::function<void(const std::string&)> on_out = {}; // all of it until now
};

/// Runs troupectl with these arguments, and waits for its end.
outcome run(const std::vector<std::string>& args,
            const run_options& options = {});

} // namespace troupe::ctl
