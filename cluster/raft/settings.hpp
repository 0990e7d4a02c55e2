#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <troupe/cluster/raft/types.hpp>

namespace troupe::raft {

/// How one member behaves. Times are in ticks, which the driver makes.
struct settings {
  member_id self{};
  /// Seeds the draws of election timeouts and the numbers of forwarded
  /// requests: must differ between members and between starts of one member.
  std::uint64_t seed = 0;

  std::uint32_t election_ticks = 10; // drawn anew from [this, 2 x this)
  std::uint32_t heartbeat_ticks = 1;
  /// A leader whose disk ends no batch for so many ticks stops leading: its
  /// beats would hold off those whose disks work. 0: never.
  std::uint32_t disk_ticks_max = 0;
  /// Below 0: waits so many times election_ticks longer before it campaigns.
  /// Above 0: the random part of its timeout is divided by 1 + priority.
  std::int32_t priority = 0;

  bool pre_vote = true;
  bool check_quorum = true;
  bool step_down_on_removal = true;
  /// Follower: pass proposals on to the leader; else refuse with not_leader.
  bool forward_proposals = true;
  /// The driver serves reads by `core::lease_index`: what would break a lease
  /// is refused, and a restarted voter keeps its vote for election_ticks.
  bool lease_reads = false;
  /// Refuse a change at once that cannot be applied to what holds now.
  bool validate_changes = true;
  /// Do no more than etcd's core does, to be held against it: see "Beyond
  /// etcd's core" in README.md.
  bool as_etcd = false;
  /// false: `committed` holds only what `persisted` has reported. true: also
  /// what `persist` of the same output holds; the driver then writes before it
  /// applies, and calls `persisted` before `applied`.
  bool apply_with_batch = false;

  /// Appends leave at `take`, so that what was proposed since the last one
  /// shares a message. false: each proposal has its own.
  bool batch_appends = true;
  /// A new commit index travels on the next append; `core::push_commit` tells
  /// those whom none took it to. false: it leaves at once.
  bool commit_rides = false;

  std::size_t voters_min = 1;  // no campaign while fewer voters are known
  std::size_t members_max = 0; // changes beyond are refused; 0: no limit

  std::size_t command_bytes_max = 8 << 20;      // 0: no limit
  std::size_t append_bytes_max = 1 << 20;       // 0: one entry a message
  std::size_t inflight_max = 256;               // appends a follower, not bytes
  std::size_t inflight_bytes_max = 16 << 20;    // 0: no limit
  std::size_t uncommitted_bytes_max = 64 << 20; // 0: no limit
  std::size_t applying_bytes_max = 4 << 20;     // given out, not yet applied
  std::size_t pending_reads_max = 1 << 16;
  std::size_t pending_forwards_max = 4096;
  std::size_t log_tail = 1024; // entries kept below a snapshot for followers
};

/// The first flaw of what a member is to start with, as a sentence that names
/// the next step; empty: sound. The core must not be made of a flawed pair.
std::string find_flaw(const settings& cfg, const recovered& disk);

} // namespace troupe::raft
