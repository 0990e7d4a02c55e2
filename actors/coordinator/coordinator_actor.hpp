#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/event_based_actor.hpp>

#include <troupe/actors/coordinator/messages.hpp>
#include <troupe/actors/coordinator/ports.hpp>
#include <troupe/actors/data_plane.hpp>
#include <troupe/cluster/node/node_core.hpp>

namespace troupe {

/// The clocks that the coordinator reads.
struct coordinator_clock {
  std::function<boot_time()> now;
  std::function<std::uint64_t()> wall_ms;
};

/// A region as this node takes part in it.
struct hosted_region {
  region_settings settings;
  bool hosts = false;
  partition_factory make;                          // when it hosts
  std::shared_ptr<const region_context> context{}; // of its actors
};

/// One node's member of the coordinator group: feeds `node_core` and performs
/// what it decides.
///
/// Threads: an event-based actor; runs detached, so that users' actors cannot
///          delay heartbeats.
class coordinator_actor : public caf::event_based_actor {
public:
  coordinator_actor(caf::actor_config& cfg, std::unique_ptr<node_core> core,
                    coordinator_ports& ports, data_plane& plane,
                    link::transport& links, coordinator_clock clock);

  caf::behavior make_behavior() override;
  const char* name() const override { return "troupe.coordinator"; }

  // -- for tasks --------------------------------------------------------------

  node_core& core() { return *core_; }
  boot_time now() const { return clock_.now(); }
  void host(hosted_region region);
  /// A command for the leader, on behalf of a user of this node.
  void command(proto::CommandRequest request,
               std::function<void(const proto::CommandReply&)> done);
  /// Ends this actor and the partitions', which are returned.
  std::vector<caf::actor> shut_down();
  std::size_t actors() const { return actors_.size(); }
  /// Performs what the core decided. Called after each change of it.
  void perform();

private:
  void on(const persist& x);
  void on(const save_snapshot& x);
  void on(const store_snapshot& x);
  void on(const send_frame& x);
  void on(const owner_lost& x);
  void on(const route_changed& x);
  void on(const region_changed& x);
  void on(const nodes_changed& x);
  void on(const lease_extended& x);
  void on(const happened& x);
  void on(const command_done& x);
  void on(const stop_process& x);
  void on(const departing& x);
  void on(const start_actor& x);
  void on(const stop_actor& x);
  void on(const kill_actor& x);
  void on(const keep_on_disk& x);
  void on(const drop_from_disk& x);
  void on_report(partition_report& report);
  std::string region_name(region_id id) const;

  struct running {
    troupe::epoch epoch;
    caf::actor actor;
  };

  std::unique_ptr<node_core> core_;
  coordinator_ports& ports_;
  data_plane& plane_;
  link::transport& links_;
  coordinator_clock clock_;
  std::map<std::string, hosted_region> hosted_;
  std::map<partition_key, running> actors_;
  std::map<std::uint64_t, std::function<void(const proto::CommandReply&)>>
      waiting_;
};

} // namespace troupe
