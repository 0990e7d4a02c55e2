// The mailbox of a partition: what is begun, what waits, what goes back.
#include <troupe/actors/partition/partition.hpp>

#include <algorithm>
#include <typeinfo>
#include <utility>

#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/system_messages.hpp>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/message_path.hpp>
#include <troupe/actors/partition/partition_control.hpp>
#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/actors/remote_sender.hpp>
#include <troupe/actors/reply_gate.hpp>
#include <troupe/actors/wire_element.hpp>
#include <troupe/proto/message.pb.h>

namespace troupe {

// What a router delivered is marked as answered while it waits in the mailbox,
// which costs nothing; nobody but this actor ever sees the mark.
static constexpr auto mark = caf::message_id::answered_flag_mask;

static caf::message_id unmarked(caf::message_id x) {
  return caf::message_id{x.integer_value() & ~mark};
}

static bool is_ping(const caf::mailbox_element& x) {
  auto& content = x.content();
  return content.size() == 2 && content.type(1).second == &typeid(proto::Ping);
}

bool partition::routed(const caf::mailbox_element& x) {
  return x.mid.is_answered() && !x.mid.is_response();
}

void partition::enqueue_routed(caf::mailbox_element_ptr element,
                               caf::execution_unit* ctx) {
  element->mid.mark_as_answered();
  super::enqueue(std::move(element), ctx);
}

// A message that must wait keeps its place: it is skipped until the lease is
// extended, or the partition is killed. [INV-GATE-2]
void partition::wait_for_gate() {
  if (!std::exchange(stalled_, true))
    plane().stalled(ctrl());
}

// The lease may be extended between two messages: what lies behind a skipped
// one waits until that is tried again.
bool partition::must_wait() {
  if (!stalled_ && gate_open())
    return false;
  wait_for_gate();
  return true;
}

caf::invoke_message_result partition::consume(caf::mailbox_element& x) {
  using caf::invoke_message_result;
  bool from_router = routed(x);
  if (!from_router && x.content().size() == 1
      && x.content().match_element<partition_control>(0))
    return control(x.content().get_as<partition_control>(0));
  if (killed_ && !ending())
    on_kill();
  if (from_router)
    return consume_routed(x);
  auto& content = x.content();
  bool exits = content.size() == 1 && content.match_element<caf::exit_msg>(0);
  if (!exits && ending()) { // its state is saved: it does nothing any more
    caf::detail::sync_request_bouncer bounce{
        make_error(errc::moved, "the partition has stopped")};
    bounce(x);
    return invoke_message_result::consumed;
  }
  if (!exits && phase_ == phase::fresh)
    return invoke_message_result::skipped; // on_load and on_start come first
  if (!exits && must_wait())
    return invoke_message_result::skipped;
  handling_scope scope{this};
  auto result = super::consume(x);
  finish_if_idle();
  return result;
}

caf::invoke_message_result partition::consume_routed(caf::mailbox_element& x) {
  using caf::invoke_message_result;
  if (ending()) {
    if (!get_normal_queue().cache().empty())
      return invoke_message_result::skipped; // they go back first
    left_.emplace_back(rebuild(x));
    return invoke_message_result::consumed;
  }
  if (must_wait())
    return invoke_message_result::skipped;
  auto& plane = this->plane();
  handling_scope scope{this};
  auto& path = handling_now().path;
  x.mid = unmarked(x.mid);
  auto source = x.sender;
  auto mid = x.mid;
  auto* extra = extra_of(x);
  if (extra)
    path.assign(extra->path.begin(), extra->path.end());
  auto* from = source ? remote_sender::of(source) : nullptr;
  if (path.empty() && from)
    path.push_back(from->origin().value);
  if (extra && extra->handed_on)
    from = nullptr; // it was accepted here
  if (path.empty() || path.back() != plane.cfg().self.value)
    path.push_back(plane.cfg().self.value);
  if (mid.is_request()) {
    std::lock_guard guard{mutex_};
    open_.push_back({source, mid, {}});
  }
  if (x.stages.empty())
    x.stages.swap(spare_stages());
  x.stages.push_back(ctrl()); // answers pass the gate
  x.stages.push_back(plane.gate(number()));
  current_mailbox_element(&x);
  auto result = invoke_message_result::consumed;
  auto refusal = why_not_begun(x);
  if (refusal) {
    make_response_promise().deliver(refusal);
    plane.dropped(region(), number(), x, code_of(refusal));
  } else if (is_ping(x)) {
    pong();
  } else {
    try {
      result = super::consume(x);
    } catch (...) {
      plane.counters().processed.add(1);
      if (from)
        done_for(*from, x);
      else
        note_done_here();
      throw;
    }
  }
  // Who made a promise of it has it, whatever it says then.
  bool taken = x.stages.size() < 2;
  if (result == invoke_message_result::skipped && taken)
    result = invoke_message_result::consumed;
  if (result == invoke_message_result::skipped) {
    erase_open(source, mid); // it will come again
    take_off_stages(x);
    x.mid.mark_as_answered();
  } else {
    if (!refusal)
      plane.counters().processed.add(1);
    if (!from)
      note_done_here();
    if (mid.is_request()) {
      std::lock_guard guard{mutex_};
      if (!open_.empty() && open_.back().source == source
          && open_.back().mid == mid)
        open_.back().path = path;
    }
    if (from)
      done_for(*from, x);
    keep_spare(x.stages);
  }
  finish_if_idle();
  return result;
}

// Looked at when its turn comes, not before.
caf::error partition::why_not_begun(caf::mailbox_element& x) const {
  if (auto* extra = extra_of(x))
    if (extra->expires != boot_time{0} && plane().now() >= extra->expires)
      return make_error(errc::expired);
  if (auto* wire = exactly<wire_element>(x))
    if (auto* wrong = wire->read())
      return *wrong;
  return caf::none;
}

// Another node's message is done with. Whoever is first since the last report
// announces the next one, and asks for it soon when there is much to say.
void partition::done_for(const remote_sender& from,
                         const caf::mailbox_element& what) {
  auto& plane = this->plane();
  auto& limits = plane.cfg().settings;
  auto* wire = exactly<wire_element>(what);
  bool first, many;
  {
    std::lock_guard guard{mutex_};
    first = tallies_.empty();
    auto i = std::find_if(tallies_.begin(), tallies_.end(), [&](auto& one) {
      return one.origin == from.origin()
             && one.started == from.origin_started();
    });
    if (i == tallies_.end())
      i = tallies_.insert(i, {from.origin(), from.origin_started(), 0, 0});
    ++i->messages;
    i->bytes += element_bytes + (wire ? wire->payload().size() : 0);
    many = i->messages == limits.stream_messages_max / 4
           || i->bytes > limits.stream_bytes_max / 4;
  }
  plane.counters().for_others.add(1);
  if (first)
    plane.will_report(ctrl());
  if (many)
    plane.report_soon();
}

std::vector<partition::tally> partition::take_tallies() {
  std::lock_guard guard{mutex_};
  return std::exchange(tallies_, {});
}

// What `consume_routed` put there.
void partition::take_off_stages(caf::mailbox_element& x) {
  x.stages.pop_back();
  x.stages.pop_back();
}

void partition::pong() {
  proto::Pong answer;
  answer.set_node(plane().cfg().self.value);
  answer.set_epoch(context_.epoch.value);
  make_response_promise().deliver(answer);
}

// An element that was not begun, as what its router sent.
envelope partition::rebuild(caf::mailbox_element& x) {
  auto& plane = this->plane();
  envelope out;
  out.origin = plane.cfg().self;
  out.bytes = 256;
  out.deadline = plane.now() + plane.cfg().settings.held_message;
  bool handed_on = false;
  if (auto* extra = extra_of(x)) {
    out.path = std::move(extra->path);
    out.expires = extra->expires;
    handed_on = extra->handed_on;
  }
  auto sender = std::move(x.sender);
  auto mid = unmarked(x.mid);
  auto stages = std::move(x.stages);
  if (auto* wire = exactly<wire_element>(x)) {
    out.element = wire->copy();
    out.bytes += wire->key().size() + wire->payload().size();
  } else if (auto* extended = exactly<extended_element>(x)) {
    out.element = extended->take();
  } else {
    out.element = caf::make_mailbox_element(nullptr, mid, {},
                                            x.move_content_to_message());
  }
  auto* from = sender ? remote_sender::of(sender) : nullptr;
  if (from && !handed_on) {
    out.origin = from->origin();
    out.origin_started = from->origin_started();
    out.sender = from->sender();
    out.request = mid.is_request() ? mid.request_id().integer_value() : 0;
    out.element->mid = caf::make_message_id();
  } else {
    out.element->sender = std::move(sender);
    out.element->mid = mid;
    out.element->stages = std::move(stages);
  }
  return out;
}

} // namespace troupe
