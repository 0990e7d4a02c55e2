#pragma once

#include <cstdint>

#include <troupe/cluster/raft/inflight_window.hpp>
#include <troupe/cluster/raft/view.hpp>

namespace troupe::raft {

/// A leader's knowledge of one member's log, and what it may send it.
///
/// probe: one append per heartbeat, until the logs meet. replicate: appends
/// follow each other without waiting, within the window. snapshot: nothing,
/// until the snapshot arrived or failed.
/// Invariants: match < next.
class progress {
public:
  progress(log_index next, inflight_window window)
      : next_(next), window_(std::move(window)) {}

  void become_probe();
  void become_replicate();
  void become_snapshot(log_index at);

  /// The snapshot's stream ended: with the index that it had, or without one
  /// because it failed. Probes from there, after the next heartbeat's reply.
  void snapshot_ended(log_index at);

  /// An append of so many entries and bytes of payload, with this commit
  /// index, goes out.
  void sent(std::size_t entries, std::size_t bytes, log_index commit);
  void sent_commit(log_index commit) { sent_commit_ = commit; }

  /// Whether the commit index would be news to the member.
  bool wants_commit(log_index commit) const {
    return commit > sent_commit_ && sent_commit_.value + 1 < next_.value;
  }

  /// The member has the log up to here. False: old news.
  bool matched(log_index upto);

  /// The member refused an append behind `refused`; the logs may meet at
  /// `hint`. False: old news.
  bool refused(log_index refused, log_index hint);

  void release(log_index upto) { window_.release(upto); }
  void resume() { paused_ = false; }

  /// Nothing may be sent.
  bool paused() const { return feed_ == feed::snapshot || paused_; }

  /// Entries may be sent; else only an empty append.
  bool has_room() const { return feed_ != feed::replicate || !window_.full(); }

  raft::feed feed() const { return feed_; }
  log_index match() const { return match_; }
  log_index next() const { return next_; }
  const inflight_window& window() const { return window_; }

  bool learner = false;
  bool active = false;           // heard of since the last check of the quorum
  std::uint64_t acked_round = 0; // the newest heartbeat round it answered

private:
  void enter(raft::feed x);
  void lower_next(log_index to);

  raft::feed feed_ = feed::probe;
  log_index match_;
  log_index next_;
  log_index sent_commit_; // the highest that may be on its way
  log_index snapshot_;    // feed::snapshot: the index that is on its way
  bool paused_ = false;
  inflight_window window_;
};

} // namespace troupe::raft
