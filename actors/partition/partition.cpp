#include <troupe/actors/partition/partition.hpp>

#include <algorithm>
#include <exception>
#include <typeinfo>

#include <caf/actor_system.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/system_messages.hpp>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/message_path.hpp>
#include <troupe/actors/partition/partition_control.hpp>
#include <troupe/actors/payload/payload.hpp>
#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/actors/remote_sender.hpp>
#include <troupe/proto/message.pb.h>

namespace troupe {

namespace {

caf::mailbox_element_ptr control_message(partition_control what) {
  return caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, what);
}

caf::result<caf::message> no_handler(caf::scheduled_actor* self,
                                     caf::message_view& x) {
  return make_error(errc::handler_failed,
                    std::string{"no handler of "} + self->name() + " takes "
                        + x.content().stringify().substr(0, 200));
}

caf::error to_error(caf::scheduled_actor*, std::exception_ptr& x) {
  try {
    std::rethrow_exception(x);
  } catch (const std::exception& e) {
    return make_error(errc::handler_failed, e.what());
  } catch (...) {
    return make_error(errc::handler_failed, "an exception without a text");
  }
}

} // namespace

partition::partition(caf::actor_config& cfg,
                     std::shared_ptr<const partition_context> context)
    : super(cfg), context_(std::move(context)) {
  set_default_handler(no_handler);
  set_exception_handler(to_error);
  // A plain message of ours that could not be taken is no reason to die.
  set_error_handler([](caf::scheduled_actor*, caf::error&) {});
}

partition::~partition() = default;

partition::hooks& partition::own_hooks() {
  if (!hooks_)
    hooks_ = std::make_unique<hooks>();
  return *hooks_;
}

void partition::on_start(std::function<void(troupe::epoch)> hook) {
  own_hooks().start = std::move(hook);
}

void partition::before_stop(std::function<void()> hook) {
  own_hooks().stop = std::move(hook);
}

void partition::on_save(std::function<std::string()> hook) {
  own_hooks().save = std::move(hook);
}

void partition::on_load(std::function<void(std::string_view)> hook) {
  own_hooks().load = std::move(hook);
}

// -- from outside -------------------------------------------------------------

// What a router delivered is marked as answered while it waits in the mailbox,
// which costs nothing; nobody but this actor ever sees the mark.
static constexpr auto mark = caf::message_id::answered_flag_mask;

static caf::message_id unmarked(caf::message_id x) {
  return caf::message_id{x.integer_value() & ~mark};
}

bool partition::routed(const caf::mailbox_element& x) {
  return x.mid.is_answered() && !x.mid.is_response();
}

void partition::deliver(envelope&& msg, caf::execution_unit* ctx) {
  auto element = std::move(msg.element);
  // What another node asked and a partition here handed on is ours.
  bool handed_on = msg.origin == context_->plane->cfg().self && element->sender
                   && remote_sender::of(element->sender);
  if (msg.path.size() > 1 || msg.expires != boot_time{0} || handed_on) {
    std::lock_guard guard{mutex_};
    extras_[element.get()] = {std::move(msg.path), msg.expires, msg.origin};
  }
  enqueue_routed(std::move(element), ctx);
}

void partition::enqueue_routed(caf::mailbox_element_ptr element,
                               caf::execution_unit* ctx) {
  element->mid.mark_as_answered();
  super::enqueue(std::move(element), ctx);
}

void partition::deliver(const fence& f) {
  super::enqueue(control_message({partition_control::kind::fence, f}), nullptr);
}

void partition::begin() {
  super::enqueue(control_message({partition_control::kind::begin, {}}),
                 nullptr);
}

void partition::stop() {
  super::enqueue(control_message({partition_control::kind::marker, {}}),
                 nullptr);
}

void partition::kill() {
  killed_.store(true);
  super::enqueue(control_message({partition_control::kind::kill, {}}), nullptr);
}

void partition::gate_opened() {
  stalled_.store(false);
  super::enqueue(control_message({partition_control::kind::gate_opened, {}}),
                 nullptr);
}

bool partition::lease_holds() const {
  auto& plane = *context_->plane;
  return plane.now() + plane.cfg().settings.handler_budget < plane.lease_end();
}

bool partition::gate_open() const {
  return context_->keep_running || lease_holds();
}

bool partition::may_speak() const {
  auto& plane = *context_->plane;
  return !killed_
         && (context_->keep_running || plane.now() < plane.lease_end());
}

