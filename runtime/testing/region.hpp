#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <caf/message.hpp>

#include <troupe/actors/router/router.hpp>
#include <troupe/runtime/testing/cluster.hpp>

namespace troupe::testing {

/// A request on its way. Good as long as its cluster.
class answer {
public:
  bool ready() const;
  /// RUNS until it is there.
  const answer& wait() const;
  /// RUNS. The code of the error it was answered with; none: no error, or one
  /// of the user's.
  errc code() const;
  /// RUNS. Whether it was answered, and not with an error.
  bool ok() const;
  /// RUNS. The error's text, or nothing.
  std::string error() const;
  /// RUNS. Throws `refused` for an error and for an answer of another type.
  template <class T>
  T get() const {
    auto& content = checked(std::is_void_v<T>);
    if constexpr (!std::is_void_v<T>) {
      if (!content.template match_elements<T>())
        other_type(content);
      return content.template get_as<T>(0);
    }
  }

  struct shared; // for `runtime/testing/` alone
  explicit answer(std::shared_ptr<shared> state) : state_(std::move(state)) {}

private:
  const caf::message& checked(bool any) const;
  [[noreturn]] void other_type(const caf::message& content) const;

  std::shared_ptr<shared> state_;
};

/// A region of a simulated cluster. Cheap to copy; good as long as its cluster.
///
/// A key is a std::string, or a `troupe::to_partition` to name the partition.
class region {
public:
  const std::string& name() const { return name_; }

  /// The node's router, as `troupe::region::router`; for actors of the test's
  /// own, spawned in that node's system. Another one after each start.
  const caf::actor& router(std::size_t node) const;

  // -- messages, by way of a node's router ------------------------------------

  /// Time does not pass: nothing was processed when it returns.
  template <class Key, class... Ts>
  void tell(std::size_t node, Key key, Ts... xs) const {
    send(node, caf::make_message(name_key(std::move(key)), std::move(xs)...));
  }
  template <class Key, class... Ts>
  answer request(std::size_t node, Key key, Ts... xs) const {
    return send_request(
        node, caf::make_message(name_key(std::move(key)), std::move(xs)...));
  }
  /// RUNS until the answer is there.
  template <class T = void, class Key, class... Ts>
  T ask(std::size_t node, Key key, Ts... xs) const {
    return request(node, std::move(key), std::move(xs)...).template get<T>();
  }

  // -- where its partitions are -----------------------------------------------

  std::uint32_t partitions() const;
  partition_id partition_of(const std::string& key) const;
  /// The node that owns it as far as the newest map says; none: no one.
  std::optional<std::size_t> owner(partition_id p) const;
  std::optional<std::size_t> owner(const std::string& key) const {
    return owner(partition_of(key));
  }
  troupe::epoch epoch(partition_id p) const;
  troupe::stage stage(partition_id p) const;
  /// RUNS until the leader has begun the move, which `settle` or `run_until`
  /// wait for.
  void move(partition_id p, std::size_t to) const;
  void move(const std::string& key, std::size_t to) const {
    move(partition_of(key), to);
  }

private:
  friend class cluster;
  region(cluster::impl& all, std::string name)
      : all_(&all), name_(std::move(name)) {}

  static std::string name_key(std::string key) { return key; }
  static to_partition name_key(to_partition key) { return key; }
  void send(std::size_t node, caf::message what) const;
  answer send_request(std::size_t node, caf::message what) const;

  cluster::impl* all_;
  std::string name_;
};

template <troupe::detail::partition_function F>
region cluster::spawn_region(const std::string& name, F f,
                             region_options options) {
  return host(name, std::move(options),
              troupe::detail::make_partition_factory(std::move(f)));
}

template <class Actor, class... Ts>
region cluster::spawn_region(const std::string& name, region_options options,
                             Ts... xs) {
  return host(
      name, std::move(options),
      troupe::detail::make_partition_class_factory<Actor>(std::move(xs)...));
}

} // namespace troupe::testing
