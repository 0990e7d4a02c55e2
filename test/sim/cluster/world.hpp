#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster_checks.hpp"
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
  /// How much faster or slower than true time a node's clock may be.
  std::int64_t clock_error_ppm = 100;
  coordinator::strategies strategies;
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
  const coordinator::strategies& strategies() const {
    return options_.strategies;
  }
  std::int64_t clock_error_ppm() const { return options_.clock_error_ppm; }

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
  void isolate(node_id id); // from all others, until healed

  // -- checks -----------------------------------------------------------------
  void note(std::uint64_t x);
  cluster_checks& checks() { return checks_; }
  const std::map<std::uint64_t, proto::Event>& events() const {
    return checks_.events();
  }
  std::size_t count_events(proto::EventKind kind) const;
  std::uint64_t next_life() { return ++lives_; }

  void control_arrived(process_id to, node_id from, frame_kind kind,
                       const std::string& bytes) override;
  void data_arrived(process_id to, process_id from, data_frame frame) override;
  void session_ended(process_id who, process_id with) override;
  void peer_left(process_id who, process_id peer,
                 std::vector<data_frame> untaken) override;

private:
  sim_node* find(process_id who);
  void admit(std::string name, std::string uuid);
  void retire_those_let_go();

  world_options options_;
  timeline time_;
  chance luck_;
  registry reg_;
  cluster_checks checks_;
  network net_;
  std::map<node_id, std::unique_ptr<sim_node>> nodes_;
  std::vector<std::unique_ptr<sim_node>> retired_;
  std::vector<region_settings> regions_;
  std::size_t joining_ = 0;
  std::uint64_t lives_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325;

  bool even_ = true;
};

} // namespace troupe::sim
