// The data lane, inwards: what other nodes send here.
#include <algorithm>

#include <troupe/actors/ask_sink.hpp>
#include <troupe/actors/data_frames.hpp>
#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/data_plane_env.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/wire_element.hpp>

namespace troupe {

void data_plane::receive(node_id from, incarnation started, frame_kind kind,
                         std::string_view frame, caf::execution_unit* ctx) {
  switch (kind) {
  case frame_kind::message:
    on_message(from, started, frame, ctx);
    break;
  case frame_kind::answer:
    on_answer(from, frame, ctx);
    break;
  case frame_kind::give_back:
    on_give_back(from, frame);
    break;
  case frame_kind::fence:
    on_fences(from, started, frame);
    break;
  case frame_kind::fenced:
    on_fences_answered(frame);
    break;
  case frame_kind::processed:
    on_processed(from, frame);
    break;
  default:
    ++malformed_;
  }
  flush_fences();
}

void data_plane::on_message(node_id from, incarnation started,
                            std::string_view frame, caf::execution_unit* ctx) {
  auto what = read_message(sys_, frame, config_.now);
  if (!what) {
    ++malformed_;
    return;
  }
  auto& msg = what->msg;
  msg.origin = from;
  msg.origin_started = started;
  region_plane* region = nullptr;
  auto* at = find_slot(what->key, &region);
  if (!at) {
    // A region that this node's map does not have yet: back it goes.
    proto::GiveBack out;
    write_give_back(out, what->key, what->epoch, msg, {}, config_.now);
    send(from, frame_kind::give_back, link::frame_class::reserved, out,
         exactly<wire_element>(*msg.element)->payload());
    return;
  }
  std::lock_guard guard{at->mutex};
  env e{*this, *region, what->key.partition, *at, ctx};
  at->core.arrive(std::move(msg), what->epoch, e);
}

void data_plane::on_give_back(node_id from, std::string_view frame) {
  auto back = read_give_back(sys_, frame, config_.now);
  if (!back || !find_slot(back->what.key)) {
    ++malformed_;
    return;
  }
  if (back->asked_by == config_.started)
    came_back(from, std::move(back->what), back->known);
}

// A message of this node that `from` did not take.
void data_plane::came_back(node_id from, message_frame what,
                           const std::optional<route>& known) {
  counters_.returned.add(1);
  auto& msg = what.msg;
  msg.origin = config_.self;
  with_slot(what.key, [&](slot& at, env& e) {
    wait_for_owner(e.region, what.key.partition, at, from, msg);
    at.core.returned(std::move(msg), what.epoch,
                     known.value_or(at.core.out().known()), e);
    note_held(e.region, what.key.partition, e);
  });
}

void data_plane::on_fences(node_id from, incarnation started,
                           std::string_view frame) {
  auto fences = read_fences(frame);
  if (!fences) {
    ++malformed_;
    return;
  }
  for (auto& row : fences->rows()) {
    partition_key key{region_id{row.region()}, row.partition()};
    fence f{from, epoch{row.epoch()}, started};
    if (!find_slot(key)) {
      proto::Fences out;
      out.set_asked_by(started.value);
      *out.add_rows() = row;
      send(from, frame_kind::fenced, link::frame_class::reserved, out, {});
      continue;
    }
    with_slot(key, [&](slot& at, env& e) { at.core.arrive(f, e); });
  }
}

void data_plane::on_fences_answered(std::string_view frame) {
  auto fences = read_fences(frame);
  if (!fences) {
    ++malformed_;
    return;
  }
  if (incarnation{fences->asked_by()} != config_.started)
    return;
  for (auto& row : fences->rows())
    with_slot({region_id{row.region()}, row.partition()},
              [&](slot& at, env& e) {
                at.core.fence_answered(epoch{row.epoch()}, e);
              });
}

void data_plane::on_processed(node_id from, std::string_view frame) {
  auto report = read_processed(frame);
  if (!report) {
    ++malformed_;
    return;
  }
  if (incarnation{report->asked_by()} != config_.started)
    return;
  for (auto& row : report->rows())
    with_slot({region_id{row.region()}, row.partition()},
              [&](slot& at, env& e) {
                at.core.processed(from, epoch{row.epoch()}, row.messages(), e);
              });
}

void data_plane::on_answer(node_id from, std::string_view frame,
                           caf::execution_unit* ctx) {
  thread_local answer_frame answer; // keeps its memory
  if (!read_answer(frame, answer)) {
    ++malformed_;
    return;
  }
  auto& header = answer.header;
  if (incarnation{header.asked_by()} != config_.started)
    return;
  if (header.request() == 0) {
    if (auto source = senders_->find(header.sender()))
      source->enqueue(wire_element::make(sys_, std::nullopt, answer.payload),
                      ctx);
    return;
  }
  auto seq = sequence_of(header.request());
  auto* found = find_slot_numbered(
      static_cast<std::uint32_t>(header.request() >> sequence_bits));
  if (!found) {
    ++malformed_;
    return;
  }
  open_request waiting;
  {
    auto& at = *found;
    std::lock_guard guard{at.mutex};
    auto* open = at.requests.find(seq);
    if (!open || open->owner != from)
      return; // late: the stream was given up
    waiting = at.requests.take(seq);
  }
  auto element = wire_element::make(sys_, std::nullopt, answer.payload);
  auto& asker = *waiting.source->get();
  if (auto* sink = exactly<ask_sink>(asker))
    return sink->finish({element->move_content_to_message(),
                         epoch{header.epoch()},
                         {config_.self.value, from.value}});
  if (waiting.stages.empty()) {
    ends_waiting(waiting.source, waiting.mid);
    element->mid = waiting.mid.response_id();
    asker.enqueue(std::move(element), ctx);
    return;
  }
  auto next = std::move(waiting.stages.back());
  waiting.stages.pop_back();
  element->sender = std::move(waiting.source);
  element->mid = waiting.mid;
  element->stages = std::move(waiting.stages);
  next->enqueue(std::move(element), ctx);
}

// -- the end of a session -----------------------------------------------------

// After a goodbye all is known: what the node took it has processed or given
// back, and what it had not taken is here. After any other end nothing is.
void data_plane::session_ended(const link::session_end& end) {
  bool in_order = end.reason == link::end_reason::goodbye;
  auto upto = end.incarnation ? end.incarnation : incarnation{~0ull};
  for (auto& frame : end.untaken)
    if (static_cast<frame_kind>(frame.kind) == frame_kind::message)
      if (auto what = read_message(sys_, frame.payload, config_.now))
        came_back(end.peer, std::move(*what), std::nullopt);
  end_streams(end.peer, upto, log_index{~0ull}, in_order);
  flush_fences();
}

void data_plane::owner_lost(node_id node, incarnation upto, log_index at) {
  end_streams(node, upto, at, false);
}

void data_plane::end_streams(node_id node, incarnation upto, log_index at,
                             bool in_order) {
  each_slot([&](slot& here, env& e) {
    if (here.core.out().streams_to(node, upto, at)) {
      if (in_order)
        here.core.owner_left(e);
      else
        here.core.give_up(upto, at, e);
    }
    fail_requests(here, [&](const open_request& one) {
      return one.owner == node && one.owner_started <= upto
             && one.epoch.value <= at.value;
    });
  });
}

} // namespace troupe
