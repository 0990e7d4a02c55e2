#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <troupe/cluster/coordinator/failure_detector.hpp>
#include <troupe/cluster/map/shard_map.hpp>
#include <troupe/cluster/placement/planner.hpp>
#include <troupe/proto/control.pb.h>

namespace troupe {

/// Who asked for a command: where its reply goes.
struct command_origin {
  node_id node;
  std::uint64_t id = 0;
};

/// One entry to propose, and whom to tell when it is applied: an origin per
/// command, id 0 for commands of the leader's own.
struct proposal {
  proto::MapEntry entry;
  std::vector<command_origin> origins;
};

struct command_answer {
  command_origin to;
  proto::CommandReply reply;
};

/// What the leader of the coordinator group decides.
///
/// It looks at the map and at what nodes told it, and makes the next entry of
/// the log: nodes that came or are lost, moves confirmed and started, moves
/// that took too long, partitions without an owner, and moves to balance. It
/// keeps nothing that another leader could not see again.
///
/// View:       one node; every node has one, the leader's is asked.
/// In:         heartbeats with facts, requests, applied changes, time.
/// Out:        proposals, one at a time; answers to requests.
/// Invariants: [INV-COORD-1..7] in cluster/README.md.
/// Errors:     refusals as answers.
/// Threads:    none of its own.
class coordinator {
public:
  using strategies = std::map<std::string, placement_strategy_ptr>;

  /// `own` are the user's strategies; others are made by name.
  coordinator(cluster_settings settings, strategies own);

  /// This node leads from now on; `base` as in `failure_detector`.
  void lead(boot_time now, boot_time base, const shard_map& map);
  /// It leads no more. Requests that wait are answered with not_leader.
  void retire();

  /// A heartbeat, with the facts that the sender has to tell; `applied`: the
  /// version of its map that they are about.
  void heard(boot_time now, node_id from, incarnation started,
             log_index applied, const proto::Facts& facts,
             const shard_map& map);
  /// Facts between two heartbeats.
  void told(node_id from, const proto::Facts& facts);
  /// The node begins nothing any more: its lease needs no waiting for.
  void released(node_id from) { detector_.released(from); }
  void request(boot_time now, command_origin from,
               const proto::CommandRequest& what, const shard_map& map);

  /// The map has changed. On every node.
  void applied(boot_time now, const troupe::applied& what,
               const shard_map& map);
  /// The map was replaced.
  void restored(boot_time now, const shard_map& map);

  /// The next entry, if there is anything to say. The owner calls again when
  /// it is applied, or when time has passed.
  std::optional<proposal> next(boot_time now, std::uint64_t time_us,
                               const shard_map& map,
                               const raft::configuration& members);

  /// The results of a proposal's commands.
  void done(const proposal& what, log_index at,
            const std::vector<command_result>& results);
  /// A proposal whose fate is not known, or that was refused.
  void failed(const proposal& what, errc code);

  std::vector<command_answer> take_answers() {
    return std::exchange(answers_, {});
  }

  /// Nodes that have given everything away and wait to be let go.
  const std::set<node_id>& leaving() const { return leaving_; }
  const failure_detector& detector() const { return detector_; }

private:
  struct queued {
    command_origin from;
    proto::MapCommand command;
  };
  struct builder;
  // A plan while it is carried out: it holds until anything else than that
  // happens to the nodes or to the partitions of the region.
  struct plan_under_way {
    std::vector<node_id> owners; // by partition
    std::vector<planned_load> loads;
    partition_id first = 0; // nothing to assign below
    // Those that are not begun, by (from, to).
    std::map<std::pair<node_id, node_id>, std::deque<partition_id>> moves;
  };

  void answer(command_origin to, errc code, std::string detail,
              std::string hint);
  void on_plan(boot_time now, command_origin from, const proto::PlanRequest&,
               const shard_map&);
  void on_move(command_origin from, const proto::MoveRequest&,
               const shard_map&);
  void add_nodes(builder&);
  void add_requests(builder&);
  void add_facts(builder&);
  void add_restarts(builder&);
  void add_overdue(builder&);
  void add_placement(builder&);
  bool add_region(builder&, const region_record&);
  std::uint32_t add_assignments(builder&, const region_record&, plan_under_way&,
                                std::size_t under_way,
                                std::map<std::string, proto::Assign>& by_cause);
  boot_time add_moves(builder&, const region_record&, plan_under_way&,
                      std::map<std::string, proto::Pause>& by_cause);
  plan_under_way* current_plan(builder&, const region_record&);
  static bool follows(plan_under_way&, partition_key, const assignment*);
  bool add_source(builder&, proto::PartitionRow&, partition_key,
                  const assignment&);
  node_id holder_of(partition_key key, const assignment& a) const;
  boot_time closed_until(node_id from, node_id to) const;
  node_id elsewhere(const builder&, const region_record&, const plan_under_way&,
                    partition_key, node_id planned,
                    const std::function<bool(node_id)>& closed) const;
  bool settled(const builder&, const region_record&) const;
  boot_time stable_at(region_id) const;
  std::string waiting_for(boot_time now, const region_record&,
                          bool asked_for) const;
  std::string strategy_refusal(const proto::ConfigureRegion&) const;
  placement_input input_for(const region_record&, const shard_map&) const;
  plan_result plan_for(const region_record&, const shard_map&) const;
  void track(boot_time now, partition_key key, const shard_map& map);

  cluster_settings settings_;
  strategies strategies_;
  bool leading_ = false;
  failure_detector detector_;
  std::vector<queued> queue_;
  std::vector<command_answer> answers_;
  std::map<node_id, queued> starting_nodes_; // their old lease may still run
  std::map<node_id, proto::Facts> facts_;    // not yet turned into commands
  struct holder {
    node_id node;
    troupe::epoch epoch;
  };
  std::map<partition_key, holder> holders_;     // of states without an owner
  std::map<node_id, log_index> versions_;       // of the maps of those who live
  std::map<partition_key, boot_time> moving_;   // pausing or starting, since
  std::map<partition_key, boot_time> stranded_; // no owner, but a state, since
  std::map<node_id, boot_time> restarting_;     // gone with a promise to return
  std::map<node_id, boot_time> joining_;        // admitted, not heard yet
  std::map<region_id, boot_time> cut_; // partitions may still run that it lost
  std::set<region_id> unbalanced_;     // to be planned when the view is stable
  std::set<region_id> urgent_;         // planned without waiting
  std::set<region_id> asked_;    // the same, because somebody asked for it
  std::set<region_id> orphaned_; // have partitions without an owner
  std::map<region_id, boot_time> changed_; // last change of settings or hosts
  struct nothing_to_do {
    log_index version; // of the map
    boot_time until{boot_time::max()};
  };
  std::map<region_id, nothing_to_do> idle_;
  std::map<region_id, plan_under_way> plans_;
  struct closed_way { // moves that way were rolled back
    boot_time wait{0};
    boot_time until{0}; // no other one before
  };
  std::map<std::pair<node_id, node_id>, closed_way> closed_;
  boot_time nodes_changed_{0};               // last join or announced leave
  std::map<node_id, command_origin> leaves_; // who waits to be let go
  std::set<node_id> leaving_;                // the same
};

} // namespace troupe
