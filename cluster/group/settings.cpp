#include <troupe/cluster/group/settings.hpp>

#include <algorithm>

#include <troupe/cluster/group/settings_rows.hpp>

namespace troupe::raft {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string in_ms(boot_time x) {
  return to_string(settings_rows().front(), x.count()) + " ms";
}

std::string in_bytes(std::size_t x) {
  return std::to_string(x) + " bytes";
}

} // namespace

group_settings group_settings::fast() {
  group_settings out;
  out.tick = milliseconds{5};
  out.heartbeat = milliseconds{15};
  out.election = milliseconds{100};
  return out;
}

group_settings group_settings::wan() {
  group_settings out;
  out.tick = milliseconds{100};
  out.heartbeat = milliseconds{300};
  out.election = seconds{2};
  out.leader_wait = seconds{10};
  out.propose_timeout = seconds{20};
  out.read_timeout = seconds{20};
  out.member_timeout = seconds{120};
  return out;
}

std::optional<group_settings> group_settings::preset(std::string_view name) {
  if (name == "normal")
    return group_settings{};
  if (name == "fast")
    return fast();
  if (name == "wan")
    return wan();
  return std::nullopt;
}

std::string find_flaw(const group_settings& x) {
  for (auto& row : settings_rows())
    if (auto value = row.get(x); value < row.min || value > row.max)
      return std::string{row.name} + " is " + to_string(row, value)
             + (*row.unit ? std::string{" "} + row.unit : "") + ": "
             + range_of(row);
  if (x.heartbeat < x.tick)
    return "heartbeat is " + in_ms(x.heartbeat) + ", below the tick of "
           + in_ms(x.tick) + ": make it one tick or more";
  if (auto least = std::max(2 * x.heartbeat, 4 * x.tick); x.election < least)
    return "election is " + in_ms(x.election) + ": make it at least "
           + in_ms(least) + ", which is two heartbeats and four ticks";
  if (x.members_max != 0 && x.members_max < x.voters_min)
    return "members_max is " + std::to_string(x.members_max)
           + ", below voters_min, which is " + std::to_string(x.voters_min)
           + ": raise it, or nobody is ever elected";
  if (x.pending_bytes_max < x.command_bytes_max)
    return "pending_bytes_max is " + in_bytes(x.pending_bytes_max)
           + ", below command_bytes_max of " + in_bytes(x.command_bytes_max)
           + ": raise it, or lower the other";
  return {};
}

settings core_settings(const group_settings& x, member_id self,
                       std::uint64_t seed) {
  settings out;
  out.self = self;
  out.seed = seed;
  out.election_ticks = static_cast<std::uint32_t>(x.election / x.tick);
  out.heartbeat_ticks = static_cast<std::uint32_t>(
      std::max<std::int64_t>(x.heartbeat / x.tick, 1));
  out.disk_ticks_max = static_cast<std::uint32_t>(
      (x.disk_timeout + x.tick - boot_time{1}) / x.tick);
  out.priority = x.priority;
  out.lease_reads = true;
  out.commit_rides = true;
  out.voters_min = x.voters_min;
  out.members_max = 0; // the roster counts
  out.command_bytes_max = 0;
  out.uncommitted_bytes_max = x.pending_bytes_max;
  out.log_tail = x.log_tail;
  return out;
}

boot_time lease_length(const group_settings& x) {
  // A follower counts whole ticks, and the first may come at once.
  auto ticks = x.election / x.tick - 1;
  return x.tick * ticks * (100 - x.clock_error_percent) / 100;
}

} // namespace troupe::raft
