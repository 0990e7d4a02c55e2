#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "world.hpp"

namespace troupe::sim {

enum class deed : std::uint8_t {
  move,
  rebalance,
  join,
  leave,
  restart, // announced
  crash,
  pause,
  isolate,
  cut,  // one way
  rain, // loss and delay for everybody
  slow_disk,
  slow_handlers,
  wall_jump,
  failing_starts,
  drain_and_back,
  deaf, // nothing of the log reaches it; all else does
  dying_actors,
  hanging_handler,
  garbage,
  wipe,      // the machine is lost with its disk, and comes back as a new one
  full_disk, // the process ends at its next write, and again at each start
  flap,      // two nodes lose and find each other, again and again
  rolling,   // an announced restart of all, one after another
};

/// One thing that happens to the cluster, and for how long.
struct planned_deed {
  boot_time at;
  deed what;
  std::uint64_t who = 0; // drawn; which node it is depends on who lives
  std::uint64_t whom = 0;
  boot_time span{0};
  friend bool operator==(const planned_deed&, const planned_deed&) = default;
};

/// All of one run: equal plans run alike. What it does not say is drawn from
/// the seed while it runs.
struct plan {
  std::uint64_t seed = 0;
  unsigned nodes = 3;
  bool strict = false;
  std::vector<std::uint32_t> partitions; // of each region
  bool keep_running = false;             // the regions
  overrun_policy overrun = overrun_policy::wait;
  std::int64_t clock_error_ppm = 100;
  boot_time length{0};
  boot_time send_every{0};
  unsigned senders = 1;  // per node
  boot_time patience{0}; // of a message; 0: it has no deadline
  std::size_t hold_max = 4096;
  std::vector<planned_deed> deeds;
  friend bool operator==(const plan&, const plan&) = default;
};

/// Strict: only what must lose nothing. Else: faults too. `length` zero: a few
/// seconds; otherwise five nodes for so long.
plan draw_plan(std::uint64_t seed, bool strict, boot_time length = {});

/// A plan as text, a line for each value that is set and each deed, and back.
/// Lines that begin with '#' are for people. None: it is no plan.
std::string to_string(const plan& x);
std::optional<plan> read_plan(const std::string& text);

struct outcome {
  std::string broken; // empty: all held
  std::uint64_t trace = 0;
  registry::counters count;
};

/// Runs the plan, heals everything, and waits for calm.
outcome perform(const plan& what);

} // namespace troupe::sim
