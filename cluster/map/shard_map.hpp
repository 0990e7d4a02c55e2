#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/map/error.hpp>
#include <troupe/cluster/map/types.hpp>
#include <troupe/proto/map.pb.h>

namespace troupe {

/// A founder, as all founders know it before there is a log.
struct founder {
  node_id id;
  std::string uuid;
  std::string name;
  std::string address;
};

/// What one command of an entry did.
struct command_result {
  failure refused;
  node_id node;                 // admit_node: the id
  incarnation next_incarnation; // admit_node: the first one to use
};

/// What an entry changed, for those who act on it.
struct applied {
  std::vector<partition_key> partitions; // sorted, each once
  std::vector<region_id> regions;        // new, or with other settings or hosts
  bool nodes = false;
  /// Nodes whose process of before is gone: down, left, started anew, removed.
  std::vector<node_id> lost; // sorted, each once
  std::vector<proto::Event> events;
  std::vector<command_result> results; // one per command
};

/// The replicated state of the cluster: nodes, regions, and who owns what.
///
/// View:       every node holds one; equal at equal versions.
/// In:         entries of the log in order; snapshots.
/// Out:        what changed, and the events of it, numbered without gaps.
/// Invariants: [INV-MAP-1..5] in cluster/README.md.
/// Errors:     a command that contradicts the map is refused as a value and
///             changes nothing; a row that names another epoch is ignored.
/// Threads:    none of its own; used by one at a time.
class shard_map {
public:
  explicit shard_map(std::size_t event_history = 4096)
      : event_history_(event_history) {}

  /// The map of a new cluster, at the index its log starts from.
  static shard_map found(std::string cluster_id,
                         const std::vector<founder>& founders, log_index at,
                         std::size_t event_history = 4096);

  applied apply(log_index at, const proto::MapEntry& entry);

  /// A change of the raft group was applied at `at`: removed nodes that are not
  /// members any more free their ids.
  applied apply_members(log_index at, const raft::configuration& members);

  void save(proto::MapSnapshot& to) const;

  /// Replaces the whole map. False, and nothing changed, if it is malformed.
  bool restore(const proto::MapSnapshot& from);

  const std::string& cluster_id() const { return cluster_id_; }
  log_index version() const { return version_; }

  const std::map<node_id, node_record>& nodes() const { return nodes_; }
  const node_record* node(node_id id) const;
  const node_record* node(std::string_view name) const;
  /// The name, or "node 7" for one that is not known any more.
  std::string name_of(node_id id) const;

  const std::map<region_id, region_record>& regions() const { return regions_; }
  const region_record* region(region_id id) const;
  const region_record* region(std::string_view name) const;
  const assignment* find(partition_key key) const;

  /// A host of the region that may own partitions of it.
  bool can_host(const region_record& region, const node_record& node) const;
  /// Another node than this could be given its partitions of the region.
  bool has_host_beside(node_id node, const region_record& region) const;

  const std::deque<proto::Event>& events() const { return events_; }
  std::uint64_t next_event() const { return next_event_; }

private:
  struct apply_context;

  command_result on(apply_context&, const proto::AdmitNode&);
  command_result on(apply_context&, const proto::NodeUp&);
  command_result on(apply_context&, const proto::NodeDown&);
  command_result on(apply_context&, const proto::NodeLeft&);
  command_result on(apply_context&, const proto::SetIntent&);
  command_result on(apply_context&, const proto::AnnounceRegion&);
  command_result on(apply_context&, const proto::ConfigureRegion&);
  command_result on(apply_context&, const proto::Pause&);
  command_result on(apply_context&, const proto::Assign&);
  command_result on(apply_context&, const proto::Started&);
  command_result on(apply_context&, const proto::Failed&);
  command_result on(apply_context&, const proto::PlanMade&);

  static void unassign(assignment& a);
  static std::uint64_t since(const apply_context&, std::uint64_t us);
  static void set_liveness(apply_context&, node_record&, liveness next);
  void retire(apply_context&, node_id id);
  void forget_left(apply_context&);
  void unassign_all(apply_context&, node_id owner, bool keep_restarting);
  assignment* find_mutable(partition_key key);
  assignment* find_row(const proto::PartitionRow& row);
  void touch(apply_context&, const proto::PartitionRow& row, assignment&);
  proto::Event& emit(apply_context&, proto::EventKind kind);
  proto::Event& emit(apply_context&, proto::EventKind kind,
                     const node_record& node);
  proto::Event& emit(apply_context&, proto::EventKind kind,
                     const proto::PartitionRow& row, const assignment& a);
  void publish(apply_context&);

  std::size_t event_history_;
  std::string cluster_id_;
  log_index version_;
  std::map<node_id, node_record> nodes_;
  std::map<region_id, region_record> regions_;
  std::uint32_t next_region_ = 1;
  std::uint64_t next_event_ = 1;
  std::deque<proto::Event> events_;
  std::map<node_id, incarnation> retired_; // freed ids
};

} // namespace troupe
