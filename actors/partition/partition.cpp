#include <troupe/actors/partition/partition.hpp>

#include <algorithm>
#include <exception>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/message_path.hpp>
#include <troupe/actors/partition/partition_control.hpp>
#include <troupe/actors/remote_sender.hpp>
#include <troupe/actors/wire_element.hpp>

namespace troupe {

namespace {

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

partition::partition(caf::actor_config& cfg, partition_context context)
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

void partition::deliver(envelope&& msg, caf::execution_unit* ctx) {
  auto element = std::move(msg.element);
  // What another node asked and a partition here handed on is ours.
  bool handed_on = msg.origin == plane().cfg().self && element->sender
                   && remote_sender::of(element->sender);
  if (msg.path.size() == 1)
    msg.path.clear(); // goes without saying
  message_extra extra{std::move(msg.path), msg.expires, handed_on};
  if (auto* wire = exactly<wire_element>(*element))
    wire->extra = std::move(extra);
  else if (extra.any())
    element = caf::mailbox_element_ptr{
        new extended_element{std::move(element), std::move(extra)}};
  enqueue_routed(std::move(element), ctx);
}

void partition::deliver(const fence& f) {
  super::enqueue(to_element({partition_control::kind::fence, f}), nullptr);
}

void partition::begin() {
  super::enqueue(to_element({partition_control::kind::begin, {}}), nullptr);
}

void partition::stop() {
  super::enqueue(to_element({partition_control::kind::marker, {}}), nullptr);
}

void partition::kill() {
  killed_.store(true);
  super::enqueue(to_element({partition_control::kind::kill, {}}), nullptr);
}

void partition::gate_opened() {
  super::enqueue(to_element({partition_control::kind::gate_opened, {}}),
                 nullptr);
}

bool partition::lease_holds() const {
  auto& plane = this->plane();
  return plane.now() + plane.cfg().settings.handler_budget < plane.lease_end();
}

bool partition::gate_open() const {
  return context_.region->keep_running || lease_holds();
}

bool partition::may_speak() const {
  auto& plane = this->plane();
  return !killed_
         && (context_.region->keep_running || plane.now() < plane.lease_end());
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
    super::enqueue(to_element({partition_control::kind::answered, {}}),
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

} // namespace troupe
