#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/coordinator/coordinator.hpp>
#include <troupe/cluster/coordinator/lease.hpp>
#include <troupe/cluster/coordinator/voter_plan.hpp>
#include <troupe/cluster/map/codec.hpp>
#include <troupe/cluster/map/shard_map.hpp>
#include <troupe/cluster/move/partition_host.hpp>
#include <troupe/cluster/node/effects.hpp>
#include <troupe/cluster/node/snapshot_transfer.hpp>
#include <troupe/cluster/raft/core.hpp>

namespace troupe {

/// Who this node is and how it behaves.
struct node_config {
  node_id self;
  incarnation started;
  std::uint64_t boot_id = 0;
  std::uint64_t seed = 0;
  std::string name;
  std::string address;
  std::string http_address;
  std::vector<std::string> roles;
  std::map<std::string, std::string> labels;
  std::uint32_t weight = 100;
  std::string version;
  cluster_settings settings;
  coordinator::strategies strategies;
};

/// What a node finds when it starts: its log, and the map of its snapshot.
struct node_recovered {
  raft::recovered log;
  std::shared_ptr<const std::string> snapshot; // proto::MapSnapshot, or null
};

/// All that one node decides about the cluster, without any I/O: its member of
/// the coordinator group, its copy of the map, the leader's planning when it
/// leads, its lease, and its partitions.
///
/// View:       one node; owned by its coordinator actor or by a simulation.
/// In:         ticks, frames from other nodes, what became of effects, what
///             partition actors did, commands of users.
/// Out:        effects, to be performed in order.
/// Invariants: [INV-NODE-1..4] in cluster/README.md.
/// Errors:     malformed frames are counted and ignored.
/// Threads:    none of its own; one at a time.
class node_core {
public:
  node_core(node_config config, node_recovered disk, boot_time now);
  ~node_core();

  // -- time and the network ---------------------------------------------------

  /// Each `settings.tick`. `time_ms` is the wall clock, for people.
  void tick(boot_time now, std::uint64_t time_ms);
  void receive(boot_time now, node_id from, frame_kind kind,
               std::string_view bytes);
  /// The session with a node ended: what was not acknowledged is lost. Streams
  /// over it are the caller's to end.
  void session_ended(boot_time now, node_id with);
  void unreachable(node_id peer);

  // -- what became of effects -------------------------------------------------

  void persisted(boot_time now, std::uint64_t batch);
  void snapshot_saved(log_index at);
  void snapshot_stored(boot_time now, log_index at);
  void actor_started(boot_time now, partition_key key, epoch at);
  void actor_stopped(boot_time now, partition_key key, epoch at,
                     std::optional<partition_state> state);
  void actor_failed(boot_time now, partition_key key, epoch at,
                    std::string why);
  void state_kept(boot_time now, partition_key key, epoch at);
  /// There was no room for it: it is in memory alone.
  void state_refused(boot_time now, partition_key key, epoch at);
  void state_found(partition_key key, epoch at, partition_state state);

  // -- users ------------------------------------------------------------------

  /// This node knows the region, and hosts it or only sends to it. Said to the
  /// leader until the map has it.
  void announce(boot_time now, region_settings settings, bool hosts);
  /// Asks the leader; the answer is a `command_done` with this id.
  std::uint64_t command(boot_time now, proto::CommandRequest request);
  /// The same, with the next tick.
  std::uint64_t ask(boot_time now, proto::CommandRequest request);
  /// The process is to end in order. Each step that concerns it is `departing`.
  void depart(departure::goal goal) { departure_.emplace(goal); }
  /// After `serves_nobody`.
  void clients_gone() { departure_->clients_gone(); }
  /// Hands leadership to another voter, if this node leads.
  bool hand_over();
  /// The process is about to end: if no partition runs here, none will start
  /// any more, and the leader need not wait for the end of the lease.
  void retire(boot_time now);

  std::vector<node_effect> take();

  // -- what it knows ----------------------------------------------------------

