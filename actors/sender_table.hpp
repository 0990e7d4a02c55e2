#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <caf/actor_control_block.hpp>
#include <caf/fwd.hpp>

#include <troupe/cluster/ids.hpp>

namespace troupe {

class data_plane;

/// Who sends across nodes: actors here that asked elsewhere, by their ids, and
/// stand-ins here for those that ask from elsewhere.
///
/// Threads: any number at once.
class sender_table : public std::enable_shared_from_this<sender_table> {
public:
  sender_table();

  /// The stand-in for an actor of that start of a node. 0: nobody in
  /// particular.
  caf::strong_actor_ptr stand_in(caf::actor_system& sys, data_plane& plane,
                                 node_id node, incarnation started,
                                 std::uint64_t sender);

  /// An actor here sent a plain message to another node: answers find it for as
  /// long as it lives.
  void remember(const caf::strong_actor_ptr& who);
  /// None: it is gone, or never sent anything.
  caf::strong_actor_ptr find(std::uint64_t sender);

private:
  struct stand_in_key {
    node_id node;
    incarnation started;
    std::uint64_t sender;
    friend bool operator==(const stand_in_key&, const stand_in_key&) = default;
  };
  struct stand_in_hash {
    std::size_t operator()(const stand_in_key& x) const {
      return (x.sender * 64 + x.node.value) * 0x9e3779b97f4a7c15u
             ^ x.started.value;
    }
  };

  const std::uint64_t serial_;
  std::mutex mutex_;
  std::unordered_map<stand_in_key, caf::strong_actor_ptr, stand_in_hash>
      stand_ins_;
  std::unordered_map<std::uint64_t, caf::weak_actor_ptr> senders_;
};

} // namespace troupe
