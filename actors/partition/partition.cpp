#include <troupe/actors/partition/partition.hpp>

#include <algorithm>
#include <typeinfo>

#include <caf/actor_system.hpp>

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

} // namespace

partition::partition(caf::actor_config& cfg,
                     std::shared_ptr<const partition_context> context)
  : super(cfg), context_(std::move(context)) {
  set_default_handler(no_handler);
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

// -- from outside -------------------------------------------------------------------

void partition::deliver(envelope&& msg, caf::execution_unit* ctx) {
  auto element = std::move(msg.element);
  element->stages.push_back(ctrl());
  element->stages.push_back(context_->plane->gate());
  if (msg.path.size() > 1 || msg.expires != boot_time{0}) {
    std::lock_guard guard{mutex_};
    extras_[element.get()] = {std::move(msg.path), msg.expires};
  }
  super::enqueue(std::move(element), ctx);
}

void partition::deliver(const fence& f) {
  super::enqueue(control_message({partition_control::kind::fence, f}),
                 nullptr);
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
  super::enqueue(control_message({partition_control::kind::kill, {}}),
                 nullptr);
}

void partition::gate_opened() {
  stalled_.store(false);
  super::enqueue(control_message({partition_control::kind::gate_opened, {}}),
                 nullptr);
}

bool partition::gate_open() const {
  auto& plane = *context_->plane;
  return context_->keep_running
         || plane.now() + plane.cfg().settings.handler_budget
              < plane.lease_end();
}

void partition::handed_on(const caf::strong_actor_ptr& source,
                          caf::message_id mid) {
  std::lock_guard guard{mutex_};
  auto i = std::find_if(open_.begin(), open_.end(), [&](auto& one) {
    return one.mid.request_id() == mid.request_id() && one.source == source;
  });
  if (i != open_.end())
    open_.erase(i);
}

bool partition::answered(const caf::strong_actor_ptr& source,
                         caf::message_id mid) {
  if (mid.is_request())
    handed_on(source, mid);
  auto& plane = *context_->plane;
  return !killed_
         && (context_->keep_running || plane.now() < plane.lease_end());
}

// -- the mailbox --------------------------------------------------------------------

bool partition::routed(const caf::mailbox_element& x) const {
  return x.stages.size() > 1 && x.stages.back() == context_->plane->gate();
}

caf::invoke_message_result partition::consume(caf::mailbox_element& x) {
  using caf::invoke_message_result;
  if (!routed(x)) {
    auto& content = x.content();
    if (content.size() == 1 && content.match_element<partition_control>(0)) {
      auto what = content.get_as<partition_control>(0);
      bool waits = what.what == partition_control::kind::fence
                   && phase_ != phase::returning && !gate_open();
      if (waits)
        return invoke_message_result::skipped; // keeps its place
      control(what);
      return invoke_message_result::consumed;
    }
    auto result = super::consume(x);
    if (phase_ == phase::closing && idle())
      finish();
    return result;
  }
  if (phase_ == phase::returning || phase_ == phase::done) {
    left_.emplace_back(rebuild(x));
    return invoke_message_result::consumed;
  }
  auto& plane = *context_->plane;
  if (!gate_open()) {
    if (!stalled_.exchange(true))
      plane.stalled(ctrl());
    return invoke_message_result::skipped;
  }
  auto& path = message_path();
  boot_time expires{0};
  {
    std::lock_guard guard{mutex_};
    if (!extras_.empty())
      if (auto i = extras_.find(&x); i != extras_.end()) {
        path = i->second.path;
        expires = i->second.expires;
        extras_.erase(i);
      }
    if (x.mid.is_request())
      open_.push_back({x.sender, x.mid});
  }
  if (path.empty() && x.sender)
    if (auto* from = dynamic_cast<remote_sender*>(x.sender->get()))
      path.push_back(from->origin().value);
  if (path.empty() || path.back() != plane.cfg().self.value)
    path.push_back(plane.cfg().self.value);
  bool pinged = x.content().size() == 2
                && x.content().matches(1, 0, &typeid(proto::Ping));
  bool late = expires != boot_time{0} && plane.now() >= expires;
  auto source = x.sender;
  auto mid = x.mid;
  auto result = invoke_message_result::consumed;
  current_mailbox_element(&x);
  if (late)
    make_response_promise().deliver(make_error(errc::expired));
  else if (pinged)
    pong(x);
  else
    result = super::consume(x);
  path.clear();
  if (result == invoke_message_result::skipped)
    handed_on(source, mid); // it will come again
  else
    plane.counters().processed.fetch_add(1, std::memory_order_relaxed);
  if (phase_ == phase::closing && idle())
    finish();
  return result;
}

void partition::pong(caf::mailbox_element&) {
  proto::Pong answer;
  answer.set_node(context_->plane->cfg().self.value);
  answer.set_epoch(context_->epoch.value);
  make_response_promise().deliver(answer);
}

// An element that was not begun, as what its router sent.
envelope partition::rebuild(caf::mailbox_element& x) {
  envelope out;
  {
    std::lock_guard guard{mutex_};
    if (auto i = extras_.find(&x); i != extras_.end()) {
      out.path = i->second.path;
      out.expires = i->second.expires;
      extras_.erase(i);
    }
  }
  auto& plane = *context_->plane;
  x.stages.pop_back();
  x.stages.pop_back();
  auto* from = x.sender ? dynamic_cast<remote_sender*>(x.sender->get())
                        : nullptr;
  out.origin = from ? from->origin() : plane.cfg().self;
  if (from) {
    out.sender = from->sender();
    out.request = x.mid.is_request() ? x.mid.request_id().integer_value() : 0;
    if (out.path.empty())
      out.path = {from->origin().value};
  }
  out.bytes = 256;
  out.deadline = plane.now() + plane.cfg().settings.held_message;
  out.element = caf::make_mailbox_element(std::move(x.sender), x.mid,
                                          std::move(x.stages),
                                          x.move_content_to_message());
  return out;
}

// -- the actor's life -----------------------------------------------------------------

void partition::control(const partition_control& what) {
  using kind = partition_control::kind;
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
      on_kill();
      break;
    case kind::gate_opened:
      break; // consuming it lets CAF try again what was skipped
    case kind::fence:
      on_fence(what.asked);
      break;
    case kind::end:
      on_end();
      break;
  }
}

