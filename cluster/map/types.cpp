#include <troupe/cluster/map/types.hpp>

namespace troupe {

std::string_view to_string(stage x) {
  switch (x) {
  case stage::unassigned:
    return "unassigned";
  case stage::starting:
    return "starting";
  case stage::running:
    return "running";
  case stage::pausing:
    return "pausing";
  }
  return "?";
}

std::string_view to_string(liveness x) {
  switch (x) {
  case liveness::joining:
    return "joining";
  case liveness::up:
    return "up";
  case liveness::down:
    return "down";
  case liveness::left:
    return "left";
  case liveness::removed:
    return "removed";
  }
  return "?";
}

std::string_view to_string(intent x) {
  switch (x) {
  case intent::none:
    return "none";
  case intent::drain:
    return "drain";
  case intent::restart:
    return "restart";
  }
  return "?";
}

namespace {

std::string join(const std::vector<std::string>& xs) {
  std::string out = "[";
  for (auto& x : xs)
    out += (out.size() > 1 ? "," : "") + x;
  return out + "]";
}

std::string join(const std::map<std::string, std::string>& xs) {
  std::string out = "{";
  for (auto& [k, v] : xs)
    out += (out.size() > 1 ? "," : "") + k + "=" + v;
  return out + "}";
}

} // namespace

std::string_view to_string(overrun_policy x) {
  return x == overrun_policy::wait    ? "wait"
         : x == overrun_policy::fence ? "fence"
                                      : "exit";
}

std::string difference(const region_settings& mine,
                       const region_settings& theirs) {
  std::string out;
  auto compare = [&](const char* what, const std::string& a,
                     const std::string& b) {
    if (a != b)
      out += (out.empty() ? "" : "; ") + std::string{what} + ": " + a
             + " here, " + b + " in the cluster";
  };
  compare("partitions", std::to_string(mine.partitions),
          std::to_string(theirs.partitions));
  compare("strategy", mine.strategy, theirs.strategy);
  compare("strategy options", join(mine.strategy_options),
          join(theirs.strategy_options));
  compare("roles", join(mine.roles), join(theirs.roles));
  compare("keep_running", mine.keep_running ? "on" : "off",
          theirs.keep_running ? "on" : "off");
  compare("overrun", std::string{to_string(mine.overrun)},
          std::string{to_string(theirs.overrun)});
  return out;
}

} // namespace troupe
