#include "plan.hpp"

#include <troupe/cluster/raft/random.hpp>

namespace troupe::sim {

group_plan plan_of(std::uint64_t seed) {
  using namespace std::chrono_literals;
  raft::random_engine luck{seed * 7919 + 13};
  group_plan out;
  out.seed = seed;
  constexpr std::size_t sizes[] = {1, 2, 3, 3, 3, 3, 4, 5};
  out.voters = sizes[luck.below(8)];
  out.learners = luck.below(3) == 0 ? 1 : 0;
  out.spares = luck.below(3);
  auto& cfg = out.settings;
  cfg.tick = 10ms;
  cfg.heartbeat = 20ms;
  cfg.election = 100ms;
  cfg.propose_timeout = 600ms;
  cfg.read_timeout = 600ms;
  cfg.leader_wait = 300ms;
  cfg.member_timeout = 1500ms;
  cfg.log_tail = luck.below(20);
  cfg.chunk_bytes = 16 + luck.below(100);
  switch (luck.below(4)) {
  case 0:
    cfg.snapshots = raft::snapshot_policy::never();
    break;
  case 1:
    cfg.snapshots = raft::snapshot_policy::every(300ms);
    break;
  default:
    cfg.snapshots = raft::snapshot_policy::every_changes(3 + luck.below(30));
  }
  out.compress = luck.below(2) == 0;
  out.loss = static_cast<std::uint32_t>(luck.below(4) * luck.below(30));
  out.delay = luck.below(4) == 0 ? 30ms : 2ms;
  out.disk = luck.below(4) == 0 ? 20ms : 1ms;
  out.fault_every = 50ms + 50ms * static_cast<int>(luck.below(8));
  auto part = [&](std::uint64_t most) {
    return static_cast<std::uint32_t>(luck.below(most + 1));
  };
  out.crashes = part(4);
  out.kills = part(2);
  out.pauses = part(4);
  out.cuts = part(5);
  out.disk_faults = part(1);
  out.membership = part(3);
  out.transfers = part(2);
  return out;
}

} // namespace troupe::sim
