#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "network.hpp"
#include "registry.hpp"
#include "sim_node.hpp"
#include "timeline.hpp"

namespace troupe::sim {

struct world_options {
  std::uint64_t seed = 1;
  unsigned nodes = 3;
  bool strict = false;
  cluster_settings settings;
};

/// The settings of simulations: the defaults, but steps, stops and graces are
/// shorter, so that a run is.
cluster_settings quick_settings();

/// The whole cluster in one thread: nodes, network, disks and time, and what
/// must hold after each step.
class world final : public network_listener {
public:
  explicit world(world_options options);
  ~world() override;

  timeline& time() { return time_; }
  chance& luck() { return luck_; }
  network& net() { return net_; }
  registry& reg() { return reg_; }
  const cluster_settings& settings() const { return options_.settings; }
  bool strict() const { return options_.strict; }

  /// Nodes that were ever part of the cluster, by id; ids may be given again.
  std::vector<sim_node*> nodes();
  sim_node& node(std::uint64_t id);
  sim_node* leader();
  sim_node* any(const std::function<bool(sim_node&)>& pred);

  /// All nodes know the region and host it, newcomers too.
  void add_region(region_settings settings);
  const std::vector<region_settings>& regions() const { return regions_; }

  /// A new machine asks to join through any member, until it may.
  void join(std::string name);
  std::size_t joining() const { return joining_; }

  // -- running ----------------------------------------------------------------
  void step();
  void run_for(boot_time span);
  /// True as soon as `pred` holds; false after `bound` or a violation.
  bool run_until(const std::function<bool()>& pred, boot_time bound);
  bool run_until_calm(boot_time bound);

  /// What stands between the cluster and calm; empty: it is calm.
  std::string unrest();
  /// Partitions that failed to start somewhere may stay spread unevenly.
  void expect_uneven() { even_ = false; }
  bool broken() const { return !reg_.broken().empty(); }
  std::uint64_t trace() const { return trace_; }

  // -- commands ---------------------------------------------------------------
  /// Asks through a living node; the answer in `then`.
  void command(proto::CommandRequest what, sim_node::reply_handler then = {});
  void move(const std::string& region, partition_id p, const std::string& to);
  void rebalance();
  void set_intent(node_id node, proto::Intent intent);
  void stop_faults();

  // -- checks -----------------------------------------------------------------
  void note(std::uint64_t x);
  void check_node(sim_node& node);
  void check_batch(sim_node& node, const raft::persist_batch& batch);
  void check_event(sim_node& node, const proto::Event& event);
  /// Events of the map in the order of their numbers, as first seen.
  const std::map<std::uint64_t, proto::Event>& events() const {
    return events_;
  }
  std::size_t count_events(proto::EventKind kind) const;
  std::uint64_t next_life() { return ++lives_; }

  void control_arrived(process_id to, node_id from, frame_kind kind,
                       const std::string& bytes) override;
  void data_arrived(process_id to, process_id from, data_frame frame) override;
  void session_ended(process_id who, node_id with) override;
  void peer_left(process_id who, node_id peer,
                 std::vector<data_frame> untaken) override;

private:
  struct logged {
    std::uint64_t content = 0;
    std::uint64_t before = 0; // the term of the entry before it
  };

  sim_node* find(process_id who);
  void admit(std::string name, std::string uuid);
  std::string unrest_of_map(sim_node& lead);
  void retire_those_let_go();

  world_options options_;
  timeline time_;
  chance luck_;
  registry reg_;
  network net_;
  std::map<node_id, std::unique_ptr<sim_node>> nodes_;
  std::vector<std::unique_ptr<sim_node>> retired_;
  std::vector<region_settings> regions_;
  std::size_t joining_ = 0;
  std::uint64_t lives_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325;

  bool even_ = true;
  std::map<std::uint64_t, std::uint64_t> checked_; // life -> map version
  std::map<raft::term, node_id> leaders_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, logged> log_;
  std::map<std::uint64_t, std::uint64_t> maps_; // version -> hash
  std::map<std::uint64_t, proto::Event> events_;
};

std::uint64_t hash_of(const std::string& bytes);

} // namespace troupe::sim
