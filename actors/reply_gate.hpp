#pragma once

#include <caf/mailbox_element.hpp>
#include <caf/monitorable_actor.hpp>

namespace troupe {

/// An empty stack of stages with the memory of an earlier one, this thread's.
caf::mailbox_element::forwarding_stack& spare_stages();

/// Gives its memory to the next one.
void keep_spare(caf::mailbox_element::forwarding_stack& stages);

/// Every answer of a partition passes here, put there as the last stage of each
/// message that a router delivers (CAF's forwarding stack): a node whose lease
/// is over does not speak for its partitions. [INV-GATE-1]
///
/// Threads: any number at once; one per node.
class reply_gate : public caf::monitorable_actor {
public:
  explicit reply_gate(caf::actor_config& cfg) : monitorable_actor(cfg) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what,
               caf::execution_unit* ctx) override;
  const char* name() const override { return "troupe.reply_gate"; }
};

} // namespace troupe
