#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/mailbox_element.hpp>

#include <troupe/cluster/move/intake.hpp>

namespace troupe {

/// What the runtime tells a partition actor through its own mailbox, so that
/// it keeps its place among the messages. Never leaves the process.
struct partition_control {
  enum class kind {
    begin,       // load the state, start
    marker,      // nothing of a router comes after this: work up and stop
    deadline,    // open requests are waited for no longer
    kill,        // begin nothing more
    gate_opened, // the lease holds again
    answered,    // the last open request, while it stops
    fence,
    end, // behind everything that was in the mailbox
  };
  kind what{};
  troupe::fence asked{};
};

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::partition_control)

namespace troupe {

inline caf::mailbox_element_ptr to_element(partition_control what) {
  return caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, what);
}

} // namespace troupe
