#include <troupe/actors/reply_gate.hpp>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/partition/partition.hpp>
#include <troupe/actors/remote_sender.hpp>

namespace troupe {

caf::mailbox_element::forwarding_stack& spare_stages() {
  thread_local caf::mailbox_element::forwarding_stack x;
  return x;
}

void keep_spare(caf::mailbox_element::forwarding_stack& stages) {
  stages.clear();
  if (stages.capacity() > spare_stages().capacity())
    spare_stages().swap(stages);
}

// Here `sender` is still who asked, `mid` that of the request, and the stage
// left on the stack is the partition that answers.
void reply_gate::enqueue(caf::mailbox_element_ptr what,
                         caf::execution_unit* ctx) {
  if (what->stages.empty())
    return;
  auto partition_ptr = std::move(what->stages.back());
  what->stages.pop_back();
  auto* from = static_cast<partition*>(partition_ptr->get());
  auto verdict = from->answered(what->sender, what->mid);
  if (verdict == partition::verdict::drop
      || (!what->sender && what->stages.empty()))
    return;
  if (verdict == partition::verdict::pass)
    from->plane().counters().answered.add(1);
  if (verdict == partition::verdict::pass && what->stages.empty()
      && what->mid.is_request())
    if (auto* asker = remote_sender::of(what->sender)) {
      asker->answer(what->mid, from->epoch(), what->content());
      return keep_spare(what->stages);
    }
  auto content =
      verdict == partition::verdict::pass
          ? what->move_content_to_message()
          : caf::make_message(make_error(errc::outcome_unknown,
                                         "the owner's lease ended before "
                                         "the answer could leave"));
  if (!what->stages.empty()) {
    auto next = std::move(what->stages.back());
    what->stages.pop_back();
    next->enqueue(caf::make_mailbox_element(std::move(what->sender), what->mid,
                                            std::move(what->stages),
                                            std::move(content)),
                  ctx);
    return;
  }
  auto source = std::move(what->sender);
  if (what->mid.is_request())
    from->plane().ends_waiting(source, what->mid);
  source->enqueue(caf::make_mailbox_element(partition_ptr,
                                            what->mid.response_id(), {},
                                            std::move(content)),
                  ctx);
}

} // namespace troupe
