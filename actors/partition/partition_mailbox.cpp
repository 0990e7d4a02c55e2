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
#include <troupe/proto/message.pb.h>

namespace troupe {

// What a router delivered is marked as answered while it waits in the mailbox,
// which costs nothing; nobody but this actor ever sees the mark.
static constexpr auto mark = caf::message_id::answered_flag_mask;

static caf::message_id unmarked(caf::message_id x) {
  return caf::message_id{x.integer_value() & ~mark};
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
    context_->plane->stalled(ctrl());
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
  auto& content = x.content();
  bool from_router = routed(x);
  if (!from_router && content.size() == 1
      && content.match_element<partition_control>(0))
    return control(content.get_as<partition_control>(0));
  if (killed_ && !ending())
    on_kill();
  if (from_router)
    return consume_routed(x);
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
  auto& plane = *context_->plane;
  handling_scope scope{this};
  auto& path = handling_now().path;
  x.mid = unmarked(x.mid);
  extra more;
  {
    std::lock_guard guard{mutex_};
    if (!extras_.empty())
      if (auto i = extras_.find(&x); i != extras_.end())
        more = i->second; // stays: the handler may skip the message
    if (x.mid.is_request())
      open_.push_back({x.sender, x.mid, {}});
  }
  path.assign(more.path.begin(), more.path.end());
  auto* from = x.sender ? remote_sender::of(x.sender) : nullptr;
  if (path.empty() && from)
    path.push_back(from->origin().value);
  if (more.origin == plane.cfg().self)
    from = nullptr; // it was accepted here
  if (path.empty() || path.back() != plane.cfg().self.value)
    path.push_back(plane.cfg().self.value);
  bool pinged = x.content().size() == 2
                && x.content().type(1).second == &typeid(proto::Ping);
  bool late = more.expires != boot_time{0} && plane.now() >= more.expires;
  auto source = x.sender;
  auto mid = x.mid;
  auto result = invoke_message_result::consumed;
  x.stages.push_back(ctrl()); // answers pass the gate
  x.stages.push_back(plane.gate(number()));
  current_mailbox_element(&x);
  if (late) {
    make_response_promise().deliver(make_error(errc::expired));
    plane.dropped(*context_, x.content(), errc::expired);
  } else if (pinged) {
    pong();
  } else {
    try {
      result = super::consume(x);
    } catch (...) {
      plane.counters().processed.add(1);
      if (from)
        done_for(from->origin(), from->origin_started());
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
    if (!late)
      plane.counters().processed.add(1);
    bool first = false;
    {
      std::lock_guard guard{mutex_};
      if (!extras_.empty())
        extras_.erase(&x);
      if (mid.is_request() && !open_.empty() && open_.back().source == source
          && open_.back().mid == mid)
        open_.back().path = path;
      if (from)
        first = add_tally(from->origin(), from->origin_started());
    }
    if (from)
      done_elsewhere(first);
  }
  finish_if_idle();
  return result;
}

// With the mutex held. True: the first since the last report.
bool partition::add_tally(node_id origin, incarnation started) {
  bool first = tallies_.empty();
  auto i = std::find_if(tallies_.begin(), tallies_.end(), [&](auto& one) {
    return one.origin == origin && one.started == started;
  });
  if (i == tallies_.end())
    i = tallies_.insert(i, {origin, started, 0});
  ++i->messages;
  return first;
}

void partition::done_for(node_id origin, incarnation started) {
  bool first;
  {
    std::lock_guard guard{mutex_};
    first = add_tally(origin, started);
  }
  done_elsewhere(first);
}

void partition::done_elsewhere(bool first) {
  auto& plane = *context_->plane;
  plane.counters().for_others.add(1);
  if (first)
    plane.will_report(ctrl());
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
  answer.set_node(context_->plane->cfg().self.value);
  answer.set_epoch(context_->epoch.value);
  make_response_promise().deliver(answer);
}

// An element that was not begun, as what its router sent.
envelope partition::rebuild(caf::mailbox_element& x) {
  auto& plane = *context_->plane;
  envelope out;
  auto* from = x.sender ? remote_sender::of(x.sender) : nullptr;
  out.origin = from ? from->origin() : plane.cfg().self;
  if (from)
    out.origin_started = from->origin_started();
  {
    std::lock_guard guard{mutex_};
    if (auto i = extras_.find(&x); i != extras_.end()) {
      out.path = std::move(i->second.path);
      out.expires = i->second.expires;
      out.origin = i->second.origin;
      extras_.erase(i);
    }
  }
  x.mid = unmarked(x.mid);
  if (from && out.origin != plane.cfg().self) {
    out.sender = from->sender();
    out.request = x.mid.is_request() ? x.mid.request_id().integer_value() : 0;
    if (out.path.empty())
      out.path = {from->origin().value};
  }
  out.bytes = 256;
  out.deadline = plane.now() + plane.cfg().settings.held_message;
  out.element =
      caf::make_mailbox_element(std::move(x.sender), x.mid, std::move(x.stages),
                                x.move_content_to_message());
  return out;
}

} // namespace troupe