  const shard_map& map() const { return map_; }
  const raft::leadership& leadership() const { return leadership_; }
  const raft::configuration& members() const { return members_; }
  const partition_host& host() const { return host_; }
  boot_time started_at() const { return started_at_; }
  boot_time lease_end() const { return lease_.end(); }
  /// States on their way to the disk.
  std::size_t states_open() const { return states_open_; }
  /// States that found no room there, so far.
  std::size_t states_refused() const { return states_refused_; }
  /// Since when partitions run here without a lease, as their regions wish;
  /// zero: none does.
  boot_time degraded_since() const {
    return degraded_.empty() ? boot_time{0} : degraded_.begin()->second.since;
  }
  log_index applied() const { return applied_; }
  const node_config& config() const { return config_; }
  /// The map holds this node, up, in its present incarnation.
  bool joined() const;
  bool suspects(node_id node, boot_time now) const;
  std::uint64_t malformed() const { return malformed_; }
  const raft::core& raft() const { return raft_; }

private:
  struct waiting_command {
    proto::CommandRequest request;
    boot_time deadline;
    boot_time sent_at{0};
    node_id sent_to;
    bool own = false; // an announcement: no reply, said again
  };
  struct in_flight {
    proposal what;
    raft::term term;
    log_index index;
  };

  void pump(boot_time now);
  void emit(node_effect effect) { effects_.push_back(std::move(effect)); }
  void send(node_id to, frame_kind kind,
            const google::protobuf::MessageLite& message);
  void drain_raft(boot_time now);
  void send_raft(const raft::message& message);
  void release(std::uint64_t batch);
  void apply(boot_time now, const raft::entry& entry);
  void publish(boot_time now, troupe::applied what);
  void publish_all(boot_time now, const std::vector<node_id>& lost);
  void begin_routing();
  void lose(boot_time now, node_id id);
  void restore(boot_time now, const raft::snapshot_meta& meta,
               std::string_view bytes);
  void take_snapshot();
  void set_wall(boot_time now, std::uint64_t time_ms);
  std::uint64_t wall_us(boot_time now) const;
  void lead(boot_time now, const raft::leadership& next);
  void propose(boot_time now);
  void change_members();
  void answer(const command_answer& one);
  void heartbeat(boot_time now);
  void echo(boot_time now);
  void announce_all(boot_time now);
  void knock();
  proto::MapCommand node_up() const;
  void send_commands(boot_time now);
  void expire_commands(boot_time now);
  void perform_host();
  void watch_handlers(boot_time now);
  void watch_lease(boot_time now);
  void local_event(boot_time now, proto::Event event);

  void on(boot_time now, node_id from, const proto::Heartbeat& beat);
  void on(boot_time now, const proto::Echo& echo);
  void on(boot_time now, node_id from, const proto::CommandRequest& request);
  void on(boot_time now, const proto::CommandReply& reply);

  node_config config_;
  raft::core raft_;
  shard_map map_;
  coordinator coordinator_;
  partition_host host_;
  lease lease_;
  echo_queue echoes_;
  snapshot_sender snapshot_sender_;
  snapshot_receiver snapshot_receiver_;

  raft::leadership leadership_;
  raft::configuration members_;
  boot_time led_from_{0}; // the detector's base, when this node leads
  struct degradation {
    boot_time since;
    std::size_t alerts = 0; // given
  };
  std::map<region_id, degradation> degraded_;
  boot_time started_at_;
  std::size_t states_open_ = 0;
  std::size_t states_refused_ = 0;
  std::optional<departure> departure_;
  bool retired_ = false;
  bool routing_ = false; // routes are told from here on
  struct farewell {
    boot_time until;
    owner_lost then;
  };
  std::map<node_id, farewell> farewells_; // of nodes that went in order
  log_index applied_;
  raft::term applied_term_;
  log_index snapshot_at_; // newest durable snapshot of our own
  bool saving_ = false;
  raft::snapshot_meta saving_meta_;
  std::shared_ptr<const std::string> saving_bytes_;
  struct installation { // not durable yet; a later one may arrive meanwhile
    snapshot_receiver::complete what;
    std::uint64_t batch = 0;
  };
  std::optional<installation> installing_;
  std::deque<std::pair<std::uint64_t, std::vector<raft::message>>> waiting_;
  std::uint64_t durable_ = 0; // newest batch reported
  std::optional<in_flight> proposed_;
  std::map<std::uint64_t, waiting_command> commands_;
  std::uint64_t next_command_;
  struct announcement {
    region_settings settings;
    bool hosts = false;
    bool refused = false;
  };
  std::map<std::string, announcement> announced_;
  boot_time announce_at_{0};
  node_id knocked_;          // last
  node_id knock_at_;         // somebody named it as the leader
  std::int64_t wall_us_ = 0; // wall clock less the cluster's
  std::uint64_t local_seq_ = 1;
  std::uint64_t malformed_ = 0;
  std::vector<node_effect> effects_;
};

} // namespace troupe
