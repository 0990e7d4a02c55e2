#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <troupe/actors/data_plane.hpp>
#include <troupe/cluster/map/settings.hpp>
#include <troupe/runtime/node.hpp>
#include <troupe/runtime/region.hpp>
#include <troupe/runtime/testing/failures.hpp>

namespace troupe::testing {

class region;

/// How a node differs from a plain one.
struct node_traits {
  std::vector<std::string> roles{};
  std::map<std::string, std::string> labels{};
  std::uint32_t weight = 100; // capacity; 0 takes no partitions
};

struct cluster_options {
  /// Decides the order in which what could happen at once does happen, and how
  /// long frames and writes take. Another seed, another run.
  std::uint64_t seed = 1;
  cluster_settings settings{};
  /// How long a frame is on its way.
  std::chrono::nanoseconds delay_min = std::chrono::microseconds{100};
  std::chrono::nanoseconds delay_max = std::chrono::milliseconds{1};
  /// How long a write takes at most. A crash loses what is not written yet.
  std::chrono::nanoseconds disk_delay_max = std::chrono::microseconds{200};
  /// Virtual time after which `run_until`, `settle`, `ask` and others give up.
  std::chrono::nanoseconds patience = std::chrono::minutes{2};
  /// Of the first nodes, in order; the others are plain.
  std::vector<node_traits> nodes{};
  /// As `node_options::configure_caf`: to register message types that are no
  /// protobuf messages.
  std::function<void(caf::actor_system_config&)> configure_caf{};
  /// As `node::add_strategy`.
  std::map<std::string, placement_function> strategies{};
};

/// A message that reached nobody.
struct lost_message {
  std::size_t node = 0; // whose router had it
  std::chrono::nanoseconds at{0};
  dead_letter what;
};

/// What became of the messages that a node's routers took, since its start.
struct message_books {
  std::uint64_t accepted = 0;
  std::uint64_t settled = 0; // processed somewhere, or dropped
  std::uint64_t unknown = 0; // lost with their owner
  /// Not known yet: held, travelling, or in a mailbox.
  std::uint64_t under_way() const { return accepted - settled - unknown; }
};

/// A cluster of several nodes in one thread and in virtual time, to test
/// partition actors of one's own: with moves, crashes, stops and cuts, in
/// milliseconds, and with the same seed the same again.
///
/// What is real: each node is an actor system of its own with the real routers,
/// partition actors, hooks, leases, and the real coordinator group with its
/// map, planner and moves. Messages between nodes travel as bytes.
/// What is not: there is no socket, thread, file or clock. Links and disks are
/// in memory (frames are delayed, and lost or held as a real link would), the
/// nodes know each other from the start, there is no HTTP, and a handler takes
/// no time: how long something takes, and what threads can do to each other, a
/// test of a real cluster shows. The border is where `actors/` asks for a
/// transport, a disk and a scheduler, because all that decides what becomes of
/// a message lies above it, and nothing above it can tell the difference.
///
/// What an actor does must not come from outside: no real clock, random device
/// or detached actor. CAF's own clock, delayed messages and timeouts are
/// virtual; blocking actors (also a caf::scoped_actor that receives) would wait
/// for ever, `request` and `ask` take their place.
///
/// Nodes are counted from 0; they are named n0, n1, ... Time stands still but
/// in the functions that say so (RUNS).
///
/// Errors:  `timed_out`, `refused`; std::out_of_range for what does not exist,
///          std::logic_error for what makes no sense now.
/// Threads: one. Not to be called from actors.
class cluster {
public:
  explicit cluster(std::size_t nodes, std::uint64_t seed = 1);
  cluster(std::size_t nodes, cluster_options options);
  ~cluster();
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;

  // -- regions ----------------------------------------------------------------

  /// Every node hosts the region, also those that come later: as
  /// `node::spawn_region`.
  template <troupe::detail::partition_function F>
  region spawn_region(const std::string& name, F f,
                      region_options options = {});
  template <class Actor, class... Ts>
  region spawn_region(const std::string& name, region_options options = {},
                      Ts... xs);

  // -- time -------------------------------------------------------------------

  /// Since the beginning.
  std::chrono::nanoseconds now() const;
  /// RUNS.
  void run_for(std::chrono::nanoseconds span);
  /// RUNS until `true`, looking after every single step. Zero: `patience`.
  void run_until(const std::function<bool()>& comes_true,
                 std::chrono::nanoseconds limit = {});
  /// RUNS until the cluster is at rest: every node that runs and is not cut off
  /// is up, every partition runs, nothing is going to move, and what was sent
  /// has arrived.
  void settle();

  // -- nodes ------------------------------------------------------------------

  std::size_t size() const;
  bool running(std::size_t node) const;
  /// The node that leads the coordinator group, if one does.
  std::optional<std::size_t> leader() const;
  /// The node's own; another one after each start.
  caf::actor_system& system(std::size_t node);
  /// Sends every event of the node from now on to `who`, as a message.
  void subscribe(std::size_t node, const caf::actor& who);

  /// RUNS until the cluster lets another node in. Returns its number.
  std::size_t add_node(node_traits traits = {});
  /// As kill -9: memory is gone, what was written is kept.
  void crash(std::size_t node);
  /// Starts a node that does not run, with the disk that it had.
  void start(std::size_t node);
  /// RUNS until the node has ended as `node::stop` does it.
  void stop(std::size_t node, node::stop_kind how = node::stop_kind::drain);
  /// RUNS: stops it with an announcement, so that it keeps its partitions, and
  /// starts it again after `downtime`.
  void restart(std::size_t node, std::chrono::nanoseconds downtime = {});
  /// As SIGSTOP and SIGCONT: the node does nothing and knows nothing of it.
  void pause(std::size_t node);
  void resume(std::size_t node);

  // -- the network ------------------------------------------------------------

  /// Nothing passes between the two; what is sent waits.
  void cut(std::size_t a, std::size_t b);
  /// Cuts a node off from all others.
  void isolate(std::size_t node);
  void heal(std::size_t a, std::size_t b);
  void heal();

  // -- what happened ----------------------------------------------------------

  /// Changes of the map, in order.
  const std::vector<event>& events() const;
  /// What one node saw of its own: leaders that changed, leases that ended.
  const std::vector<event>& local_events(std::size_t node) const;
  const std::vector<lost_message>& dead_letters() const;
  /// Nodes tell each other every 100 ms what they are done with. Once they have
  /// after the last message, nothing is under way but what an actor lets wait.
  message_books books(std::size_t node) const;
  /// The cluster for people: nodes, links, partitions, the last events.
  std::string picture() const;
  /// A fingerprint of all that happened so far: the same in every run of the
  /// same test with the same seed.
  std::uint64_t trace() const;

  class impl; // for `runtime/testing/` alone

private:
  friend class region;
  region host(const std::string& name, region_options options,
              partition_factory make);

  std::unique_ptr<impl> impl_;
};

/// Runs `test` with `count` seeds from `first` on. What one of them throws is
/// thrown on, its text led by the seed.
void for_each_seed(std::uint64_t first, std::uint64_t count,
                   const std::function<void(std::uint64_t)>& test);

} // namespace troupe::testing