bool partition::erase_open(const caf::strong_actor_ptr& source,
                           caf::message_id mid,
                           std::vector<std::uint64_t>* path) {
  bool last;
  {
    std::lock_guard guard{mutex_};
    // From the back: most requests are answered before the next one begins.
    auto i = std::find_if(open_.rbegin(), open_.rend(), [&](auto& one) {
      return one.mid.request_id() == mid.request_id() && one.source == source;
    });
    if (i == open_.rend())
      return false;
    if (path)
      *path = std::move(i->path);
    open_.erase(std::next(i).base());
    last = closing_ && open_.empty();
  }
  if (last)
    super::enqueue(control_message({partition_control::kind::answered, {}}),
                   nullptr);
  return true;
}

std::vector<std::uint64_t>
partition::handed_on(const caf::strong_actor_ptr& source, caf::message_id mid) {
  std::vector<std::uint64_t> path;
  if (mid.is_request())
    erase_open(source, mid, &path);
  if (path.empty() && handling_now().by == this)
    path = handling_now().path;
  return path;
}

partition::verdict partition::answered(const caf::strong_actor_ptr& source,
                                       caf::message_id mid) {
  if (mid.is_request()) {
    if (!erase_open(source, mid))
      return verdict::drop;
    return may_speak() ? verdict::pass : verdict::unknown;
  }
  return may_speak() ? verdict::pass : verdict::drop;
}

// -- the mailbox --------------------------------------------------------------

// A message that must wait keeps its place: it is skipped until the lease is
// extended, or the partition is killed.
void partition::wait_for_gate() {
  if (!stalled_.exchange(true))
    context_->plane->stalled(ctrl());
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
  if (!exits && !gate_open()) {
    wait_for_gate();
    return invoke_message_result::skipped;
  }
  handling_scope scope{this};
  auto result = super::consume(x);
  finish_if_idle();
  return result;
}

caf::invoke_message_result partition::consume_routed(caf::mailbox_element& x) {
  using caf::invoke_message_result;
  if (ending()) {
    left_.emplace_back(rebuild(x));
    return invoke_message_result::consumed;
  }
  if (!gate_open()) {
    wait_for_gate();
    return invoke_message_result::skipped;
  }
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
  if (path.empty() && x.sender)
    if (auto* from = remote_sender::of(x.sender))
      path.push_back(from->origin().value);
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
    auto key = x.content().get_as<std::string>(0);
    make_response_promise().deliver(make_error(errc::expired));
    plane.dropped(*context_, std::move(key), errc::expired);
  } else if (pinged) {
    pong();
  } else {
    result = super::consume(x);
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
    std::lock_guard guard{mutex_};
    if (!extras_.empty())
      extras_.erase(&x);
    if (mid.is_request() && !open_.empty() && open_.back().source == source
        && open_.back().mid == mid)
      open_.back().path = path;
  }
  finish_if_idle();
  return result;
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

// -- the actor's life ---------------------------------------------------------

caf::invoke_message_result partition::control(const partition_control& what) {
  using kind = partition_control::kind;
  using caf::invoke_message_result;
  if (killed_ && !ending())
    on_kill();
  bool needs_lease = what.what == kind::begin || what.what == kind::marker
                     || what.what == kind::deadline || what.what == kind::fence;
  // What keeps running without a lease still does not begin without one.
  bool may = what.what == kind::begin ? lease_holds() : gate_open();
  if (needs_lease && !ending() && !may) {
    wait_for_gate();
    return invoke_message_result::skipped;
  }
  // Messages that the user's handlers skipped stay in front of the fence.
  if (what.what == kind::fence && !ending()
      && !get_normal_queue().cache().empty())
    return invoke_message_result::skipped;
  switch (what.what) {
  case kind::begin:
    on_begin();
    break;
  case kind::marker:
    on_marker();
    break;
  case kind::deadline:
    on_deadline();
    break;
  case kind::kill:
    break; // done above
  case kind::gate_opened:
  case kind::answered:
    flush_skipped();
    finish_if_idle();
    break;
  case kind::fence:
    on_fence(what.asked);
    break;
  case kind::end:
    on_end();
    break;
  }
  return invoke_message_result::consumed;
}

// Consuming a message makes CAF try again what was skipped, but only in the
// same one of its two queues.
void partition::flush_skipped() {
  get_urgent_queue().flush_cache();
}

bool partition::has_leftovers() {
  return !get_normal_queue().cache().empty() || !get_urgent_queue().empty()
         || !get_urgent_queue().cache().empty();
}

void partition::on_begin() {
  if (phase_ != phase::fresh)
    return;
  handling_scope scope{this};
  if (hooks_ && hooks_->load && context_->state.present)
    hooks_->load(*context_->state.bytes);
  if (hooks_ && hooks_->start)
    hooks_->start(context_->epoch);
  phase_ = phase::running;
  context_->plane->listener().partition_started(context_->key, context_->epoch);
}

void partition::on_marker() {
  if (phase_ != phase::running)
    return;
  phase_ = phase::closing;
  {
    std::lock_guard guard{mutex_};
    closing_ = true;
  }
  finish_if_idle();
  if (phase_ == phase::closing)
    delayed_send(this, context_->stop_deadline,
                 partition_control{partition_control::kind::deadline, {}});
}

