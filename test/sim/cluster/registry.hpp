#pragma once

#include <cstdint>
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

  const std::string& broken() const { return broken_; }
  void fail(std::string what);

  // -- messages ---------------------------------------------------------------
  std::size_t accepted(const message& msg);
  void sent(const message& msg, epoch at);
  void returned(const message& msg);
  void dropped(const message& msg, errc why);
  /// A router gives a stream up: so many of its messages have an unknown fate.
  void lost(process_id router, partition_key key, epoch at, std::uint64_t n);
  /// A fence came back from another node: what was sent is dealt with.
  void settled(process_id router, partition_key key, epoch at);
  void router_gone(process_id router);

  // -- actors -----------------------------------------------------------------
  void started(process_id node, partition_key key, epoch at, epoch source,
               const partition_state& state, bool fresh);
  void saved(partition_key key, epoch at, const std::string& state);
  void begin(boot_time now, process_id node, const message& msg, epoch at);
  /// `overran`: the process was stopped meanwhile, or its time is up.
  void end(process_id node, const message& msg, epoch at);
  void excuse(process_id node); // it is stopped in the middle of something
  void gone(process_id node);   // crashed

  /// All that was accepted by a router that lives is accounted for.
  void check_accounts();
  std::string open_messages() const;
  std::size_t open_count() const { return open_; }
  std::size_t open_of(process_id router) const;

  struct counters {
    std::uint64_t accepted = 0, processed = 0, dropped = 0, unknown = 0,
                  starts = 0, orphaned = 0;
  };
  const counters& count() const { return count_; }
  std::uint64_t starts(partition_key key) const {
    auto i = parts_.find(key);
    return i == parts_.end() ? 0 : i->second.starts;
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
    troupe::epoch started;
    process_id owner;
    std::uint64_t starts = 0;
    std::vector<handling> busy;
    content truth; // all that was ever processed
    std::map<troupe::epoch, std::string> saved;
  };
  using lane = std::tuple<process_id, partition_key>;

  void settle(record& r, bool record::*how, std::uint64_t counters::*count);

  bool strict_;
  std::string broken_;
  counters count_;
  std::size_t open_ = 0;
  std::vector<record> messages_;
  std::map<lane, std::set<std::size_t>> outstanding_; // to other nodes
  std::map<partition_key, partition> parts_;
};

std::string to_text(partition_key key);

} // namespace troupe::sim
