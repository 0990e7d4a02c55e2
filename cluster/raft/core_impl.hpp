#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include <troupe/cluster/raft/apply_window.hpp>
#include <troupe/cluster/raft/core.hpp>
#include <troupe/cluster/raft/log_view.hpp>
#include <troupe/cluster/raft/pending_table.hpp>
#include <troupe/cluster/raft/progress_tracker.hpp>
#include <troupe/cluster/raft/random.hpp>
#include <troupe/cluster/raft/read_rounds.hpp>

namespace troupe::raft {

/// Terms and indexes at or above this are nonsense: a counter that starts at 0
/// does not get there.
constexpr std::uint64_t number_max = std::uint64_t{1} << 62;

/// The state of one member. Its functions are spread over files by who acts:
/// core_election (roles, terms and votes), core_leader (replication, commit),
/// core_follower (log, snapshots), core_requests (proposals, changes, reads)
/// and core (time, disk, output).
struct core::impl {
  impl(settings cfg, recovered disk);

  // -- core.cpp --------------------------------------------------------------
  void tick();
  void persisted(std::uint64_t batch);
  void applied(log_index upto);
  log_index compact(log_index upto);
  bool ready() const;
  output take();
  view inspect() const;
  log_index applicable() const; // may be given out up to here
  const configuration& apply_change(const entry& what);
  hard_state hard() const { return {term_, vote_, log_.committed()}; }
  void note_leadership();
  void send(member_id to, raft::term term, message_body body);
  void send(member_id to, message_body body) {
    send(to, term_, std::move(body));
  }

  // -- core_election.cpp -----------------------------------------------------
  void reset(raft::term term);
  void set_leader(member_id leader);
  void become_follower(raft::term term, member_id leader);
  void become_pre_candidate();
  void become_candidate();
  void become_leader();
  enum class campaign_kind { pre_vote, election, transfer };
  answer hup(campaign_kind kind);
  void campaign(campaign_kind kind);
  bool promotable() const;
  bool in_lease() const;
  bool disk_is_silent() const {
    return cfg_.disk_ticks_max != 0 && disk_elapsed_ > cfg_.disk_ticks_max;
  }
  bool has_unapplied_change() const;
  void draw_timeout();
  /// Ticks that have certainly passed: the one under way then does not count.
  std::uint64_t leader_ack_age() const {
    return std::max<std::uint64_t>(ticks_ - ack_tick_, 1) - 1;
  }
  void receive(message msg);
  /// False: the message ends here.
  bool take_term(const message& msg);
  bool is_plausible(const message& msg) const;
  void on(const message& msg, const pre_vote_request& x);
  void on(const message& msg, const pre_vote_reply& x);
  void on(const message& msg, const vote_request& x);
  void on(const message& msg, const vote_reply& x);
  void on(const message& msg, const timeout_now& x);
  bool may_vote(const message& msg, position last, bool pre) const;
  void count(member_id from, progress_tracker::vote vote);
  /// For a refusal.
  known_commit own_commit() const;
  void learn_commit(const known_commit& x);

  // -- core_follower.cpp -----------------------------------------------------
  /// From who leads in this term. False: it does not.
  bool follow(member_id leader);
  void on(const message& msg, const append_request& x);
  void on(const message& msg, const heartbeat& x);
  void on(const message& msg, const snapshot_offer& x);
  bool install(const snapshot_meta& meta);

  // -- core_leader.cpp -------------------------------------------------------
  void on(const message& msg, const append_reply& x);
  void on(const message& msg, const append_refusal& x);
  void on(const message& msg, const heartbeat_reply& x);
  void tick_leader();
  std::uint64_t start_round();
  void check_rounds();
  void place(std::vector<entry> xs);
  bool advance_commit();
  bool commit_in_term() const;
  bool send_append(member_id to, progress& x, bool even_empty);
  void send_appends(bool even_empty);
  void push_commit();
  void member_matched(member_id from, progress& x);
  void switch_to(configuration conf);
  /// If the configuration that holds asks for it, and nothing is in the way.
  void leave_joint();
  void snapshot_sent(member_id to, bool ok, log_index at);
  void unreachable(member_id peer);

  // -- core_requests.cpp -----------------------------------------------------
  answer propose(std::vector<payload> commands, std::uint64_t id);
  answer place_commands(std::vector<payload> commands);
  answer change(configuration_change change, std::uint64_t id);
  answer place_change(configuration_change change);
  code check_change(const configuration_change& change) const;
  answer no_leader_here() const;
  answer read_index(std::uint64_t id);
  answer transfer(member_id to);
  std::optional<log_index> lease_index() const;
  void begin_reads();
  void answer_reads(std::vector<read_rounds::group> groups);
  void fail_pending(code why);
  void expire_pending();
  std::size_t pending_reads() const;
  void on(const message& msg, const read_request& x);
  void on(const message& msg, const read_reply& x);
  void on(const message& msg, const forward_commands& x);
  void on(const message& msg, const forward_change& x);
  void on(const message& msg, const forward_reply& x);

  settings cfg_;
  random_engine random_;
  bool restarted_; // something was on the disk
  raft::term term_{};
  member_id vote_{};
  log_view log_;
  apply_window applies_;
  progress_tracker members_;

  log_index changed_at_{}; // the newest entry that apply_change has seen

  role role_ = role::follower;
  member_id leader_{};
  leadership told_{}; // the newest in out_.leadership, or given out

  std::uint64_t ticks_ = 0;
  std::uint64_t ack_tick_ = 0; // last acknowledged a leader; 0: the start
  std::uint64_t election_elapsed_ = 0;
  std::uint32_t heartbeat_elapsed_ = 0;
  std::uint64_t disk_elapsed_ = 0; // since a batch ended, or the disk was idle
  std::uint32_t timeout_ = 0;      // ticks

  // Leader.
  log_index term_start_{};     // the entry that began the term
  log_index pending_change_{}; // no change may be placed before it is applied
  member_id transferee_{};
  bool appends_due_ = false;
  bool transfer_sent_ = false;        // timeout_now left in this term
  std::size_t uncommitted_bytes_ = 0; // of own entries above the commit index
  std::uint64_t won_ack_age_ = 0;
  std::uint64_t round_ = 0;
  std::uint64_t confirmed_round_ = 0;
  read_rounds reads_;

  // Candidate: its own vote counts once the batch that holds it is durable.
  bool own_vote_waits_ = false;
  std::uint64_t own_vote_batch_ = 0; // 0: not given out yet

  // Follower.
  pending_table<std::vector<read_rounds::read>> remote_reads_;
  pending_table<std::uint64_t> forwards_;

  hard_state told_hard_; // in the newest batch
  output out_;
  std::uint64_t ignored_ = 0;
};

} // namespace troupe::raft
