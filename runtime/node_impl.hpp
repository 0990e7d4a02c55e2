#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <semaphore>
#include <set>

#include <troupe/actors/coordinator/coordinator_actor.hpp>
#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/actors/scheduling/job_batch.hpp>
#include <troupe/cluster/bootstrap/bootstrap.hpp>
#include <troupe/cluster/bootstrap/member_answer.hpp>
#include <troupe/runtime/disk_writer.hpp>
#include <troupe/runtime/http/event_ring.hpp>
#include <troupe/runtime/http/http_server.hpp>
#include <troupe/runtime/link/asio_transport.hpp>
#include <troupe/runtime/log/file_system.hpp>
#include <troupe/runtime/log/identity_file.hpp>
#include <troupe/runtime/map_mirror.hpp>
#include <troupe/runtime/node.hpp>
#include <troupe/runtime/node_metrics.hpp>

namespace troupe {

class http_backend;

/// The parts of one process, and what passes between them.
class node::impl final : public plane_listener,
                         public coordinator_ports,
                         public link::transport_handler {
public:
  explicit impl(node_options options);
  ~impl() override;

  // -- life (node_start.cpp, node_stop.cpp) -----------------------------------
  failure start();
  void stop(stop_kind how);
  void request_stop(stop_kind how) noexcept;
  end wait();

  region host(const std::string& name, region_options options,
              partition_factory make);
  void subscribe(const caf::actor& who);

  /// Answers `who` (an ask_sink) with `outcome_unknown` if nothing else has by
  /// then.
  void expire_later(boot_time when, caf::strong_actor_ptr who);

  /// Runs `f` on the coordinator's thread. Dropped once the node has stopped.
  void post(std::function<void(coordinator_actor&)> f);
  /// A command for the leader. `done` runs on the coordinator's thread.
  void command(proto::CommandRequest request,
               std::function<void(const proto::CommandReply&)> done);

  // -- plane_listener: in partitions' and senders' threads --------------------
  void partition_started(partition_key key, epoch at) override;
  void partition_stopped(partition_key key, epoch at,
                         std::optional<partition_state> state) override;
  void partition_failed(partition_key key, epoch at, std::string why) override;
  void lost_message(dead_letter letter) override;

  // -- coordinator_ports: on the coordinator's thread -------------------------
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
  void region_changed(const region_record& region) override;
  void partition_changed(partition_key key, const assignment& now) override;
  void nodes_changed(const node_core& core) override;
  void happened(const proto::Event& event) override;
  void command_done(const proto::CommandReply&) override {}
  void stop_process(const failure& why) override;
  void goes_on_leaving(const departing& what) override;

  // -- transport_handler: on the transport's thread ---------------------------
  void on_frame(node_id peer, link::lane way, std::uint8_t kind,
                std::string_view payload) override;
  void on_pause() override;
  void on_connected(const link::identity& peer) override;
  void on_disconnected(node_id peer, link::close_reason why) override;
  void on_session_ended(const link::session_end& end) override;
  std::optional<link::refusal> on_hello(const link::hello& from) override;
  void on_refused(const link::refused_link& what) override;
  void on_malformed(std::string_view remote,
                    link::malformed_reason why) override;
  void on_introduction(std::string request, std::string remote,
                       introduction_reply reply) override;

  disk::identity identity() {
    std::lock_guard guard{mutex_};
    return identity_;
  }
  template <class F>
  void with_identity(F change) { // in `start`
    std::lock_guard guard{mutex_};
    change(identity_);
  }

  // -- parts ------------------------------------------------------------------
  node_options options_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<data_plane> plane_;
  coordinator::strategies strategies_;
  std::map<std::string, hosted_region> regions_; // as told before `start`
  map_mirror mirror_;
  http::event_ring cluster_events_{4096};
  http::event_ring local_events_{4096};
  metrics::registry metrics_;

  std::string data_; // directory
  bool temporary_ = false;
  std::unique_ptr<disk::directory_lock> lock_;
  // The name and the uuid are the same from before there are other threads;
  // until the node has entered its cluster, `start` changes the rest.
  disk::identity identity_; // guarded by mutex_ against other threads
  std::string address_;
  std::uint64_t boot_id_ = 0;
  boot_time started_at_{0};
  std::unique_ptr<link::asio_transport> links_;
  std::unique_ptr<disk_writer> disk_;
  std::optional<disk::partition_state_files> states_;
  std::unique_ptr<node_metrics> gauges_;
  std::unique_ptr<http_backend> backend_;
  std::unique_ptr<http::http_server> http_;

private:
  failure check_regions() const;
  failure open_directory();
  failure open_links();
  failure enter_cluster();
  failure perform_bootstrap(boot::effects effects, bool& done);
  void ask_neighbours();
  failure open_core();
  failure open_http();
  failure serve_http();
  failure wait_until_joined();
  void answer_as_member(std::string request, introduction_reply reply);
  void answer_join(const boot::join_request& request, introduction_reply reply);
  boot::member_view member_view(coordinator_actor& self);
  void stop_core();
  bool wait_for(std::chrono::milliseconds limit, std::function<bool()> check);
  bool leave(stop_kind how);

  enum class phase { made, starting, started, stopping, stopped };
  std::atomic<phase> phase_{phase::made};
  mutable std::mutex mutex_;
  std::condition_variable changed_; // mirror, stop requests, bootstrap
  caf::actor coordinator_;          // guarded by mutex_
  std::optional<failure> broken_;
  std::optional<departing> departing_; // guarded by mutex_
  std::atomic<int> stop_asked_{-1};    // a stop_kind
  std::counting_semaphore<> stop_signal_{0};
  std::set<node_id> linked_;
  std::map<node_id, boot_time> unlink_at_; // nodes that left: not at once
  std::map<node_id, incarnation> peers_; // of the sessions; transport's thread
  std::optional<job_batch> arrivals_;    // of this burst; transport's thread
  std::mutex events_mutex_;              // their order is everybody's
  std::vector<caf::actor> subscribers_;  // guarded by it
  std::mutex asks_mutex_;
  std::multimap<boot_time, caf::strong_actor_ptr> asks_; // guarded by it

  std::mutex boot_mutex_;
  std::unique_ptr<boot::bootstrap> boot_;
  using boot_event =
      std::variant<boot::replied, boot::failed, boot::founding_set_persisted>;
  std::deque<boot_event> boot_events_; // guarded by mutex_
  boot::founding founding_;
  std::optional<boot::admitted> admitted_;
  std::vector<boot::member> first_members_;
};

/// The same bytes as another array type.
template <class To, class From>
To bytes_as(const From& from) {
  To out{};
  std::copy(from.begin(), from.end(), out.begin());
  return out;
}

inline failure from_disk(const disk::refusal& why) {
  return {errc::data_directory, why.what, ""};
}

} // namespace troupe
