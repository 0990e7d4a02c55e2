#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <troupe/cluster/raft/output.hpp>
#include <troupe/cluster/raft/settings.hpp>
#include <troupe/cluster/raft/status.hpp>
#include <troupe/cluster/raft/view.hpp>

namespace troupe::raft {

/// One member of a raft group: the protocol alone.
///
/// View:       cluster; one per member, owned by its driver.
/// In:         ticks, messages, requests, and reports of what the driver did.
/// Out:        `take`, after any number of inputs; answers to requests.
/// Invariants: [INV-RAFT-1..14] in README.md.
/// Errors:     requests are refused by a code; what a peer sends is ignored
///             and counted if it makes no sense; asserts are for own state.
/// Threads:    none of its own; one at a time may call it.
///
/// The same inputs give the same outputs. Configuration changes take effect
/// when they are applied, as in etcd.
class core {
public:
  /// The log above the snapshot stays in memory. `find_flaw` must have found
  /// none. Starts as a follower; applies again from the snapshot on.
  core(settings cfg, recovered disk);
  core(core&&) noexcept;
  core& operator=(core&&) noexcept;
  ~core();

  // -- requests --------------------------------------------------------------

  /// Appends the commands as consecutive entries, or forwards them. Answers
  /// with their place if this member leads. A forwarded one ends as a
  /// `proposal_answer` under `id`.
  answer propose(std::vector<payload> commands, std::uint64_t id = 0);

  /// Proposes a change of the configuration; without members in it, leaves a
  /// joint one.
  answer change(configuration_change change, std::uint64_t id = 0);

  /// Asks for an index at which a read is linearizable: a `read_answer` under
  /// `id`. All that are asked between two calls of `take` share one round.
  answer read_index(std::uint64_t id);

  /// The index at which this leader may serve a read without a round, provided
  /// that the driver's clock says that a quorum acknowledged a round that was
  /// started less than the lease ago. None: no leader, no entry of its term
  /// committed yet, or a transfer was started in this term.
  std::optional<log_index> lease_index() const;

  /// Leader: starts a heartbeat round now and returns its number. None: not
  /// leader.
  std::optional<std::uint64_t> start_round();

  /// Leader: hands leadership to a voter. Given up after election_ticks.
  answer transfer(member_id to);

  /// Campaigns now (with a pre-vote if so set).
  answer campaign();

  /// Follower: no longer objects to an election because of its leader.
  answer forget_leader();

  /// Leader: the message to hand to the receiver's core behind the bytes of a
  /// snapshot. None: not leader.
  std::optional<message> offer_snapshot(member_id to, snapshot_meta meta) const;

  // -- events ----------------------------------------------------------------

  void tick();

  /// A message from a peer. Any content is safe; any order and repetition too.
  void receive(message msg);

  /// All batches up to this one are durable. With `install` in it: and the
  /// state machine is the snapshot's; what was given out below it and is not
  /// applied yet never will be.
  void persisted(std::uint64_t batch);

  /// For each configuration change in `output::committed`, in order, before
  /// `applied` reaches it. Returns what holds from here on. A change that does
  /// not fit changes nothing, alike on all members.
  const configuration& apply_change(const entry& what);

  /// The state machine has applied up to here.
  void applied(log_index upto);

  /// A snapshot at `at`, not above what is applied, is durable. Returns the
  /// index up to which the log may go: `log_tail` entries below `at` are kept.
  log_index snapshot_taken(log_index at);

  /// Drops the log up to `upto`, which a durable snapshot covers. Returns up to
  /// where it dropped: never beyond what is applied and durable.
  log_index compact(log_index upto);

  /// Leader: the stream of a snapshot at `at` to the member ended.
  void snapshot_sent(member_id to, bool ok, log_index at);

  /// Leader: the transport lost messages to the member.
  void unreachable(member_id peer);

  /// Leader, with `commit_rides`: the driver has nothing at hand that would
  /// take the commit index along.
  void push_commit();

  // -- output ----------------------------------------------------------------

  /// Whether `take` would return anything.
  bool ready() const;

  /// All that is due. Gives `persist` its id, counting from 1.
  output take();

  /// For the driver: does not copy the log.
  raft::status status() const;

  /// Who leads, as this member sees it now: what the newest change told.
  const leadership& current() const;

  /// The configuration that holds here.
  const configuration& conf() const;

  /// For tests, metrics and scripts.
  view inspect() const;

  /// Tests and scripts: replaces the drawn election timeout until it is drawn
  /// anew.
  void set_election_timeout(std::uint32_t ticks);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::raft
