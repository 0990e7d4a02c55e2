// The data lane: what a slot sends to other nodes, and what they send here.
#include <algorithm>
#include <cstring>

#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>

#include <troupe/actors/ask_sink.hpp>
#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/data_plane_env.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/payload/payload.hpp>
#include <troupe/actors/remote_sender.hpp>

namespace troupe {

namespace {

constexpr std::size_t proxies_max = 1 << 16;
constexpr int path_max = 64; // more come from no node of ours

struct split_frame {
  std::string_view header;
  std::string_view payload;
};

std::optional<split_frame> split(std::string_view frame) {
  std::uint32_t size = 0;
  if (frame.size() < sizeof size)
    return std::nullopt;
  std::memcpy(&size, frame.data(), sizeof size);
  frame.remove_prefix(sizeof size);
  if (size > frame.size())
    return std::nullopt;
  return split_frame{frame.substr(0, size), frame.substr(size)};
}

bool parse(google::protobuf::MessageLite& to, std::string_view bytes) {
  return to.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void fill_header(proto::Message& out, std::uint32_t region, partition_id p,
                 epoch e, const envelope& msg, boot_time now) {
  out.set_region(region);
  out.set_partition(p);
  out.set_epoch(e.value);
  out.set_request(msg.request);
  out.set_sender(msg.sender);
  if (msg.expires != boot_time{0}) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        msg.expires - now);
    out.set_deadline_ms(
        static_cast<std::uint32_t>(std::max<std::int64_t>(1, left.count())));
  }
  for (auto node : msg.path)
    out.add_path(node);
  out.set_key(msg.key);
}

} // namespace

link::send_result data_plane::send(node_id to, frame_kind kind,
                                   link::frame_class how,
                                   const google::protobuf::MessageLite& header,
                                   std::string_view payload) {
  std::string head(4, '\0');
  header.AppendToString(&head);
  auto size = static_cast<std::uint32_t>(head.size() - 4);
  std::memcpy(head.data(), &size, sizeof size);
  std::string_view parts[] = {head, payload};
  return links_.load(std::memory_order_acquire)
      ->send(to, how, static_cast<std::uint8_t>(kind), parts);
}

// -- the forms of a message ---------------------------------------------------

// As bytes. False: it cannot travel, and its sender knows.
bool data_plane::ensure_payload(envelope& msg) {
  if (!msg.element)
    return true;
  auto& content = msg.element->content();
  auto error = encode_payload(sys_, content, 1, msg.payload);
  if (!error
      && msg.payload.size() + content.get_as<std::string>(0).size()
                 + 4096 // headers, there and back
             > config_.settings.frame_bytes_max)
    error = payload_error{payload_error_kind::too_large,
                          std::to_string(msg.payload.size()) + " bytes"};
  if (error) {
    auto code = error->kind == payload_error_kind::too_large
                    ? errc::message_too_large
                    : errc::unknown_type;
    counters_.dropped.fetch_add(1, std::memory_order_relaxed);
    auto mid = msg.element->mid.is_request() ? msg.element->mid.response_id()
                                             : caf::make_message_id();
    if (msg.element->sender)
      msg.element->sender->enqueue(
          caf::make_mailbox_element(
              nullptr, mid, {},
              caf::make_message(make_error(code, error->text))),
          nullptr);
    return false;
  }
  msg.key = content.get_as<std::string>(0);
  return true;
}

// As an element for a mailbox here. False: it cannot be read, and whoever sent
// it knows.
bool data_plane::ensure_element(envelope& msg, region_plane& region,
                                partition_id p, slot* at) {
  if (msg.element)
    return true;
  caf::strong_actor_ptr source;
  auto mid = caf::make_message_id();
  std::vector<caf::strong_actor_ptr> stages;
  if (msg.origin != config_.self) {
    source = proxy(msg.origin, msg.sender);
    if (msg.request != 0)
      mid = caf::make_message_id(msg.request);
  } else {
    auto who = take_asker(msg, *at);
    if (!who)
      return false; // answered already, with an error
    source = std::move(who->source);
    if (msg.request != 0)
      mid = who->mid;
    stages = std::move(who->stages);
    msg.request = 0;
  }
  auto decoded = decode_payload(sys_, msg.payload, source, mid, msg.key);
  if (auto* error = std::get_if<payload_error>(&decoded)) {
    counters_.dropped.fetch_add(1, std::memory_order_relaxed);
    auto code = error->kind == payload_error_kind::unknown_type
                    ? errc::unknown_type
                    : errc::malformed_message;
    if (source && mid.is_request())
      source->enqueue(caf::make_mailbox_element(
                          nullptr, mid.response_id(), {},
                          caf::make_message(make_error(code, error->text))),
                      nullptr);
    dead(region, p, msg.key, code);
    return false;
  }
  msg.element = std::move(std::get<caf::mailbox_element_ptr>(decoded));
  msg.element->stages = std::move(stages);
  msg.payload.clear();
  return true;
}

