#include <troupe/actors/remote_sender.hpp>

#include <troupe/actors/data_plane.hpp>

namespace troupe {

void remote_sender::answer(caf::message_id asked, epoch at,
                           const caf::type_erased_tuple& content) const {
  plane_.send_answer(*this, asked.request_id().integer_value(), at, content);
}

void remote_sender::enqueue(caf::mailbox_element_ptr what,
                            caf::execution_unit* ctx) {
  if (handle_system_message(*what, ctx, false))
    return;
  epoch at;
  if (what->sender)
    if (auto* from = dynamic_cast<partition*>(what->sender->get())) {
      at = from->epoch();
      if (!from->may_speak() && !what->mid.is_response())
        return; // answers passed the gate already
    }
  if (what->mid.is_response())
    answer(what->mid, at, what->content());
  else if (sender_ != 0)
    plane_.send_answer(*this, 0, at, what->content());
}

} // namespace troupe
