// The life of a partition: begin, stop, save, kill, end.
#include <troupe/actors/partition/partition.hpp>

#include <caf/actor_system.hpp>
#include <caf/detail/sync_request_bouncer.hpp>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/message_path.hpp>
#include <troupe/actors/partition/partition_control.hpp>

namespace troupe {

caf::invoke_message_result partition::control(const partition_control& what) {
  using kind = partition_control::kind;
  using caf::invoke_message_result;
  if (killed_ && !ending())
    on_kill();
  bool needs_lease = what.what == kind::begin || what.what == kind::marker
                     || what.what == kind::deadline || what.what == kind::fence;
  if (needs_lease && !ending()) {
    // What keeps running without a lease still does not begin without one.
    bool may_begin = what.what != kind::begin || lease_holds();
    if (!may_begin)
      wait_for_gate();
    if (!may_begin || must_wait())
      return invoke_message_result::skipped;
  }
  // What was skipped before it stays in front of it.
  if (what.what == kind::fence && !get_normal_queue().cache().empty())
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
    stalled_ = false;
    flush_skipped();
    finish_if_idle();
    break;
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
  if (hooks_ && hooks_->load && context_.state.present)
    hooks_->load(*context_.state.bytes);
  context_.state = {};
  if (hooks_ && hooks_->start)
    hooks_->start(context_.epoch);
  phase_ = phase::running;
  plane().listener().partition_started(context_.key, context_.epoch);
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
    delayed_send(this, context_.region->stop_deadline,
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
  context_.state = std::move(state);
  saved_ = true;
  give_back_rest();
}

void partition::on_kill() {
  gone_.store(true); // from here on it is not opened any more
  plane().close(context_.key,
                context_.epoch); // what comes is parked
  answer_open(make_error(errc::outcome_unknown, "the node lost the partition"));
  give_back_rest();
}

void partition::give_back_rest() {
  phase_ = phase::returning;
  flush_skipped();
  super::enqueue(to_element({partition_control::kind::end, {}}), nullptr);
}

void partition::on_fence(const fence& f) {
  if (ending())
    left_.emplace_back(f);
  else
    plane().answer_fence(context_.key, f);
}

void partition::on_end() {
  if (has_leftovers()) { // they come first
    give_back_rest();
    return;
  }
  phase_ = phase::done;
  gone_.store(true);
  auto& plane = this->plane();
  plane.stopped(context_.key, context_.epoch, std::exchange(left_, {}));
  plane.listener().partition_stopped(
      context_.key, context_.epoch,
      saved_ ? std::optional{std::move(context_.state)} : std::nullopt);
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
    if (self.routed(x)) {
      self.left_.emplace_back(self.rebuild(x));
    } else if (x.content().size() == 1
               && x.content().match_element<partition_control>(0)) {
      auto& what = x.content().get_as<partition_control>(0);
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
  auto& plane = this->plane();
  plane.close(context_.key, context_.epoch); // what comes now is parked
  collect_mailbox(reason);
  answer_open(make_error(errc::handler_failed, text));
  phase_ = phase::done;
  auto result = super::cleanup(std::move(reason), host);
  plane.stopped(context_.key, context_.epoch, std::exchange(left_, {}));
  plane.listener().partition_failed(context_.key, context_.epoch, text);
  return result;
}

} // namespace troupe
