#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <troupe/cluster/group/effects.hpp>
#include <troupe/cluster/group/entry_codec.hpp>
#include <troupe/cluster/group/lease_clock.hpp>
#include <troupe/cluster/group/own_batches.hpp>
#include <troupe/cluster/group/settings.hpp>
#include <troupe/cluster/group/snapshot_stream.hpp>
#include <troupe/cluster/raft/core.hpp>

namespace troupe::raft {

/// How fresh a read must be.
enum class read_mode : std::uint8_t {
  /// All that was acknowledged before it: one round trip to a majority, shared
  /// by all reads that wait for it.
  linearizable,
  /// The same, without a round trip while this member leads and its clock
  /// vouches for that.
  lease,
  /// What this member has, however old.
  local,
};

struct group_config {
  member_id self;
  std::uint64_t boot = 0; // random, one per start
  std::uint64_t seed = 0;
  group_settings settings;
};

/// All that one member of a replicated state machine decides, without any I/O:
/// the raft core, what was proposed and read here and has no end yet, who is to
/// be a member, snapshots on their way, the leader's lease.
///
/// View:       cluster; owned by a shell or by a simulation.
/// In:         ticks, frames of other members, what became of effects, wishes
///             of users; time as CLOCK_BOOTTIME, read after what it goes with.
/// Out:        effects, to be performed in order.
/// Invariants: [INV-GROUP-1..6] in README.md.
/// Errors:     malformed frames are counted and ignored; wishes end in a code.
/// Threads:    none of its own; one at a time.
class group_core {
public:
  /// `members` is what the snapshot on disk says.
  group_core(group_config config, recovered disk, roster members,
             boot_time now);

  // -- time and the network ---------------------------------------------------

  /// At least each `settings.tick`.
  void tick(boot_time now);
  void receive(boot_time now, member_id from, group_frame kind,
               std::string_view bytes);
  void unreachable(member_id peer) { raft_.unreachable(peer); }
  /// The data directory that answers as this member.
  void met(member_id peer, std::string uuid);

  // -- what became of effects -------------------------------------------------

  void persisted(std::uint64_t batch);
  void applied(log_index upto);
  void restored(const snapshot_meta& meta, roster members);
  void snapshot_saved(boot_time now, const snapshot_meta& meta);
  void snapshot_failed(boot_time now);
  /// `size` of the whole. Without bytes: it cannot be read.
  void chunk_read(const read_chunk& what, snapshot_size size,
                  std::optional<std::string> bytes);
  /// All before `next` is written; `complete`: and durable. Nothing: the piece
  /// did not fit.
  struct stored {
    std::uint64_t next = 0;
    bool complete = false;
  };
  void chunk_stored(member_id from, const snapshot_meta& meta,
                    std::optional<stored> what);

  // -- users ------------------------------------------------------------------

  /// Ends in `apply_commands` with this number, or in `batch_failed`.
  std::uint64_t propose(boot_time now, const command_buffer& commands);
  /// Ends in `reads_ready` or `read_failed`.
  std::uint64_t read(boot_time now, read_mode how);
  /// Ends in `wish_ended`: with `until_in_force`, once the configuration is as
  /// wished; else once the group agreed.
  std::uint64_t wish(boot_time now, const proto::GroupMemberCommand& what,
                     bool until_in_force);
  /// Hands leadership over, if this member has it; none: to whom it sees fit.
  /// Ends in `wish_ended`.
  std::uint64_t transfer(boot_time now, member_id to);
  /// All that is pending ends.
  void stop();

  std::vector<group_effect> take(boot_time now);
  /// Nothing else is at hand: what was committed is told without an append to
  /// take it along. Then `take` again.
  void push_commit() { raft_.push_commit(); }

  // -- what it knows ----------------------------------------------------------

