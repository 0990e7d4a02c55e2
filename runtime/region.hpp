#pragma once

#include <chrono>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/detail/type_traits.hpp>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/partition/partition.hpp>
#include <troupe/actors/router/router.hpp>
#include <troupe/cluster/map/types.hpp>

namespace troupe {

/// A node's handle for a region. Cheap to copy; good as long as its node.
class region {
public:
  region() = default;
  region(std::string name, caf::actor router)
      : name_(std::move(name)), router_(std::move(router)) {}

  const std::string& name() const { return name_; }

  /// Takes `(key, payload...)` from any actor; see `troupe::router`.
  const caf::actor& router() const { return router_; }

  /// Sends `(key, payload...)` from any thread, as nobody; `key` is a text or a
  /// `to_partition`. `none`: it is on its way, or waits for its owner; an
  /// answer goes nowhere. Else it is refused, and a dead letter.
  template <class Key, class... Ts>
  errc send(Key&& key, Ts&&... payload) const {
    return at().send(
        message_of(std::forward<Key>(key), std::forward<Ts>(payload)...));
  }

  /// The same, but waits for room up to `limit` where `send` says `overloaded`.
  /// Blocks its thread, which must not be one that actors share.
  template <class Key, class... Ts>
  errc send_within(std::chrono::milliseconds limit, Key&& key,
                   Ts&&... payload) const {
    return at().send_within(limit, message_of(std::forward<Key>(key),
                                              std::forward<Ts>(payload)...));
  }

private:
  template <class... Ts>
  static caf::message message_of(to_partition where, Ts&&... payload) {
    return caf::make_message(std::move(where), std::forward<Ts>(payload)...);
  }
  template <class... Ts>
  static caf::message message_of(std::string key, Ts&&... payload) {
    return caf::make_message(std::move(key), std::forward<Ts>(payload)...);
  }

  troupe::router& at() const {
    return *caf::actor_cast<troupe::router*>(router_);
  }

  std::string name_;
  caf::actor router_;
};

/// What all nodes that know the region must agree on.
struct region_options {
  std::uint32_t partitions = 64;
  /// balanced, rendezvous, round_robin, pinned, or a name given to
  /// `node::add_strategy`.
  std::string strategy = "balanced";
  std::map<std::string, std::string> strategy_options{};
  /// A node hosts the region only if it has all of these.
  std::vector<std::string> roles{};
  /// Process on while cut off from the cluster, and say degraded: gives up the
  /// single owner for that time.
  bool keep_running = false;
  /// What happens when a handler has not returned `stop_deadline` and
  /// `move_step` after its partition was told to stop, or to start. `wait`: the
  /// move is rolled back, a start goes on. `fence`: the partition starts
  /// elsewhere meanwhile, and only the epoch tells the two apart. `exit`: the
  /// process ends at once, with the status `exit_overrun`.
  overrun_policy overrun = overrun_policy::wait;
};

/// The status of a process that ended because a handler in it hangs.
inline constexpr int exit_overrun = 70;

namespace detail {

template <class F>
concept partition_function = requires {
  typename caf::detail::get_callable_trait<F>::type;
};

/// From `caf::behavior f(Self*)`, where Self is `partition` or a
/// `stateful_partition<State>`, to a factory.
template <class F>
partition_factory make_partition_factory(F f) {
  using args = typename caf::detail::get_callable_trait<F>::arg_types;
  static_assert(caf::detail::tl_size<args>::value == 1,
                "a partition function takes its self pointer");
  using self = std::remove_pointer_t<typename caf::detail::tl_head<args>::type>;
  static_assert(std::is_base_of_v<partition, self>,
                "the self pointer is a troupe::partition* or a "
                "troupe::stateful_partition<State>*");
  return [f](caf::actor_system& sys, partition_context context) -> caf::actor {
    caf::actor_config cfg;
    cfg.init_fun = caf::actor_config::init_fun_type{
        [f](caf::local_actor* ptr) -> caf::behavior {
          return f(static_cast<self*>(ptr));
        }};
    return sys.spawn_impl<self, caf::no_spawn_options>(cfg, std::move(context));
  };
}

/// For a class that derives from `partition` and has its constructor's form,
/// with further arguments behind.
template <class Actor, class... Ts>
partition_factory make_partition_class_factory(Ts... xs) {
  static_assert(std::is_base_of_v<partition, Actor>);
  return [xs...](caf::actor_system& sys, partition_context context) {
    caf::actor_config cfg;
    return caf::actor{sys.spawn_impl<Actor, caf::no_spawn_options>(
        cfg, std::move(context), xs...)};
  };
}

} // namespace detail
} // namespace troupe
