// The data lane, outwards: what a slot wants sent to other nodes.
#include <caf/actor_system.hpp>

#include <troupe/actors/data_frames.hpp>
#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/data_plane_env.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/partition/partition.hpp>
#include <troupe/actors/payload/payload.hpp>
#include <troupe/actors/remote_sender.hpp>
#include <troupe/actors/scratch_bytes.hpp>
#include <troupe/actors/wire_element.hpp>

namespace troupe {

// Whose memory is used again; see scratch_bytes.
struct head_bytes;
struct payload_bytes;

link::send_result data_plane::send(node_id to, frame_kind kind,
                                   link::frame_class how,
                                   const google::protobuf::MessageLite& header,
                                   std::string_view payload) {
  scratch_bytes<head_bytes> head;
  append_frame_head(head.bytes, header);
  std::string_view parts[] = {head.bytes, payload};
  return links_.load(std::memory_order_acquire)
      ->send(to, how, static_cast<std::uint8_t>(kind), parts);
}

// -- the forms of a message ---------------------------------------------------

// Its bytes, in `room` if they are not there yet. None: it cannot travel, and
// its sender knows.
std::optional<std::string_view> data_plane::payload_of(env& here, envelope& msg,
                                                       std::string& room) {
  if (auto* wire = exactly<wire_element>(*msg.element))
    return wire->payload();
  auto& element = *msg.element;
  auto error = encode_payload(sys_, element.content(), 1, room);
  if (!error
      && room.size() + key_of(element).size() + 4096 // headers, there and back
             > config_.settings.frame_bytes_max)
    error = payload_error{payload_error_kind::too_large,
                          std::to_string(room.size()) + " bytes"};
  if (!error)
    return room;
  auto code = error->kind == payload_error_kind::too_large
                  ? errc::message_too_large
                  : errc::unknown_type;
  auto mid = element.mid.is_request() ? element.mid.response_id()
                                      : caf::make_message_id();
  if (element.sender)
    element.sender->enqueue(
        caf::make_mailbox_element(
            nullptr, mid, {}, caf::make_message(make_error(code, error->text))),
        nullptr);
  here.refused = code;
  dropped(here.region.name, here.p, *msg.element, code);
  return std::nullopt;
}

// Puts into the element who asks. False: somebody who has been answered, with
// an error.
bool data_plane::name_asker(envelope& msg, const region_plane& region,
                            partition_id p, slot& at) {
  auto& element = *msg.element;
  if (msg.origin != config_.self) {
    element.sender = senders_->stand_in(sys_, *this, msg.origin,
                                        msg.origin_started, msg.sender);
    if (msg.request != 0)
      element.mid = caf::make_message_id(msg.request);
  } else if (msg.request != 0 || msg.sender != 0) { // it was elsewhere
    auto who = take_asker(msg, at);
    if (!who) {
      dropped(region.name, p, *msg.element, errc::expired);
      return false;
    }
    element.sender = std::move(who->source);
    if (msg.request != 0)
      element.mid = who->mid;
    element.stages = std::move(who->stages);
    msg.request = msg.sender = 0;
  }
  return true;
}

// -- what a slot wants sent ---------------------------------------------------

// The message itself: the owner has left, and took nothing.
std::optional<envelope> data_plane::send_message(env& here, node_id owner,
                                                 epoch e, envelope&& msg) {
  auto& region = here.region;
  auto& at = here.at;
  auto p = here.p;
  scratch_bytes<payload_bytes> room;
  auto payload = payload_of(here, msg, room.bytes);
  if (!payload) {
    msg.bytes = 0;
    return std::nullopt;
  }
  auto& element = *msg.element;
  bool fresh = element.sender != nullptr;
  if (fresh) {
    if (element.mid.is_request()) {
      auto seq = at.requests.add({element.sender, element.mid,
                                  std::move(element.stages), owner,
                                  at.core.out().started(), e});
      msg.request =
          (std::uint64_t{region.slots.number_of(p)} << sequence_bits) | seq;
    } else {
      senders_->remember(element.sender);
      msg.sender = element.sender->id();
    }
  } else if (msg.request != 0) {
    auto* open = find_request(at, msg.request);
    if (!open) { // answered already, with an error
      dropped(region.name, p, *msg.element, errc::expired);
      msg.bytes = 0;
      return std::nullopt;
    }
    open->owner = owner;
    open->owner_started = at.core.out().started();
    open->epoch = e;
  }
  if (!msg.path.empty() && msg.path.back() != config_.self.value)
    msg.path.push_back(config_.self.value);
  thread_local proto::Message header; // keeps its memory
  header.Clear();
  write_message(header,
                {region_id{region.id.load(std::memory_order_acquire)}, p}, e,
                msg, config_.now);
  auto sent = send(owner, frame_kind::message, link::frame_class::data, header,
                   *payload);
  if (sent == link::send_result::accepted) {
    counters_.sent.add(1);
    msg.bytes = element_bytes + payload->size();
    return std::nullopt;
  }
  if (sent == link::send_result::unknown_peer) {
    msg.element = wire_element::make(sys_, key_of(element), *payload);
    wait_for_owner(region, p, at, owner, msg);
    return std::move(msg);
  }
  if (fresh && msg.request != 0)
    at.requests.take(sequence_of(msg.request));
  // Not taken by the link: its sender is told.
  auto why = sent == link::send_result::too_large    ? errc::message_too_large
             : sent == link::send_result::overloaded ? errc::overloaded
             : sent == link::send_result::stopped    ? errc::stopping
                                                     : errc::no_owner;
  here.drop(std::move(msg), why);
  msg.bytes = 0;
  return std::nullopt;
}

// For a message that `from` did not take.
void data_plane::wait_for_owner(region_plane& region, partition_id p, slot& at,
                                node_id from, envelope& msg) {
  msg.deadline = msg.expires != boot_time{0}
                     ? msg.expires
                     : now() + config_.settings.held_message;
  note_active(region, p);
  if (auto* open = find_request(at, msg.request); open && open->owner == from)
    open->owner = {};
}

void data_plane::env::send(node_id owner, const fence& f) {
  plane.note_active(region, p); // it is not waited for for ever
  std::lock_guard guard{plane.mutex_};
  add_row(plane.fences_[owner], f);
  plane.fences_wait_.store(true, std::memory_order_release);
}

void data_plane::env::add_row(proto::Fences& to, const fence& f) const {
  auto& row = *to.add_rows();
  row.set_region(region.id.load());
  row.set_partition(p);
  row.set_epoch(f.epoch.value);
}

void data_plane::flush_fences() {
  if (!fences_wait_.load(std::memory_order_acquire))
    return;
  std::map<node_id, proto::Fences> out;
  {
    std::lock_guard guard{mutex_};
    fences_wait_.store(false, std::memory_order_release);
    out.swap(fences_);
  }
  for (auto& [to, fences] : out)
    send(to, frame_kind::fence, link::frame_class::reserved, fences, {});
}

// Tells other nodes what became of their messages, so that a loss of this one
// leaves as little as can be in the dark.
void data_plane::report(boot_time now) {
  constexpr boot_time interval = std::chrono::milliseconds{100};
  constexpr int rows_max = 4096; // of a frame
  std::vector<caf::strong_actor_ptr> due;
  {
    std::lock_guard guard{mutex_};
    bool soon = report_due_.exchange(false, std::memory_order_relaxed);
    if (reports_.empty() || (!soon && now - reported_at_ < interval))
      return;
    reported_at_ = now;
    due.swap(reports_);
  }
  using origin = std::pair<node_id, incarnation>;
  std::map<origin, proto::Processed> out;
  auto flush = [&](const origin& to, proto::Processed& what) {
    what.set_asked_by(to.second.value);
    send(to.first, frame_kind::processed, link::frame_class::reserved, what,
         {});
    what.Clear();
  };
  for (auto& who : due) {
    auto* actor = static_cast<partition*>(who->get());
    auto at = actor->key();
    for (auto& one : actor->take_tallies()) {
      auto& to = out[{one.origin, one.started}];
      auto& row = *to.add_rows();
      row.set_region(at.region.value);
      row.set_partition(at.partition);
      row.set_epoch(actor->epoch().value);
      row.set_messages(one.messages);
      if (to.rows_size() >= rows_max)
        flush({one.origin, one.started}, to);
    }
  }
  for (auto& [to, what] : out)
    if (what.rows_size() > 0)
      flush(to, what);
}

void data_plane::env::answer(node_id origin, const fence& f) {
  proto::Fences out;
  out.set_asked_by(f.asked_by.value);
  add_row(out, f);
  plane.send(origin, frame_kind::fenced, link::frame_class::reserved, out, {});
}

void data_plane::env::give_back(node_id origin, epoch e, const route& known,
                                envelope&& msg) {
  proto::GiveBack out;
  write_give_back(out, {region_id{region.id.load()}, p}, e, msg, known,
                  plane.config_.now);
  plane.send(origin, frame_kind::give_back, link::frame_class::reserved, out,
             exactly<wire_element>(*msg.element)->payload());
}

void data_plane::answer_fence(partition_key key, const fence& f) {
  if (f.origin != config_.self) {
    region_plane* region = nullptr;
    if (auto* at = find_slot(key, &region)) {
      env e{*this, *region, key.partition, *at};
      e.answer(f.origin, f);
    }
    return;
  }
  with_slot(key, [&](slot& at, env& e) { at.core.fence_answered(f.epoch, e); });
}

void data_plane::send_answer(const remote_sender& to, std::uint64_t request,
                             epoch at, const caf::type_erased_tuple& content) {
  auto as_payload = [&](errc code, const std::string& text) {
    std::string out;
    encode_payload(sys_, caf::make_message(make_error(code, text)), 0, out);
    return out;
  };
  scratch_bytes<payload_bytes> room;
  auto& payload = room.bytes;
  if (auto error = encode_payload(sys_, content, 0, payload))
    payload = as_payload(errc::unknown_type, error->text);
  thread_local proto::Answer out; // keeps its memory
  out.set_request(request);
  out.set_sender(to.sender());
  out.set_epoch(at.value);
  out.set_asked_by(to.origin_started().value);
  auto deliver = [&](std::string_view bytes) {
    return send(to.origin(), frame_kind::answer, link::frame_class::reserved,
                out, bytes);
  };
  if (deliver(payload) == link::send_result::too_large)
    deliver(as_payload(errc::message_too_large,
                       "the answer is larger than a frame may be"));
}

} // namespace troupe
