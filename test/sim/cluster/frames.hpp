#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <troupe/cluster/move/partition_slot.hpp>
#include <troupe/cluster/node/frame_kind.hpp>

namespace troupe::sim {

/// What the partitions of the simulation are sent.
struct message {
  node_id origin;         // whose router accepted it
  std::uint64_t life = 0; // which process of that node
  std::uint32_t sender = 0;
  std::uint64_t number = 0; // of this sender to this partition, from 1
  std::size_t id = 0;       // in the registry
  partition_key key;
  boot_time deadline{0}; // the origin's clock; zero: none
  std::size_t bytes = 16;
};

using slot = partition_slot<message>;

// What travels on the data lane.
struct message_frame {
  message msg;
  troupe::epoch epoch;
};
struct give_back_frame {
  message msg;
  troupe::epoch epoch;
  route known;
};
struct fence_frame {
  partition_key key;
  fence what;
};
struct fenced_frame {
  partition_key key;
  fence what;
};
struct processed_frame {
  std::uint64_t asked_by = 0; // process of the router's node
  partition_key key;
  troupe::epoch epoch;
  std::vector<std::size_t> messages; // in the registry
};
struct node_frame {
  frame_kind kind{};
  std::string bytes;
};
using data_frame = std::variant<message_frame, give_back_frame, fence_frame,
                                fenced_frame, processed_frame, node_frame>;

} // namespace troupe::sim