// -- out ----------------------------------------------------------------------

void data_plane::send_message(region_plane& region, partition_id p, slot& at,
                              node_id owner, epoch e, envelope&& msg) {
  if (!ensure_payload(msg))
    return;
  bool fresh = msg.element != nullptr;
  if (fresh) {
    auto& element = *msg.element;
    if (element.mid.is_request() && element.sender) {
      if (!at.requests)
        at.requests =
            std::make_unique<std::unordered_map<std::uint32_t, open_request>>();
      std::uint32_t seq;
      do {
        seq = sequence_of(at.next_request++);
      } while (seq == 0 || at.requests->count(seq) != 0);
      (*at.requests)[seq] = {element.sender, element.mid,
                             std::move(element.stages), owner, e};
      msg.request =
          (std::uint64_t{region.first_slot + p} << sequence_bits) | seq;
    } else if (element.sender) {
      remember_sender(element.sender);
      msg.sender = element.sender->id();
    }
    if (msg.path.empty() || msg.path.back() != config_.self.value)
      msg.path.push_back(config_.self.value);
  } else if (msg.request != 0) {
    if (!at.requests)
      return;
    auto i = at.requests->find(sequence_of(msg.request));
    if (i == at.requests->end())
      return; // answered already
    i->second.owner = owner;
    i->second.epoch = e;
  }
  proto::Message header;
  fill_header(header, region.id.load(std::memory_order_acquire), p, e, msg,
              now());
  std::string head(4, '\0');
  header.AppendToString(&head);
  auto size = static_cast<std::uint32_t>(head.size() - 4);
  std::memcpy(head.data(), &size, sizeof size);
  std::string_view parts[] = {head, msg.payload};
  auto sent = links_.load(std::memory_order_acquire)
                  ->send(owner, link::frame_class::data,
                         static_cast<std::uint8_t>(frame_kind::message), parts);
  if (sent == link::send_result::accepted) {
    counters_.sent.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (fresh && msg.request != 0)
    at.requests->erase(sequence_of(msg.request));
  // Not taken by the link: its sender is told. The stream counts one message
  // too many, which only makes it send a fence that it might not need.
  auto why = sent == link::send_result::too_large    ? errc::message_too_large
             : sent == link::send_result::overloaded ? errc::overloaded
             : sent == link::send_result::stopped    ? errc::stopping
                                                     : errc::no_owner;
  refuse(msg, region, p, why);
}

void data_plane::env::send(node_id owner, const fence& f) {
  std::lock_guard guard{plane.mutex_};
  auto& row = *plane.fences_[owner].add_rows();
  row.set_region(region.id.load());
  row.set_partition(p);
  row.set_epoch(f.epoch.value);
  plane.fences_wait_.store(true, std::memory_order_release);
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

void data_plane::env::answer(node_id origin, const fence& f) {
  proto::Fences out;
  auto& row = *out.add_rows();
  row.set_region(region.id.load());
  row.set_partition(p);
  row.set_epoch(f.epoch.value);
  plane.send(origin, frame_kind::fenced, link::frame_class::reserved, out, {});
}

void data_plane::env::give_back(node_id origin, epoch e, const route& known,
                                envelope&& msg) {
  if (!plane.ensure_payload(msg))
    return;
  proto::GiveBack out;
  fill_header(*out.mutable_message(), region.id.load(), p, e, msg, plane.now());
  out.set_stage(static_cast<std::uint32_t>(known.stage));
  out.set_quarantined(known.quarantined);
  out.set_owner(known.owner.value);
  out.set_epoch(known.epoch.value);
  out.set_version(known.version.value);
  plane.send(origin, frame_kind::give_back, link::frame_class::reserved, out,
             msg.payload);
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

void data_plane::send_answer(node_id to, std::uint64_t request,
                             std::uint64_t sender, epoch at,
                             const caf::type_erased_tuple& content) {
  std::string payload;
  if (auto error = encode_payload(sys_, content, 0, payload)) {
    payload.clear();
    encode_payload(
        sys_, caf::make_message(make_error(errc::unknown_type, error->text)), 0,
        payload);
  }
  proto::Answer out;
  out.set_request(request);
  out.set_sender(sender);
  out.set_epoch(at.value);
  out.add_path(to.value);
  out.add_path(config_.self.value);
  counters_.answered.fetch_add(1, std::memory_order_relaxed);
  auto sent =
      send(to, frame_kind::answer, link::frame_class::reserved, out, payload);
  if (sent != link::send_result::too_large)
    return;
  payload.clear();
  encode_payload(sys_,
                 caf::make_message(make_error(errc::message_too_large,
                                              "the answer is larger than a "
                                              "frame may be")),
                 0, payload);
  send(to, frame_kind::answer, link::frame_class::reserved, out, payload);
}

// -- in -----------------------------------------------------------------------

void data_plane::receive(node_id from, frame_kind kind,
                         std::string_view frame) {
  switch (kind) {
  case frame_kind::message:
    on_message(from, frame);
    break;
  case frame_kind::answer:
    on_answer(from, frame);
    break;
  case frame_kind::give_back:
    on_give_back(from, frame);
    break;
  case frame_kind::fence:
    on_fences(from, frame, false);
    break;
  case frame_kind::fenced:
    on_fences(from, frame, true);
    break;
  default:
    ++malformed_;
  }
  flush_fences();
}

void data_plane::on_message(node_id from, std::string_view frame) {
  auto parts = split(frame);
  proto::Message header;
  if (!parts || !parse(header, parts->header)
      || header.request() >> (slot_bits + sequence_bits) != 0
      || header.path_size() > path_max) {
    ++malformed_;
    return;
  }
  envelope msg;
  msg.origin = from;
  msg.request = header.request();
  msg.sender = header.sender();
  msg.path.assign(header.path().begin(), header.path().end());
  msg.key = std::move(*header.mutable_key());
  msg.payload = parts->payload;
  msg.bytes = frame.size();
  if (header.deadline_ms() > 0)
    msg.expires = now() + std::chrono::milliseconds{header.deadline_ms()};
  region_plane* region = nullptr;
  auto* at = find_slot(header.region(), header.partition(), &region);
  if (!at) {
    // A region that this node's map does not have yet: back it goes.
    proto::GiveBack out;
    *out.mutable_message() = header;
    out.mutable_message()->set_key(msg.key);
    send(from, frame_kind::give_back, link::frame_class::reserved, out,
         msg.payload);
    return;
  }
  std::lock_guard guard{at->mutex};
  env e{*this, *region, header.partition(), *at};
  at->core.arrive(std::move(msg), epoch{header.epoch()}, e);
}

void data_plane::on_give_back(node_id from, std::string_view frame) {
  auto parts = split(frame);
  proto::GiveBack back;
  if (!parts || !parse(back, parts->header) || back.stage() > 4) {
    ++malformed_;
    return;
  }
  auto& header = *back.mutable_message();
  region_plane* region = nullptr;
  auto* at = find_slot(header.region(), header.partition(), &region);
  if (!at) {
    ++malformed_;
    return;
  }
  counters_.returned.fetch_add(1, std::memory_order_relaxed);
  envelope msg;
  msg.origin = config_.self;
  msg.request = header.request();
  msg.sender = header.sender();
  msg.path.assign(header.path().begin(), header.path().end());
  msg.key = std::move(*header.mutable_key());
  msg.payload = parts->payload;
  msg.bytes = frame.size();
  if (header.deadline_ms() > 0)
    msg.expires = now() + std::chrono::milliseconds{header.deadline_ms()};
  msg.deadline = msg.expires != boot_time{0}
                     ? msg.expires
                     : now() + config_.settings.held_message;
  route known{static_cast<stage>(std::max(1u, back.stage())),
              back.quarantined(), node_id{back.owner()}, epoch{back.epoch()},
              log_index{back.version()}};
  std::lock_guard guard{at->mutex};
  if (msg.request != 0 && at->requests)
    if (auto i = at->requests->find(sequence_of(msg.request));
        i != at->requests->end() && i->second.owner == from)
      i->second.owner = {};
  env e{*this, *region, header.partition(), *at};
  at->core.returned(std::move(msg), epoch{header.epoch()}, known, e);
  note_held(*region, header.partition(), e);
}

void data_plane::on_fences(node_id from, std::string_view frame,
                           bool answered) {
  auto parts = split(frame);
  proto::Fences fences;
  if (!parts || !parse(fences, parts->header)) {
    ++malformed_;
    return;
  }
  for (auto& row : fences.rows()) {
    partition_key key{region_id{row.region()}, row.partition()};
    region_plane* region = nullptr;
    if (!find_slot(key, &region) && !answered) {
      proto::Fences out;
      *out.add_rows() = row;
      send(from, frame_kind::fenced, link::frame_class::reserved, out, {});
      continue;
    }
    with_slot(key, [&](slot& at, env& e) {
      if (answered)
        at.core.fence_answered(epoch{row.epoch()}, e);
      else
        at.core.arrive(fence{from, epoch{row.epoch()}}, e);
    });
  }
}

void data_plane::on_answer(node_id from, std::string_view frame) {
  auto parts = split(frame);
  proto::Answer header;
  if (!parts || !parse(header, parts->header)) {
    ++malformed_;
    return;
  }
  auto decoded = decode_message(sys_, parts->payload);
  caf::message content;
  if (auto* error = std::get_if<payload_error>(&decoded))
    content = caf::make_message(make_error(errc::unknown_type, error->text));
  else
    content = std::move(std::get<caf::message>(decoded));
  if (header.request() == 0) {
    caf::strong_actor_ptr source;
    {
      std::lock_guard guard{mutex_};
      if (auto i = senders_.find(header.sender()); i != senders_.end())
        source = i->second.lock();
    }
    if (source)
      source->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(),
                                                {}, std::move(content)),
                      nullptr);
    return;
  }
  auto number = static_cast<std::uint32_t>(header.request() >> sequence_bits);
  auto seq = sequence_of(header.request());
  region_plane* region = nullptr;
  {
    std::shared_lock guard{regions_mutex_};
    for (auto* one : by_slot_)
      if (number >= one->first_slot
          && number - one->first_slot < one->partitions)
        region = one;
  }
  if (!region) {
    ++malformed_;
    return;
  }
  open_request waiting;
  {
    auto& at = region->slots[number - region->first_slot];
    std::lock_guard guard{at.mutex};
    if (!at.requests)
      return;
    auto i = at.requests->find(seq);
    if (i == at.requests->end() || i->second.owner != from)
      return; // late: the stream was given up
    waiting = std::move(i->second);
    at.requests->erase(i);
  }
  if (auto* sink = dynamic_cast<ask_sink*>(waiting.source->get())) {
    traced_answer answer{std::move(content), epoch{header.epoch()}, {}};
    answer.path.assign(header.path().begin(), header.path().end());
    sink->finish(std::move(answer));
    return;
  }
  if (!waiting.stages.empty()) {
    auto next = std::move(waiting.stages.back());
    waiting.stages.pop_back();
    next->enqueue(caf::make_mailbox_element(
                      std::move(waiting.source), waiting.mid,
                      std::move(waiting.stages), std::move(content)),
                  nullptr);
    return;
  }
  waiting.source->enqueue(caf::make_mailbox_element(nullptr,
                                                    waiting.mid.response_id(),
                                                    {}, std::move(content)),
                          nullptr);
}

// -- senders ------------------------------------------------------------------

caf::strong_actor_ptr data_plane::proxy(node_id node, std::uint64_t sender) {
  std::lock_guard guard{mutex_};
  if (proxies_.size() > proxies_max)
    proxies_.clear(); // those in use live on without being listed
  auto& found = proxies_[{node, sender}];
  if (!found) {
    caf::actor_config cfg;
    found = caf::make_actor<remote_sender, caf::strong_actor_ptr>(
        sys_.next_actor_id(), sys_.node(), &sys_, cfg, *this, node, sender);
  }
  return found;
}

// Actors that sent plain messages to other nodes, so that answers find them.
void data_plane::remember_sender(const caf::strong_actor_ptr& who) {
  {
    std::lock_guard guard{mutex_};
    auto& known = senders_[who->id()];
    if (known)
      return;
    known = caf::weak_actor_ptr{who->get()->ctrl()};
  }
  // Runs at once for an actor that is gone already: not under the lock.
  who->get()->attach_functor([weak = weak_from_this(), id = who->id()] {
    if (auto plane = weak.lock()) {
      std::lock_guard guard{plane->mutex_};
      plane->senders_.erase(id);
    }
  });
}

} // namespace troupe
