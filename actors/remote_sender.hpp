#pragma once

#include <caf/monitorable_actor.hpp>

#include <troupe/actors/exactly.hpp>
#include <troupe/cluster/ids.hpp>

namespace troupe {

class data_plane;

/// Stands for an actor on another node that sent a message here: what is sent
/// to it, a response first of all, travels back to that node's router, but to
/// no later start of that node.
///
/// Threads: any number at once.
class remote_sender final : public caf::monitorable_actor {
public:
  /// The stand-in behind a handle; null: it is another actor.
  static const remote_sender* of(const caf::strong_actor_ptr& x) {
    return exactly<remote_sender>(*x->get());
  }

  remote_sender(caf::actor_config& cfg, data_plane& plane, node_id node,
                incarnation started, std::uint64_t sender)
      : monitorable_actor(cfg),
        plane_(plane),
        node_(node),
        started_(started),
        sender_(sender) {}

  node_id origin() const { return node_; }
  incarnation origin_started() const { return started_; }
  std::uint64_t sender() const { return sender_; }

  /// An answer that passed its partition's gate already.
  void answer(caf::message_id asked, epoch at,
              const caf::type_erased_tuple& content) const;

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override;
  const char* name() const override { return "troupe.remote_sender"; }

private:
  data_plane& plane_;
  node_id node_;
  incarnation started_;
  std::uint64_t sender_; // 0: nobody listens but who asked
};

} // namespace troupe
