#include <troupe/actors/ask_sink.hpp>

#include <troupe/actors/partition/partition.hpp>

namespace troupe {

void ask_sink::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
  if (!what->mid.is_response())
    return;
  traced_answer answer;
  if (what->sender)
    if (auto* from = dynamic_cast<partition*>(what->sender->get()))
      answer.at = from->epoch();
  answer.path = {self_.value};
  answer.content = what->move_content_to_message();
  finish(std::move(answer));
}

} // namespace troupe
