#pragma once

#include <troupe/runtime/http/api_error.hpp>
#include <troupe/runtime/http/api_types.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::http {

/// Called exactly once, from any thread, possibly before the command returns.
template <class T>
using callback = std::function<void(result<T>)>;

/// What the HTTP interface asks of its node.
///
/// In:      queries, answered by value from what the node knows now; commands,
///          answered through a callback once committed or refused. A target's
///          partition is within the region, a key within its limit.
/// Out:     none that outlives the object: `http_server::stop` first.
/// Errors:  in the callback's result; nothing throws through. An unknown region
///          or node is an error of its own code, no leader is `no_quorum`, a
///          command that the node passed on and lost is `outcome_unknown`.
/// Threads: called from the server's I/O threads, at any time between its start
///          and its stop. Queries must not wait; commands must return at once.
class api_backend {
public:
  virtual ~api_backend() = default;

  // -- queries ---------------------------------------------------------------

  virtual node_status status() = 0;

  /// All nodes that the map knows, by id; also those that left.
  virtual std::vector<node_row> nodes() = 0;

  /// All regions, by name.
  virtual std::vector<region_row> regions() = 0;

  /// The map of one region; nothing when there is no such region.
  virtual std::optional<region_view> region(std::string_view name) = 0;

  /// How many partitions a region has; nothing when there is no such region.
  /// Asked before every message, so cheap.
  virtual std::optional<std::uint32_t>
  partition_count(std::string_view region) = 0;

  virtual std::vector<setting_row> settings() = 0;

  virtual http::health health() = 0;

  /// All metrics of the node in Prometheus' text format.
  virtual std::string metrics_text() = 0;

  // -- messages --------------------------------------------------------------

  /// To the owner and back, as a message would go. `deadline` when the timeout
  /// passes first.
  virtual void ping(ping_request request, callback<ping_reply> done) = 0;

  /// With `ask` the answer of the partition actor; with `tell` done as soon as
  /// the router accepted the message. An answer that is no protobuf message is
  /// `handler_failed` with a detail that says so.
  virtual void send(send_request request, callback<send_reply> done) = 0;

  // -- commands to the cluster -----------------------------------------------

  /// What a rebalance would do, for one region or (empty) for all.
  virtual void plan(std::string region, callback<plan_view> done) = 0;

  /// Starts it, without waiting for a stable view, and answers with what was
  /// started; without moves when the map is balanced.
  virtual void rebalance(std::string region, callback<plan_view> done) = 0;

  /// Refused when `to` does not host the region, leaves, or owns the partition.
  virtual void move(move_request request, callback<move_accepted> done) = 0;

  /// Refused when the region is not at `if_version` any more, or when the
  /// number of partitions of one that ran is to change unforced. What holds
  /// already is no change, and is accepted.
  virtual void configure(region_change change,
                         callback<region_changed> done) = 0;

  /// Moves everything off the node. Refused when it is the only host of one of
  /// its regions; accepted again when it is already draining.
  virtual void drain(std::string node,
                     callback<node_command_accepted> done) = 0;

  virtual void undrain(std::string node,
                       callback<node_command_accepted> done) = 0;

  /// An announced stop after which the node is expected back.
  virtual void restart(std::string node,
                       callback<node_command_accepted> done) = 0;

  // -- events ----------------------------------------------------------------

  /// The oldest known events with a number over `since`, at most `count_max`,
  /// ascending. Readers pull, so a slow one costs no memory: what left the
  /// node's bounded store before it was read is one gap. (`event_ring` does all
  /// of this and the next two.)
  virtual event_page events(event_sequence sequence, std::uint64_t since,
                            std::size_t count_max) = 0;

  /// Calls `wake` after each change of the sequence, from any thread, until the
  /// handle is destroyed. It is not called any more once that returned, takes
  /// no lock that the events need, and must not destroy its own handle.
  virtual std::shared_ptr<void> on_events(event_sequence sequence,
                                          std::function<void()> wake) = 0;
};

} // namespace troupe::http
