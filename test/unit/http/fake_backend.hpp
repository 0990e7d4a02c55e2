#pragma once

#include <troupe/runtime/http/api_backend.hpp>
#include <troupe/runtime/http/event_ring.hpp>
#include <troupe/runtime/metrics/registry.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::http {

/// A cluster of three nodes and one that left, in memory, for tests: region
/// "counter" with four partitions, "proxied" with none.
///
/// What tests want otherwise they say in `on_send` and `fail`. Commands take
/// effect at once, so that whoever waits for them sees them done.
class fake_backend : public api_backend {
public:
  fake_backend();

  node_status status() override;
  std::vector<node_row> nodes() override;
  std::vector<region_row> regions() override;
  std::optional<region_view> region(std::string_view name) override;
  std::optional<std::uint32_t>
  partition_count(std::string_view region) override;
  std::vector<setting_row> settings() override;
  http::health health() override;
  std::string metrics_text() override;
  void ping(ping_request request, callback<ping_reply> done) override;
  void send(send_request request, callback<send_reply> done) override;
  void plan(std::string region, callback<plan_view> done) override;
  void rebalance(std::string region, callback<plan_view> done) override;
  void move(move_request request, callback<move_accepted> done) override;
  void configure(region_change change, callback<region_changed> done) override;
  void drain(std::string node, callback<node_command_accepted> done) override;
  void undrain(std::string node, callback<node_command_accepted> done) override;
  void restart(std::string node, callback<node_command_accepted> done) override;
  event_page events(event_sequence sequence, std::uint64_t since,
                    std::size_t count_max) override;
  std::shared_ptr<void> on_events(event_sequence sequence,
                                  std::function<void()> wake) override;

  // -- what tests turn -------------------------------------------------------

  /// Every command fails with this from now on.
  void fail(std::optional<api_error> error);

  void set_health(http::health x);

  /// Moves show this many readings of the map later; zero: at once.
  void delay_moves(int readings);

  /// A node's new state shows this many readings later, as on a node that
  /// learns it after the leader.
  void delay_states(int readings);

  /// What plans wait for.
  std::string waiting_for;

  /// The last change of a region.
  region_change changed;

  /// Takes the place of the echo that `send` is.
  std::function<void(send_request, callback<send_reply>)> on_send;

  event_ring cluster_events{100};
  event_ring local_events{100};
  metrics::registry metrics;

private:
  struct pending_move {
    planned_move move;
    int readings = 0;
  };

  std::string owner_of_key(const target& to, partition_id& partition);
  void start_move(const planned_move& move);
  void progress();
  void assign(const planned_move& move);
  std::uint32_t owned(const std::string& node);
  void set_state(const std::string& node, node_state state,
                 callback<node_command_accepted> done, bool away);

  template <class T>
  bool failed(callback<T>& done);

  std::mutex mutex_;
  std::optional<api_error> error_;
  http::health health_{true, true, ""};
  std::vector<node_row> nodes_;
  region_view counter_;
  std::vector<pending_move> moves_;
  int delay_ = 0;
  int state_delay_ = 0;
  std::string late_node_; // whose state is not shown yet
  node_state late_state_ = node_state::up;
  int late_readings_ = 0;
  std::uint64_t version_ = 100;
};

} // namespace troupe::http
