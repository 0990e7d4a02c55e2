#pragma once

#include <optional>
#include <utility>
#include <vector>

#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/map/types.hpp>

namespace troupe {

/// A node's right to run its partitions, as the node itself counts it.
///
/// The lease runs from the time at which the node *sent* a heartbeat that a
/// leader echoed, and is extended only once the node has applied all that the
/// leader's log held when the heartbeat arrived: it then knows what was taken
/// from it before. [INV-LEASE-1, INV-LEASE-2]
///
/// Threads: none of its own.
class lease {
public:
  explicit lease(const cluster_settings& settings)
      : length_(settings.lease), interval_(settings.heartbeat) {}

  /// Whether a heartbeat is due. It counts as sent at `now`.
  bool due(boot_time now) {
    if (now - last_sent_ < interval_ && last_sent_ != boot_time{0})
      return false;
    last_sent_ = now;
    return true;
  }

  /// The leader changed: the next heartbeat is due.
  void hurry() { last_sent_ = boot_time{0}; }

  /// There is news for the leader. True: a heartbeat may bring it at once, and
  /// counts as sent at `now`. False: the last one is so fresh that more news is
  /// to be expected; the next heartbeat is due, and takes all of it.
  bool due_with_news(boot_time now) {
    if (last_sent_ == boot_time{0})
      return false;
    bool apart = now - last_sent_ >= interval_ / 16;
    last_sent_ = apart ? now : boot_time{0};
    return apart;
  }

  /// An echo of the heartbeat sent at `sent`, which is good once `index` is
  /// applied. True if that extended the lease.
  bool echoed(boot_time sent, log_index index, log_index applied) {
    if (sent + length_ <= end_)
      return false;
    if (index > applied) {
      // Of two that wait, the later covers more but may wait longer: keep the
      // first until it is good, so that a busy log does not starve the lease.
      if (!waiting_)
        waiting_ = {sent, index};
      else
        next_ = {sent, index};
      return false;
    }
    end_ = sent + length_;
    return true;
  }

  /// The map is at `index` now. True if that extended the lease.
  bool applied(log_index index) {
    bool extended = false;
    while (waiting_ && waiting_->index <= index) {
      auto good = *waiting_;
      waiting_ = std::exchange(next_, std::nullopt);
      extended = echoed(good.sent, good.index, index) || extended;
    }
    return extended;
  }

  /// When it ends; zero: there has been none.
  boot_time end() const { return end_; }

private:
  struct waiting {
    boot_time sent;
    log_index index;
  };

  boot_time length_;
  boot_time interval_;
  boot_time last_sent_{0};
  boot_time end_{0};
  std::optional<waiting> waiting_;
  std::optional<waiting> next_;
};

/// The leader's side: a heartbeat is echoed once a quorum acknowledged a raft
/// heartbeat round that began after the heartbeat arrived. [INV-LEASE-1]
///
/// Threads: none of its own.
class echo_queue {
public:
  struct echo {
    node_id to;
    incarnation started;
    boot_time sent;
    log_index last_index; // of the leader's log at arrival
  };

  void clear() { *this = {}; }

  /// A heartbeat arrived. True if a round is to be started now.
  bool arrived(echo e) {
    waiting_.push_back(e);
    return !round_;
  }

  /// The round that the queue asked for has this number: it covers all that
  /// arrived so far.
  void round_started(std::uint64_t number) {
    round_ = number;
    covered_.insert(covered_.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
  }

  /// A quorum acknowledged the round, or a later one: these may be answered.
  std::vector<echo> confirmed(std::uint64_t number) {
    if (!round_ || number < *round_)
      return {};
    round_.reset();
    return std::exchange(covered_, {});
  }

  /// Whether a round is to be started now.
  bool wants_round() const { return !round_ && !waiting_.empty(); }

private:
  std::optional<std::uint64_t> round_;
  std::vector<echo> waiting_;
  std::vector<echo> covered_;
};

} // namespace troupe
