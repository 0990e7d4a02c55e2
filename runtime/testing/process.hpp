#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <troupe/actors/coordinator/coordinator_actor.hpp>
#include <troupe/runtime/testing/memory_disk.hpp>
#include <troupe/runtime/testing/memory_network.hpp>
#include <troupe/runtime/testing/virtual_scheduler.hpp>

namespace troupe::testing {

/// What a process tells the cluster it is in.
class process_listener {
public:
  virtual ~process_listener() = default;
  virtual void happened(std::size_t node, const proto::Event& event) = 0;
  virtual void lost_message(std::size_t node, dead_letter letter) = 0;
  virtual void broken(std::size_t node, const failure& why) = 0;
};

/// One start of a node: the real actor system, data plane and coordinator, on
/// virtual time, an in-memory link and an in-memory disk. Does what
/// `node::impl` does around them.
///
/// Threads: one at a time; driven by `testing::cluster`.
class process final : public plane_listener,
                      public coordinator_ports,
                      public link::transport_handler {
public:
  struct config {
    std::size_t index = 0; // in the cluster
    node_config node;
    std::string uuid;
    std::string cluster;
    std::vector<node_id> first_peers;
    std::function<void(caf::actor_system_config&)> configure_caf;
  };

  process(config what, timeline& time, memory_network& net, memory_disk& disk,
          process_listener& listener);
  ~process() override;

  // -- life -------------------------------------------------------------------

  void start(const std::map<std::string, hosted_region>& regions);
  void host(const hosted_region& region);
  /// Ends at once. Said goodbye to or not, it is silent from here on; its
  /// routers refuse.
  void end(bool in_order);
  bool ended() const { return ended_; }
  /// How its end in order came out; none: it is not that far.
  const std::optional<departing>& left() const { return left_; }
  /// As SIGSTOP and SIGCONT: what comes meanwhile waits.
  void pause() { paused_ = true; }
  void resume();
  bool paused() const { return paused_; }

  // -- running ----------------------------------------------------------------

  std::size_t ready() const;
  caf::actor_id run_one(std::size_t which);
  std::optional<boot_time> next_timeout();
  void set_time(boot_time now);

  // -- what it has ------------------------------------------------------------

  caf::actor_system& system() { return *system_; }
  data_plane& plane() { return *plane_; }
  const node_core& core() const { return *core_; }
  memory_link& links() { return *links_; }
  /// Runs `f` in the coordinator, soon.
  void post(std::function<void(coordinator_actor&)> f);
  void subscribe(caf::actor who) { subscribers_.push_back(std::move(who)); }
  /// Whoever sends plain messages for the test.
  const caf::actor& sender() const { return sender_; }

  // -- plane_listener ---------------------------------------------------------
  void partition_started(partition_key key, epoch at) override;
  void partition_stopped(partition_key key, epoch at,
                         std::optional<partition_state> state) override;
  void partition_failed(partition_key key, epoch at, std::string why) override;
  void lost_message(dead_letter letter) override;

  // -- coordinator_ports ------------------------------------------------------
  void persist(raft::persist_batch batch) override;
  void save_snapshot(raft::snapshot_meta meta,
                     std::shared_ptr<const std::string> bytes) override;
  void store_snapshot(raft::snapshot_meta meta,
                      std::shared_ptr<const std::string> bytes) override;
  void keep_state(partition_key key, std::string region, epoch at,
                  partition_state state) override;
  void drop_state(partition_key key, std::string region) override;
  std::optional<partition_state>
  find_state(partition_key key, const std::string& region, epoch at) override;
  void ticked(const node_core& core) override;
  void region_changed(const region_record&) override {}
  void partition_changed(partition_key, const assignment&) override {}
  void nodes_changed(const node_core& core) override;
  void happened(const proto::Event& event) override;
  void command_done(const proto::CommandReply&) override {}
  void stop_process(const failure& why) override;
  void goes_on_leaving(const departing& what) override;

  // -- transport_handler ------------------------------------------------------
  void on_frame(node_id peer, link::lane way, std::uint8_t kind,
                std::string_view payload) override;
  void on_connected(const link::identity& peer) override;
  void on_disconnected(node_id peer, link::close_reason why) override;
  void on_session_ended(const link::session_end& end) override;
  std::optional<link::refusal> on_hello(const link::hello& from) override;
  void on_refused(const link::refused_link&) override {}
  void on_malformed(std::string_view, link::malformed_reason) override {}
  void on_introduction(std::string, std::string, introduction_reply) override {}

private:
  template <class T>
  void tell(T what); // to the coordinator
  void report(partition_report what);
  std::function<void()> later(std::function<void()> f);

  const std::size_t index_;
  config what_;
  timeline& time_;
  memory_disk& disk_;
  process_listener& listener_;
  memory_link* links_;
  caf::actor_system_config caf_config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<data_plane> plane_;
  caf::actor coordinator_;
  caf::actor sender_;
  node_core* core_ = nullptr; // the coordinator's
  std::vector<caf::actor> subscribers_;
  std::map<node_id, incarnation> peers_; // of the sessions
  std::set<node_id> linked_;
  std::map<node_id, boot_time> unlink_at_; // nodes that left: not at once
  bool ended_ = false;
  std::optional<departing> left_;
  bool paused_ = false;
  std::deque<std::function<void()>> backlog_;
};

} // namespace troupe::testing