void partition::on_begin() {
  if (hooks_ && hooks_->load && context_->state.present)
    hooks_->load(*context_->state.bytes);
  if (hooks_ && hooks_->start)
    hooks_->start(context_->epoch);
  phase_ = phase::running;
  context_->plane->listener().partition_started(context_->key,
                                                context_->epoch);
}

void partition::on_marker() {
  if (phase_ != phase::running)
    return;
  phase_ = phase::closing;
  if (idle())
    finish();
  else
    delayed_send(this, context_->stop_deadline,
                 partition_control{partition_control::kind::deadline, {}});
}

bool partition::idle() {
  std::lock_guard guard{mutex_};
  return open_.empty() && awaited_responses_.empty()
         && multiplexed_responses_.empty();
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
  if (phase_ == phase::returning || phase_ == phase::done)
    return;
  killed_ = true;
  answer_open(make_error(errc::outcome_unknown,
                         "the node lost the partition"));
  give_back_rest();
}

void partition::give_back_rest() {
  phase_ = phase::returning;
  super::enqueue(control_message({partition_control::kind::end, {}}), nullptr);
}

void partition::on_fence(const fence& f) {
  if (phase_ == phase::returning)
    left_.emplace_back(f);
  else
    context_->plane->answer_fence(context_->key, f);
}

void partition::on_end() {
  phase_ = phase::done;
  auto& plane = *context_->plane;
  plane.stopped(context_->key, context_->epoch, std::exchange(left_, {}));
  plane.listener().partition_stopped(context_->key, context_->epoch,
                                     std::move(saved_));
  quit();
}

// The actor ends. If nobody asked it to, that is a failure of it.
bool partition::cleanup(caf::error&& reason, caf::execution_unit* host) {
  bool died = phase_ != phase::done;
  auto text = reason ? home_system().render(reason) : "it quit by itself";
  auto result = super::cleanup(std::move(reason), host);
  if (result && died) {
    answer_open(make_error(errc::handler_failed, text));
    auto& plane = *context_->plane;
    bool began = phase_ != phase::fresh;
    phase_ = phase::done;
    if (began)
      plane.stopped(context_->key, context_->epoch, std::exchange(left_, {}));
    plane.listener().partition_failed(context_->key, context_->epoch, text);
  }
  return result;
}

} // namespace troupe