  const raft::leadership& leadership() const { return leadership_; }
  const roster& members() const { return roster_; }
  const configuration& conf() const { return raft_.conf(); }
  log_index applied_index() const { return applied_; }
  bool lease_holds(boot_time now) const;
  const group_config& config() const { return config_; }
  std::uint64_t malformed() const { return malformed_; }
  const core& raft() const { return raft_; }

private:
  struct pending_read {
    read_mode how{};
    boot_time deadline;
    bool asked = false;
  };
  struct pending_wish {
    proto::GroupMemberCommand what;
    bool until_in_force = false;
    bool agreed = false;
    member_id member{};
    boot_time deadline;
  };
  struct pending_transfer {
    std::uint64_t number;
    raft::term term;
    boot_time deadline;
  };

  void emit(group_effect x) { effects_.push_back(std::move(x)); }
  void pump(boot_time now);
  void drain(boot_time now);
  void lead(const raft::leadership& next);
  void send(member_id to, group_frame kind, std::string bytes);
  void send_raft(const message& msg);
  void release();
  void give_out(std::vector<entry> entries);
  void on_entry(const entry& x, const payload& bytes, apply_commands& to);
  void member_command(const proto::GroupMemberCommand& what, bool own,
                      std::uint64_t number);

  // group_core_wishes.cpp: of users, and the leader's own.
  std::uint64_t add_batch(boot_time now, payload entry);
  std::uint64_t propose_own(boot_time now, proto::GroupMemberCommand what);
  void propose_held();
  void end_batches();
  void ask_reads(boot_time now);
  void answer_reads(const std::vector<read_answer>& answers);
  void serve_reads();
  void fail_read(std::uint64_t number, group_code why);
  void check_wishes(boot_time now);
  bool in_force(const pending_wish& x) const;
  void end_wish(std::uint64_t number, group_code why, member_id who);
  void manage_members(boot_time now);
  std::optional<member_change> next_change();
  void check_transfer(boot_time now);
  member_id best_successor() const;

  // group_core_snapshots.cpp
  void snapshot_if_due(boot_time now);
  void stream_snapshots(boot_time now);
  void on_chunk(boot_time now, member_id from, std::string_view bytes);
  void on_chunk_taken(boot_time now, member_id from, std::string_view bytes);

  group_config config_;
  core raft_;
  roster roster_;
  raft::leadership leadership_;
  lease_clock lease_;
  boot_time last_tick_;

  log_index given_; // to the state machine, or needing nothing of it
  term given_term_;
  log_index applied_; // by it
  log_index unseen_;  // snapshots jumped up to here

  std::deque<std::pair<std::uint64_t, std::vector<message>>> waiting_;
  std::uint64_t written_ = 0; // newest batch that is durable
  std::uint64_t told_ = 0;    // of those, what the core knows
  std::optional<std::pair<std::uint64_t, snapshot_meta>> installing_;
  bool restoring_ = false;

  own_batches batches_;
  std::map<std::uint64_t, pending_read> reads_;
  std::vector<std::pair<log_index, std::uint64_t>> reads_waiting_; // to apply
  std::uint64_t next_read_ = 1;
  std::map<std::uint64_t, pending_wish> wishes_; // by batch
  std::optional<pending_transfer> transfer_;
  std::uint64_t next_transfer_ = std::uint64_t{1} << 63; // apart from batches

  std::map<member_id, std::string> met_;
  std::uint64_t managing_ = 0; // own batch about members, under way
  snapshot_stream stream_;
  bool saving_ = false;
  boot_time saved_at_{0};     // or tried
  std::uint64_t changes_ = 0; // commands given out since the last snapshot
  std::uint64_t changes_saving_ = 0; // of the one that is being taken
  bool storing_ = false;
  std::optional<snapshot_meta> received_; // complete, durable

  bool left_ = false;
  bool members_changed_ = false;
  std::uint64_t malformed_ = 0;
  std::vector<group_effect> effects_;
};

} // namespace troupe::raft
