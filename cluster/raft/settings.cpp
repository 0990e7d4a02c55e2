#include <troupe/cluster/raft/settings.hpp>

#include <troupe/cluster/raft/configuration_changer.hpp>

namespace troupe::raft {

namespace {

std::string flaw_of(const settings& cfg) {
  if (!cfg.self)
    return "self is 0: give the member a number from 1 on";
  if (cfg.heartbeat_ticks == 0)
    return "heartbeat_ticks is 0: make it at least 1";
  if (cfg.election_ticks <= cfg.heartbeat_ticks)
    return "election_ticks must be above heartbeat_ticks: raise it";
  if (cfg.election_ticks > 1 << 20)
    return "election_ticks is above 2^20: make ticks longer instead";
  if (cfg.priority < -1024 || cfg.priority > 1024)
    return "priority must lie between -1024 and 1024";
  if (cfg.inflight_max == 0)
    return "inflight_max is 0: allow at least one append";
  if (cfg.lease_reads && !cfg.check_quorum)
    return "lease_reads needs check_quorum: turn it on";
  return {};
}

std::string flaw_of(const recovered& disk) {
  if (bool(disk.snapshot.index) != bool(disk.snapshot.term))
    return "the snapshot has an index or a term, not both: restore the disk";
  if (!is_sound(disk.snapshot.conf))
    return "the snapshot's configuration contradicts itself: restore the disk";
  auto last = disk.snapshot.index;
  auto term = disk.snapshot.term;
  for (auto& x : disk.log) {
    if (x.index.value != last.value + 1 || x.term < term || !x.term)
      return "the log is broken behind entry " + std::to_string(last.value)
             + ": wipe this member and add it under a new number";
    last = x.index;
    term = x.term;
  }
  if (disk.hard.commit > last)
    return "the log on the disk ends below its commit index: wipe this member "
           "and add it under a new number";
  if (!disk.log.empty() && disk.hard.term < term)
    return "the term on the disk is older than the log's: wipe this member and "
           "add it under a new number";
  return {};
}

} // namespace

std::string find_flaw(const settings& cfg, const recovered& disk) {
  auto out = flaw_of(cfg);
  return out.empty() ? flaw_of(disk) : out;
}

} // namespace troupe::raft
