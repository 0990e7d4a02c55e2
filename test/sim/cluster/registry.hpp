#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <troupe/cluster/map/error.hpp>
#include <troupe/cluster/move/partition_host.hpp>

#include "frames.hpp"
#include "network.hpp"

namespace troupe::sim {

/// Sees everything that happens to messages and partition actors, on all nodes,
/// and says what breaks the promises P1 to P3.
///
/// Out: `broken`: the first violation, empty while there is none.
class registry {
public:
  /// Strict: no fault lasts long enough to excuse a lost message.
  explicit registry(bool strict) : strict_(strict) {}

  /// Whether the lease of a process runs, by its own clock.
  void watch_leases(std::function<bool(process_id)> runs) {
    lease_runs_ = std::move(runs);
  }

  const std::string& broken() const { return broken_; }
  void fail(std::string what);

  // -- messages ---------------------------------------------------------------
  std::size_t accepted(const message& msg);
  void sent(const message& msg, epoch at); // to another node
  void goes(const message& msg);           // there, or into a mailbox here
  void returned(const message& msg);
  void dropped(const message& msg, errc why);
  /// A router gives a stream up: so many of its messages have an unknown fate.
  void lost(process_id router, partition_key key, epoch at, std::uint64_t n);
  /// A fence came back from another node: what was sent is dealt with.
  void settled(process_id router, partition_key key, epoch at);
  /// The owner reported these.
  void reported(process_id router, partition_key key, epoch at,
                const std::vector<std::size_t>& messages);
  void router_gone(process_id router);

  // -- actors -----------------------------------------------------------------
  struct start {
    process_id node;
    partition_key key;
    troupe::epoch epoch;
    troupe::epoch source; // of the state it starts from
    bool fresh = true;    // from none
    bool keep_running = false;
    overrun_policy overrun = overrun_policy::wait;
  };
  void started(const start& what, const partition_state& state);
  void saved(partition_key key, epoch at, const std::string& state);
  /// The actor is gone.
  void stopped(process_id node, partition_key key, epoch at);
  /// `overruns`: it will take longer than a handler may.
  void begin(process_id node, const message& msg, epoch at, bool overruns);
  void end(process_id node, const message& msg, epoch at);
  /// It begins nothing any more: what it was at may end after the next start,
  /// if a handler may take too long or run without a lease.
  void killed(process_id node, partition_key key, epoch at);
  void excuse(process_id node); // it is stopped in the middle of something
  void gone(process_id node);   // crashed

  /// All that was accepted by a router that lives is accounted for.
  void check_accounts();
  std::string open_messages() const;
  std::size_t open_count() const { return open_; }
  std::size_t open_of(process_id router) const;

  struct counters {
    std::uint64_t accepted = 0, processed = 0, dropped = 0, unknown = 0,
                  starts = 0, orphaned = 0, degraded = 0;
  };
  const counters& count() const { return count_; }
  std::uint64_t starts(partition_key key) const {
    auto i = parts_.find(key);
    return i == parts_.end() ? 0 : i->second.starts;
  }

  /// Whether its last start had the state of all that was processed before.
  bool started_whole(partition_key key) const {
    auto i = parts_.find(key);
    return i != parts_.end() && i->second.whole;
  }

  /// What the state of a partition is, by sender: the last number.
  using content = std::map<std::tuple<node_id, std::uint64_t, std::uint32_t>,
                           std::uint64_t>;
  static std::string to_text(const content& x);
  static content from_text(const std::string& text);

private:
  struct record {
    message msg;
    bool processed = false, dropped = false, unknown = false, orphaned = false;
    troupe::epoch outstanding; // sent with it and not returned
    bool settled() const { return processed || dropped || unknown || orphaned; }
  };
  struct handling {
    process_id node;
    troupe::epoch epoch;
    bool excused = false;
  };
  struct partition {
    start last;
    bool lives = false;    // its actor has not stopped yet
    bool overruns = false; // and hangs in a handler
    bool ends = false;     // it was killed, and that may take its time
    bool whole = false;    // its state had all that was processed
    std::uint64_t starts = 0;
    std::vector<handling> busy;
    content truth; // all that was ever processed
    std::map<troupe::epoch, std::string> saved;
  };
  using lane = std::tuple<process_id, partition_key>;

  void settle(record& r, bool record::*how, std::uint64_t counters::*count);

  bool degraded(const partition& p, process_id node) const;

  bool strict_;
  std::function<bool(process_id)> lease_runs_;
  std::string broken_;
  counters count_;
  std::size_t open_ = 0;
  std::vector<record> messages_;
  std::map<lane, std::set<std::size_t>> outstanding_; // to other nodes
  std::map<lane, std::set<std::size_t>> back_;        // came back from there
  std::map<partition_key, partition> parts_;
};

std::string to_text(partition_key key);

} // namespace troupe::sim
