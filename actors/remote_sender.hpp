#pragma once

#include <caf/monitorable_actor.hpp>

#include <troupe/cluster/ids.hpp>

namespace troupe {

class data_plane;

/// Stands for an actor on another node that sent a message here: what is sent
/// to it, a response first of all, travels back to that node's router.
///
/// Threads: any number at once.
class remote_sender : public caf::monitorable_actor {
public:
  remote_sender(caf::actor_config& cfg, data_plane& plane, node_id node,
                std::uint64_t sender)
      : monitorable_actor(cfg), plane_(plane), node_(node), sender_(sender) {}

  node_id origin() const { return node_; }
  std::uint64_t sender() const { return sender_; }

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override;
  const char* name() const override { return "troupe.remote_sender"; }

private:
  data_plane& plane_;
  node_id node_;
  std::uint64_t sender_; // 0: nobody listens but who asked
};

} // namespace troupe
