// Plans as text: what a failure prints, and what replays it.
#include "plan.hpp"

#include <algorithm>
#include <array>
#include <iomanip>
#include <sstream>
#include <string_view>

namespace troupe::sim {

namespace {

constexpr std::array deed_names{
    "move",      "rebalance",      "join",
    "leave",     "restart",        "crash",
    "pause",     "isolate",        "cut",
    "rain",      "slow_disk",      "slow_handlers",
    "wall_jump", "failing_starts", "drain_and_back",
    "deaf",      "dying_actors",   "hanging_handler",
    "garbage",   "wipe",           "full_disk",
    "flap",      "rolling",
};
static_assert(deed_names.size() == static_cast<std::size_t>(deed::rolling) + 1);

constexpr std::array policy_names{"wait", "fence", "exit"};

template <class Names>
bool read_name(std::istream& in, const Names& names, auto& to) {
  std::string name;
  in >> name;
  auto i = std::find(names.begin(), names.end(), std::string_view{name});
  if (i == names.end())
    return false;
  to = static_cast<std::remove_reference_t<decltype(to)>>(i - names.begin());
  return true;
}

// In milliseconds, to the nanosecond.
std::string in_ms(boot_time x) {
  std::ostringstream out;
  out << x.count() / 1'000'000 << '.' << std::setw(6) << std::setfill('0')
      << x.count() % 1'000'000;
  return out.str();
}

bool read_ms(std::istream& in, boot_time& to) {
  std::int64_t ms = 0;
  std::string rest;
  if (!(in >> ms) || in.get() != '.' || !(in >> rest) || rest.size() != 6
      || rest.find_first_not_of("0123456789") != rest.npos)
    return false;
  to = boot_time{ms * 1'000'000 + std::stoll(rest)};
  return true;
}

bool read_line(const std::string& line, plan& to) {
  std::istringstream in{line};
  std::string what;
  in >> what;
  if (what.empty() || what.front() == '#')
    return true;
  if (what == "strict" || what == "faulty") {
    to.strict = what == "strict";
    in >> what >> to.seed;
  } else if (what == "nodes") {
    in >> to.nodes;
  } else if (what == "partitions") {
    for (std::uint32_t n = 0; in >> n;)
      to.partitions.push_back(n);
    return in.eof() && !to.partitions.empty();
  } else if (what == "keep_running") {
    to.keep_running = true;
  } else if (what == "overrun") {
    return read_name(in, policy_names, to.overrun);
  } else if (what == "clock_error_ppm") {
    in >> to.clock_error_ppm;
  } else if (what == "length") {
    return read_ms(in, to.length);
  } else if (what == "send_every") {
    return read_ms(in, to.send_every);
  } else if (what == "senders") {
    in >> to.senders;
  } else if (what == "patience") {
    return read_ms(in, to.patience);
  } else if (what == "hold_max") {
    in >> to.hold_max;
  } else if (what == "at") {
    auto& d = to.deeds.emplace_back();
    return read_ms(in, d.at) && read_name(in, deed_names, d.what)
           && in >> d.who >> d.whom && read_ms(in, d.span);
  } else {
    return false;
  }
  return !in.fail();
}

} // namespace

std::string to_string(const plan& x) {
  std::ostringstream out;
  out << (x.strict ? "strict" : "faulty") << " seed " << x.seed << '\n'
      << "nodes " << x.nodes << "\npartitions";
  for (auto n : x.partitions)
    out << ' ' << n;
  out << '\n';
  if (x.keep_running)
    out << "keep_running\n";
  out << "overrun " << policy_names[static_cast<std::size_t>(x.overrun)]
      << "\nclock_error_ppm " << x.clock_error_ppm << "\nlength "
      << in_ms(x.length) << "\nsend_every " << in_ms(x.send_every)
      << "\nsenders " << x.senders << "\npatience " << in_ms(x.patience)
      << "\nhold_max " << x.hold_max << "\n# ms, what, who, whom, ms\n";
  for (auto& d : x.deeds)
    out << "at " << in_ms(d.at) << ' '
        << deed_names[static_cast<std::size_t>(d.what)] << ' ' << d.who << ' '
        << d.whom << ' ' << in_ms(d.span) << '\n';
  return out.str();
}

std::optional<plan> read_plan(const std::string& text) {
  plan out;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    if (!read_line(line, out))
      return std::nullopt;
  bool sound = out.nodes > 0 && out.senders > 0 && !out.partitions.empty()
               && out.length > boot_time{0} && out.send_every > boot_time{0};
  return sound ? std::optional{out} : std::nullopt;
}

} // namespace troupe::sim
