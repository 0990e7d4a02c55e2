#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/map/types.hpp>
#include <troupe/cluster/move/rare.hpp>
#include <troupe/proto/control.pb.h>

namespace troupe {

/// The saved state of a partition. `present` false: its actor keeps none.
struct partition_state {
  bool present = false;
  std::shared_ptr<const std::string> bytes; // null if not present
};

/// What a host wants done, in order.
struct start_actor {
  partition_key key;
  troupe::epoch epoch;
  partition_state state;
};
struct stop_actor { // gently: marker, work up, save
  partition_key key;
  troupe::epoch epoch;
};
struct kill_actor { // it owns nothing any more: begin nothing, save nothing
  partition_key key;
  troupe::epoch epoch;
};
struct send_state {
  node_id to;
  partition_key key;
  troupe::epoch epoch;
  partition_state state;
};
struct acknowledge_state {
  node_id to;
  partition_key key;
  troupe::epoch epoch;
};
struct keep_on_disk { // answered by `kept`
  partition_key key;
  troupe::epoch epoch;
  partition_state state;
};
struct drop_from_disk {
  partition_key key;
  troupe::epoch epoch;
};
using host_effect =
    std::variant<start_actor, stop_actor, kill_actor, send_state,
                 acknowledge_state, keep_on_disk, drop_from_disk>;

/// A node's partitions: starts and stops their actors as the map says, and
/// hands their state over.
///
/// View:       one node; owned by its coordinator.
/// In:         the map's changes, the actors' lives, states from other nodes.
/// Out:        effects; facts, which the leader needs to go on.
/// Invariants: [INV-HOST-1..6] in cluster/README.md.
/// Errors:     none; what names another epoch is ignored.
/// Threads:    none of its own.
class partition_host {
public:
  partition_host(node_id self, incarnation started)
      : self_(self), incarnation_(started) {}

  /// A state that an announced restart left on this node's disk.
  void recovered(partition_key key, epoch at, partition_state state);

  /// The map says this of the partition.
  void learn(partition_key key, const assignment& now);
  /// The partition is not in the map any more: it is killed.
  void forget(partition_key key);
  /// The map was replaced: forgets what is not among so many of each region.
  void forget_unless(const std::map<region_id, std::size_t>& known);

  void started(partition_key key, epoch at);
  /// The actor stopped gently and saved, or was killed (`state` empty).
  void stopped(partition_key key, epoch at,
               std::optional<partition_state> state);
  /// The actor could not start, or died.
  void failed(partition_key key, epoch at, std::string why);
  void kept(partition_key key, epoch at);

  void state_arrived(node_id from, partition_key key, epoch at,
                     partition_state state);
  void state_taken(node_id by, partition_key key, epoch at);
  /// What was sent to the node is gone, with the process that had it.
  void session_ended(node_id with);
  /// The processes that ran on these nodes are gone, and what they kept.
  void lost(const std::vector<node_id>& nodes);
  /// Starts that wait for their state longer than `limit` are said to fail.
  void give_up_states(boot_time now, boot_time limit);

  /// What the map does not say yet: the first so many; the others' turn comes
  /// when the map says these.
  proto::Facts facts(std::size_t rows_max = ~std::size_t{0}) const;
  bool has_facts() const { return !with_facts_.empty(); }
  /// Those that are new since the last call.
  bool has_news() const { return !news_.empty(); }
  proto::Facts take_news();
  std::vector<host_effect> take() { return std::exchange(effects_, {}); }

  /// Actors that were told to start or to end more than `limit` ago and have
  /// not: their handlers do not return. Each is named once.
  struct overrun {
    partition_key key;
    troupe::epoch epoch;
    boot_time since{0};
    bool starts = false;
  };
  std::vector<overrun> overruns(boot_time now, boot_time limit);

  /// Actors alive here, in whatever stage.
  std::size_t alive() const { return alive_; }

private:
  enum class life : std::uint8_t { none, starting, running, stopping };

  struct kept_state {
    troupe::epoch epoch;
    partition_state state;
    node_id sent_to;
    node_id taken_by;
    bool on_disk = false;
    bool asked_disk = false;
  };

  // Of an assignment, what matters here.
  struct place {
    troupe::stage stage = stage::unassigned;
    node_id owner;
    incarnation owner_incarnation;
    troupe::epoch epoch;
    node_id target;
    node_id source;
    troupe::epoch source_epoch;
  };

  struct failed_start {
    troupe::epoch epoch;
    std::string why;
    bool unstarted = false; // it failed before there was an actor
  };

  // There may be very many that only run: what else there is is elsewhere.
  struct record {
    place now;
    life actor = life::none;
    bool killed = false;
    troupe::epoch epoch;       // of the actor
    rare<kept_state> saved;    // of our own actor
    rare<kept_state> received; // from another node
    rare<failed_start> failed;

    bool has_failed() const { return failed && failed->epoch == now.epoch; }
  };

  bool mine(const record& r) const {
    return r.now.owner == self_ && r.now.owner_incarnation == incarnation_;
  }
  kept_state* state_of(record& r, epoch at);
  bool awaits_state(const record& r) const;
  static void fail(record& r, troupe::epoch at, std::string why,
                   bool unstarted);
  static void give_up(record& r, std::string why);
  void drive(partition_key key, record& r);
  void drive_actor(partition_key key, record& r);
  void drive_start(partition_key key, record& r);
  void drive_state(partition_key key, record& r);
  void kill(partition_key key, record& r);
  void add_fact(proto::Facts& to, partition_key key) const;
  bool has_fact(const record& r) const;
  bool holds_orphan(const record& r) const;
  void set_life(partition_key key, record& r, life next);
  template <class F>
  void update(partition_key key, F change);

  node_id self_;
  incarnation incarnation_;
  std::map<partition_key, record> records_;
  std::set<partition_key> with_facts_;
  struct watched {
    bool starts = false;
    boot_time since{0}; // zero: not looked at yet
    bool told = false;
  };
  std::map<partition_key, watched> watched_; // actors told to start or to end
  struct awaited {
    troupe::epoch epoch;
    boot_time since{0}; // the same
  };
  std::map<partition_key, awaited> awaited_; // states of starts here
  std::vector<host_effect> effects_;
  std::size_t alive_ = 0;
  std::set<partition_key> news_; // of `with_facts_`
};

} // namespace troupe
