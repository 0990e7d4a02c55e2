#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <troupe/cluster/map/error.hpp>
#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/move/partition_host.hpp>
#include <troupe/cluster/move/route.hpp>
#include <troupe/cluster/node/departure.hpp>
#include <troupe/cluster/node/frame_kind.hpp>
#include <troupe/proto/control.pb.h>

/// What a node's core wants done. Performed in order.
namespace troupe {

/// Write, sync, then `node_core::persisted`. Batches in order.
struct persist {
  raft::persist_batch batch;
};

/// A snapshot of the map: write aside, then `node_core::snapshot_saved`.
struct save_snapshot {
  raft::snapshot_meta meta;
  std::shared_ptr<const std::string> bytes;
};

/// A snapshot that arrived: make it durable, without effect yet, then
/// `node_core::snapshot_stored`. A persist with `install` gives it effect.
struct store_snapshot {
  raft::snapshot_meta meta;
  std::shared_ptr<const std::string> bytes;
};

struct send_frame {
  node_id to;
  frame_kind kind{};
  std::string bytes;
};

/// Streams to this node are to be given up: its lease is over, it is gone, or
/// it was started anew. Only those to what it owned then: in a start up to
/// `upto`, by an assignment up to `at`.
struct owner_lost {
  node_id node;
  incarnation upto;
  log_index at;
};

/// What the map says of a partition now.
struct route_changed {
  partition_key key;
  route to;
};

/// A region is new, or its settings or hosts are.
struct region_changed {
  region_id region;
};

/// Somebody joined, left, or has another address, state or intent.
struct nodes_changed {};

struct lease_extended {
  boot_time end;
};

struct happened {
  std::vector<proto::Event> events;
};

/// The answer to a command of this node.
struct command_done {
  proto::CommandReply reply;
};

/// This process must not go on: say why, and stop.
struct stop_process {
  failure why;
};

using node_effect =
    std::variant<persist, save_snapshot, store_snapshot, send_frame, owner_lost,
                 route_changed, region_changed, nodes_changed, lease_extended,
                 happened, command_done, stop_process, departing, start_actor,
                 stop_actor, kill_actor, keep_on_disk, drop_from_disk>;

} // namespace troupe
