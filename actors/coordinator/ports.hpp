#pragma once

#include <memory>
#include <optional>
#include <string>

#include <troupe/cluster/map/error.hpp>
#include <troupe/cluster/move/partition_host.hpp>
#include <troupe/cluster/raft/types.hpp>
#include <troupe/proto/control.pb.h>

namespace troupe {

class node_core;
struct departing;

/// What the coordinator needs of the operating system. Each call returns at
/// once; what it started ends in a message to the coordinator.
///
/// Threads: called on the coordinator's.
class coordinator_ports {
public:
  virtual ~coordinator_ports() = default;

  // -- the disk: done in the order of the calls -------------------------------

  /// Ends in `disk_done{persisted, batch id}`.
  virtual void persist(raft::persist_batch batch) = 0;
  /// Ends in `disk_done{snapshot_saved, index}`.
  virtual void save_snapshot(raft::snapshot_meta meta,
                             std::shared_ptr<const std::string> bytes) = 0;
  /// Ends in `disk_done{snapshot_stored, index}`.
  virtual void store_snapshot(raft::snapshot_meta meta,
                              std::shared_ptr<const std::string> bytes) = 0;
  /// Ends in `disk_done{state_kept}`, or `state_refused`.
  virtual void keep_state(partition_key key, std::string region, epoch at,
                          partition_state state) = 0;
  virtual void drop_state(partition_key key, std::string region) = 0;
  /// What an announced restart left here; read at once.
  virtual std::optional<partition_state>
  find_state(partition_key key, const std::string& region, epoch at) = 0;

  // -- the process ------------------------------------------------------------

  /// Each tick.
  virtual void ticked(const node_core& core) = 0;
  virtual void region_changed(const region_record& region) = 0;
  virtual void partition_changed(partition_key key, const assignment& now) = 0;
  /// The nodes of the map changed: link to those that are members.
  virtual void nodes_changed(const node_core& core) = 0;
  virtual void happened(const proto::Event& event) = 0;
  virtual void command_done(const proto::CommandReply& reply) = 0;
  virtual void stop_process(const failure& why) = 0;
  /// How far it is with an end in order.
  virtual void goes_on_leaving(const departing& what) = 0;
};

} // namespace troupe
