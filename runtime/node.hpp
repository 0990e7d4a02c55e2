#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <caf/actor_system.hpp>

#include <troupe/cluster/map/error.hpp>
#include <troupe/cluster/placement/strategy.hpp>
#include <troupe/proto/map.pb.h>
#include <troupe/runtime/node_options.hpp>
#include <troupe/runtime/region.hpp>

namespace troupe {

/// What happens in the cluster, as a message to subscribers.
using event = proto::Event;

/// One process of a cluster: its actor system, its links to other nodes, its
/// member of the coordinator group, and the partitions it owns.
///
/// Made, told its regions, started, and at the end stopped; once.
///
/// Errors:  `start` says what is wrong and what to do; afterwards a node that
///          must not go on stops by itself, and `wait` says why.
/// Threads: any, but `start`, `stop` and the destructor belong to one.
class node {
public:
  explicit node(node_options options = {});
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  // -- regions ----------------------------------------------------------------

  /// Hosts a region: `f` is `caf::behavior f(troupe::partition*)`, or takes a
  /// `troupe::stateful_partition<State>*`. Before or after `start`.
  template <detail::partition_function F>
  region spawn_region(const std::string& name, F f,
                      region_options options = {}) {
    return host(name, std::move(options),
                detail::make_partition_factory(std::move(f)));
  }

  /// Hosts a region whose partitions are actors of a class.
  template <class Actor, class... Ts>
  region spawn_region(const std::string& name, region_options options = {},
                      Ts... xs) {
    return host(name, std::move(options),
                detail::make_partition_class_factory<Actor>(std::move(xs)...));
  }

  /// Sends to a region that other nodes host.
  region proxy_region(const std::string& name, region_options options = {});

  /// A strategy of the user's own, for regions that name it. Every node has to
  /// add the same one, before `start`.
  void add_strategy(const std::string& name, placement_function place);

  // -- life -------------------------------------------------------------------

  /// Returns once this node is a member and the map says so; that can take as
  /// long as the other founders do.
  [[nodiscard]] failure start();

  enum class stop_kind {
    drain,   // give everything away first, then leave
    restart, // keep the partitions: their states wait in the data directory
    now,     // as a crash, but tidy
  };

  /// Ends the node. A drain takes as long as its partitions need to move; what
  /// no other node can take ends with it.
  void stop(stop_kind how = stop_kind::drain);

  struct end {
    stop_kind how = stop_kind::drain;
    failure why; // code none: asked for
  };

  /// Asks `wait` to return. May be called in a signal handler.
  void request_stop(stop_kind how = stop_kind::drain) noexcept;

  /// Waits until a stop is asked for: by `request_stop`, by the cluster (an
  /// announced restart), or because the node must not go on.
  end wait();

  // -- what it has ------------------------------------------------------------

  caf::actor_system& system();
  /// With the true port. After `start`.
  std::string address() const;
  std::string http_address() const;
  std::string name() const;

  /// Sends every event from now on to `who`, as a message (troupe::event), in
  /// the order of their numbers: the cluster's, and those of this node alone,
  /// which include a dead letter for each message that reached nobody.
  void subscribe(const caf::actor& who);

  class impl; // the parts; for `runtime/` alone

private:
  region host(const std::string& name, region_options options,
              partition_factory make);

  std::unique_ptr<impl> impl_;
};

} // namespace troupe
