#include <troupe/cluster/group/settings.hpp>

#include <algorithm>

namespace troupe::raft {

std::string find_flaw(const group_settings& x) {
  if (x.tick <= boot_time{0})
    return "tick must be above 0";
  if (x.heartbeat < x.tick)
    return "heartbeat must not be below tick";
  if (x.election < 2 * x.heartbeat || x.election < 4 * x.tick)
    return "election must be at least twice the heartbeat and 4 ticks";
  if (x.clock_error_percent >= 100)
    return "clock_error_percent must be below 100";
  if (x.voters_min == 0)
    return "voters_min must be at least 1";
  if (x.members_max != 0 && x.members_max < x.voters_min)
    return "members_max must not be below voters_min";
  if (x.command_bytes_max == 0 || x.command_bytes_max > (8u << 20))
    return "command_bytes_max must be from 1 byte to 8 MiB";
  if (x.batch_bytes_max == 0 || x.batch_bytes_max > (4u << 20))
    return "batch_bytes_max must be from 1 byte to 4 MiB";
  if (x.pending_bytes_max < x.command_bytes_max)
    return "pending_bytes_max must not be below command_bytes_max";
  if (x.pending_reads_max == 0)
    return "pending_reads_max must be at least 1";
  if (x.chunk_bytes == 0 || x.chunk_bytes > (8u << 20))
    return "chunk_bytes must be from 1 byte to 8 MiB";
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
  out.priority = x.priority;
  out.lease_reads = true;
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