bool partition::idle() {
  std::lock_guard guard{mutex_};
  return open_.empty() && awaited_responses_.empty()
         && multiplexed_responses_.empty();
}

// Also where the gate may have closed meanwhile: hooks wait for it.
void partition::finish_if_idle() {
  if (phase_ != phase::closing || !idle())
    return;
  if (gate_open())
    finish();
  else
    wait_for_gate();
}

void partition::on_deadline() {
  if (phase_ != phase::closing)
    return;
  answer_open(make_error(errc::moved, "the partition moved before it was "
                                      "answered"));
  finish();
}

void partition::answer_open(const caf::error& why) {
  std::vector<open_request> open;
  {
    std::lock_guard guard{mutex_};
    open.swap(open_);
  }
  for (auto& one : open)
    if (one.source)
      one.source->enqueue(caf::make_mailbox_element(ctrl(),
                                                    one.mid.response_id(), {},
                                                    caf::make_message(why)),
                          nullptr);
}

// All that was to be done is done: save, and give back what is left.
void partition::finish() {
  handling_scope scope{this};
  if (hooks_ && hooks_->stop)
    hooks_->stop();
  partition_state state;
  if (hooks_ && hooks_->save) {
    state.present = true;
    state.bytes = std::make_shared<const std::string>(hooks_->save());
  }
  saved_ = std::move(state);
  give_back_rest();
}

void partition::on_kill() {
  gone_.store(true); // from here on it is not opened any more
  context_->plane->close(context_->key,
                         context_->epoch); // what comes is parked
  answer_open(make_error(errc::outcome_unknown, "the node lost the partition"));
  give_back_rest();
}

void partition::give_back_rest() {
  phase_ = phase::returning;
  flush_skipped();
  super::enqueue(control_message({partition_control::kind::end, {}}), nullptr);
}

void partition::on_fence(const fence& f) {
  if (ending())
    left_.emplace_back(f);
  else
    context_->plane->answer_fence(context_->key, f);
}

void partition::on_end() {
  if (has_leftovers()) { // they come first
    give_back_rest();
    return;
  }
  phase_ = phase::done;
  gone_.store(true);
  auto& plane = *context_->plane;
  plane.stopped(context_->key, context_->epoch, std::exchange(left_, {}));
  plane.listener().partition_stopped(context_->key, context_->epoch,
                                     std::move(saved_));
  quit();
}

// What nobody will handle any more goes back like the rest of a stop.
struct partition::collector {
  partition& self;
  caf::detail::sync_request_bouncer bounce;

  // CAF names the queues that the element was in.
  template <class Key, class Queue, class... Ts>
  caf::intrusive::task_result operator()(const Key&, const Queue&, Ts&... xs) {
    return (*this)(xs...);
  }

  caf::intrusive::task_result operator()(caf::mailbox_element& x) {
    auto& content = x.content();
    if (self.routed(x)) {
      self.left_.emplace_back(self.rebuild(x));
    } else if (content.size() == 1
               && content.match_element<partition_control>(0)) {
      auto& what = content.get_as<partition_control>(0);
      if (what.what == partition_control::kind::fence)
        self.left_.emplace_back(what.asked);
    } else {
      bounce(x);
    }
    return caf::intrusive::task_result::resume;
  }
};

void partition::collect_mailbox(const caf::error& reason) {
  if (mailbox().closed())
    return;
  mailbox().close();
  get_normal_queue().flush_cache();
  get_urgent_queue().flush_cache();
  collector f{*this, caf::detail::sync_request_bouncer{reason}};
  while (mailbox().queue().new_round(1000, f).consumed_items)
    ; // until all queues are empty
}

// The actor ends. If nobody asked it to, that is a failure of it: what it had
// not begun goes back to the routers.
bool partition::cleanup(caf::error&& reason, caf::execution_unit* host) {
  if (getf(is_cleaned_up_flag) || phase_ == phase::done)
    return super::cleanup(std::move(reason), host);
  auto text = code_of(reason) != errc::none ? text_of(reason)
              : reason                      ? home_system().render(reason)
                                            : "it quit by itself";
  gone_.store(true); // from here on it is not opened any more
  auto& plane = *context_->plane;
  plane.close(context_->key, context_->epoch); // what comes now is parked
  collect_mailbox(reason);
  answer_open(make_error(errc::handler_failed, text));
  phase_ = phase::done;
  auto result = super::cleanup(std::move(reason), host);
  plane.stopped(context_->key, context_->epoch, std::exchange(left_, {}));
  plane.listener().partition_failed(context_->key, context_->epoch, text);
  return result;
}

} // namespace troupe
