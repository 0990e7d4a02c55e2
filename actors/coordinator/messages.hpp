#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>

#include <troupe/cluster/move/partition_host.hpp>
#include <troupe/cluster/node/frame_kind.hpp>

/// What the coordinator actor is told. None of it leaves the process.
namespace troupe {

class coordinator_actor;

/// A frame of the control lane, or a state, came from another node.
struct frame_arrived {
  node_id from;
  frame_kind kind{};
  std::string bytes;
};

struct session_over {
  node_id peer;
};

struct disk_done {
  enum class kind {
    persisted,
    snapshot_saved,
    snapshot_stored,
    state_kept,
    state_refused // no room for it
  };
  kind what{};
  std::uint64_t number = 0; // batch, or index
  partition_key key;        // of a state
  troupe::epoch epoch;
};

struct partition_report {
  enum class kind { started, stopped, failed };
  kind what{};
  partition_key key;
  troupe::epoch epoch;
  std::optional<partition_state> state;
  std::string why;
};

/// Something to be done on the coordinator's thread.
struct coordinator_task {
  std::function<void(coordinator_actor&)> run;
};

struct coordinator_tick {};

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::frame_arrived)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::session_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::disk_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::partition_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::coordinator_task)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::coordinator_tick)
