#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/map/types.hpp>

namespace troupe {

/// When a leader may take a silent node's partitions away.
///
/// A node's lease runs from the time at which it sent a heartbeat that a leader
/// echoed; this leader received it later. So `lease + margin` after the last
/// one it received, no lease of the node runs any more. A new leader counts
/// from the latest time at which a voter that elected it had acknowledged the
/// leader before: no later heartbeat can have been echoed. [INV-LEASE-3]
///
/// However long ago that is, those who live get the time of a few heartbeats to
/// find the new leader: an election that took long is no reason to move.
///
/// A node that said itself that it begins nothing any more needs no waiting.
///
/// Threads: none of its own.
class failure_detector {
public:
  explicit failure_detector(const cluster_settings& settings)
      : silence_max_(settings.lease + settings.margin + settings.crash_grace),
        suspicion_(4 * settings.heartbeat) {}

  /// This node leads since `now`; `base` as said above.
  void lead(boot_time base, boot_time now) {
    base_ = base;
    led_since_ = now;
    heard_.clear();
    released_.clear();
  }

  void heard(node_id node, boot_time now) {
    auto& at = heard_[node];
    if (at < now)
      at = now;
    released_.erase(node);
  }

  void released(node_id node) { released_.insert(node); }
  bool is_released(node_id node) const { return released_.count(node) != 0; }

  boot_time last_heard(node_id node) const {
    auto i = heard_.find(node);
    return i == heard_.end() ? base_ : std::max(base_, i->second);
  }

  bool suspected(node_id node, boot_time now) const {
    return now - last_heard(node) > suspicion_;
  }

  /// No lease of the node can run any more.
  bool expired(node_id node, boot_time now) const {
    return is_released(node)
           || (now - last_heard(node) > silence_max_
               && now - led_since_ > suspicion_);
  }

private:
  boot_time silence_max_;
  boot_time suspicion_;
  boot_time base_{0};
  boot_time led_since_{0};
  std::map<node_id, boot_time> heard_;
  std::set<node_id> released_;
};

} // namespace troupe
