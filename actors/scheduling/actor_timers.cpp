#include <troupe/actors/scheduling/actor_timers.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/group.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/system_messages.hpp>

namespace troupe {

namespace {

constexpr unsigned tick_bits = 18; // of nanoseconds: 0.26 ms
constexpr auto never = std::numeric_limits<std::uint64_t>::max();

std::uint64_t hash_of(caf::actor_id who, std::uint64_t request) {
  auto x = (who * 0x9e3779b97f4a7c15) ^ request;
  x *= 0xff51afd7ed558ccd;
  return x ^ (x >> 32);
}

} // namespace

// -- a shard ------------------------------------------------------------------

auto actor_timers::shard::make(kind what, caf::strong_actor_ptr self)
    -> timer& {
  if (spare.empty())
    spare.push_back(&timers.emplace_back());
  auto& x = *spare.back();
  spare.pop_back();
  x.what = what;
  x.self = std::move(self);
  if (!of_an_actor(what))
    return x;
  auto& first = first_of[x.self->id()];
  x.behind = first;
  if (first)
    first->before = &x;
  first = &x;
  return x;
}

void actor_timers::shard::free(timer& x) {
  if (x.what == kind::request) {
    auto* at = &chain(x.self->id(), x.id);
    while (*at != &x)
      at = &(*at)->same_hash;
    *at = x.same_hash;
    requests.store(requests.load(std::memory_order_relaxed) - 1,
                   std::memory_order_relaxed);
  }
  if (of_an_actor(x.what)) {
    if (x.behind)
      x.behind->before = x.before;
    if (x.before)
      x.before->behind = x.behind;
    else if (x.behind)
      first_of[x.self->id()] = x.behind;
    else
      first_of.erase(x.self->id());
  }
  x.before = x.behind = x.same_hash = nullptr;
  x.what = kind::free;
  spare.push_back(&x);
}

auto actor_timers::shard::chain(caf::actor_id who, std::uint64_t request)
    -> timer*& {
  return table[hash_of(who, request) & (table.size() - 1)];
}

void actor_timers::shard::grow() {
  std::vector<timer*> old(std::max<std::size_t>(64, table.size() * 2));
  old.swap(table);
  for (auto* x : old)
    while (x) {
      auto* next = x->same_hash;
      auto& at = chain(x->self->id(), x->id);
      x->same_hash = std::exchange(at, x);
      x = next;
    }
}

void actor_timers::shard::add_request(timer& x) {
  auto count = requests.load(std::memory_order_relaxed);
  if (count >= table.size())
    grow();
  auto& at = chain(x.self->id(), x.id);
  x.same_hash = std::exchange(at, &x);
  requests.store(count + 1, std::memory_order_relaxed);
}

auto actor_timers::shard::find(caf::actor_id who, std::uint64_t request)
    -> timer* {
  if (table.empty())
    return nullptr;
  auto* x = chain(who, request);
  while (x && (x->id != request || x->self->id() != who))
    x = x->same_hash;
  return x;
}

auto actor_timers::shard::find(caf::actor_id who, caf::atom_value type)
    -> timer* {
  auto first = first_of.find(who);
  auto* x = first == first_of.end() ? nullptr : first->second;
  while (x && !(x->what == kind::actor && x->only_one && x->type == type))
    x = x->behind;
  return x;
}

// -- adding and cancelling ----------------------------------------------------

actor_timers::actor_timers() {
  auto now = tick_of(caf::actor_clock::clock_type::now(), false);
  for (auto& one : shards_)
    one.wheel.advance(now, [](timer_link&) {});
}

actor_timers::~actor_timers() = default;

std::uint64_t actor_timers::tick_of(time_point t, bool up) {
  auto ns = t.time_since_epoch().count();
  if (ns <= 0)
    return 0;
  auto least = static_cast<std::uint64_t>(ns);
  auto rest = least & ((std::uint64_t{1} << tick_bits) - 1);
  constexpr auto last = (std::uint64_t{1} << (63 - tick_bits)) - 1;
  return std::min(last, (least >> tick_bits) + (up && rest != 0));
}

void actor_timers::add(shard& in, timer& x, time_point due) {
  in.wheel.add(x, tick_of(due, true));
}

// After the timer was added: whoever looks has seen it, or sees this.
void actor_timers::wake_before(std::uint64_t tick) {
  if (tick >= wakes_at_.load(std::memory_order_acquire))
    return;
  std::lock_guard guard{mutex_};
  if (!earlier_ || tick < *earlier_) {
    earlier_ = tick;
    changed_.notify_one();
  }
}

void actor_timers::set_ordinary_timeout(time_point t, caf::abstract_actor* self,
                                        caf::atom_value type,
                                        std::uint64_t id) {
  auto& in = shard_of(self->id());
  caf::strong_actor_ptr gone; // not ended under the lock
  {
    std::lock_guard guard{in.mutex};
    if (auto* old = in.find(self->id(), type)) {
      in.wheel.remove(*old);
      in.free(*old);
      gone = std::move(old->self);
    }
    auto& x = in.make(kind::actor, self->ctrl());
    x.type = type;
    x.id = id;
    x.only_one = true;
    add(in, x, t);
  }
  wake_before(tick_of(t, true));
}

void actor_timers::set_multi_timeout(time_point t, caf::abstract_actor* self,
                                     caf::atom_value type, std::uint64_t id) {
  auto& in = shard_of(self->id());
  {
    std::lock_guard guard{in.mutex};
    auto& x = in.make(kind::actor, self->ctrl());
    x.type = type;
    x.id = id;
    x.only_one = false;
    add(in, x, t);
  }
  wake_before(tick_of(t, true));
}

void actor_timers::set_request_timeout(time_point t, caf::abstract_actor* self,
                                       caf::message_id id) {
  auto& in = shard_of(self->id());
  {
    std::lock_guard guard{in.mutex};
    auto& x = in.make(kind::request, self->ctrl());
    x.id = id.integer_value();
    in.add_request(x);
    add(in, x, t);
  }
  wake_before(tick_of(t, true));
}

void actor_timers::cancel_ordinary_timeout(caf::abstract_actor* self,
                                           caf::atom_value type) {
  auto& in = shard_of(self->id());
  caf::strong_actor_ptr gone;
  std::lock_guard guard{in.mutex};
  if (auto* x = in.find(self->id(), type)) {
    in.wheel.remove(*x);
    in.free(*x);
    gone = std::move(x->self);
  }
}

void actor_timers::cancel_request_timeout(caf::abstract_actor* self,
                                          caf::message_id id) {
  auto& in = shard_of(self->id());
  if (in.requests.load(std::memory_order_relaxed) == 0)
    return;
  caf::strong_actor_ptr gone;
  std::lock_guard guard{in.mutex};
  if (auto* x = in.find(self->id(), id.integer_value())) {
    in.wheel.remove(*x);
    in.free(*x);
    gone = std::move(x->self);
  }
}

void actor_timers::cancel_timeouts(caf::abstract_actor* self) {
  auto& in = shard_of(self->id());
  std::vector<caf::strong_actor_ptr> gone;
  std::lock_guard guard{in.mutex};
  for (auto i = in.first_of.find(self->id()); i != in.first_of.end();
       i = in.first_of.find(self->id())) {
    auto& x = *i->second;
    in.wheel.remove(x);
    in.free(x);
    gone.push_back(std::move(x.self));
  }
}

void actor_timers::schedule_message(time_point t,
                                    caf::strong_actor_ptr receiver,
                                    caf::mailbox_element_ptr content) {
  auto& in = shard_of(receiver->id());
  {
    std::lock_guard guard{in.mutex};
    auto& x = in.make(kind::message, std::move(receiver));
    x.content = std::move(content);
    add(in, x, t);
  }
  wake_before(tick_of(t, true));
}

void actor_timers::schedule_message(time_point t, caf::group target,
                                    caf::strong_actor_ptr sender,
                                    caf::message content) {
  auto& in = shards_.front();
  {
    std::lock_guard guard{in.mutex};
    auto& x = in.make(kind::group, std::move(sender));
    x.to_group = std::make_unique<group_message>(
        group_message{std::move(target), std::move(content)});
    add(in, x, t);
  }
  wake_before(tick_of(t, true));
}

void actor_timers::cancel_all() {
  for (auto& one : shards_) {
    std::vector<caf::strong_actor_ptr> actors;
    std::vector<caf::mailbox_element_ptr> messages;
    std::vector<std::unique_ptr<group_message>> others;
    std::lock_guard guard{one.mutex};
    for (auto& x : one.timers)
      if (x.what != kind::free) {
        one.wheel.remove(x);
        one.free(x);
        actors.push_back(std::move(x.self));
        messages.push_back(std::move(x.content));
        others.push_back(std::move(x.to_group));
      }
  }
}

std::size_t actor_timers::size() const {
  std::size_t out = 0;
  for (auto& one : shards_) {
    std::lock_guard guard{one.mutex};
    out += one.wheel.size();
  }
  return out;
}

// -- firing -------------------------------------------------------------------

void actor_timers::fire(timer& x) {
  auto self = std::move(x.self);
  auto* actor = self ? self->get() : nullptr; // of a group: the sender
  switch (x.what) {
  case kind::actor:
    actor->enqueue(caf::make_mailbox_element(self, caf::make_message_id(), {},
                                             caf::timeout_msg{x.type, x.id}),
                   nullptr);
    break;
  case kind::request:
    actor->enqueue(
        caf::make_mailbox_element(self, caf::message_id{x.id}, {},
                                  caf::make_error(caf::sec::request_timeout)),
        nullptr);
    break;
  case kind::message:
    actor->enqueue(std::move(x.content), nullptr);
    break;
  case kind::group:
    if (auto& to = x.to_group->target)
      to->eq_impl(caf::make_message_id(), std::move(self), nullptr,
                  std::move(x.to_group->content));
    break;
  case kind::free:
    break;
  }
}

void actor_timers::fire_all(shard& in, std::uint64_t now) {
  std::deque<timer> due;
  {
    std::lock_guard guard{in.mutex};
    in.wheel.advance(now, [&](timer_link& link) {
      auto& x = static_cast<timer&>(link);
      auto& out = due.emplace_back();
      out.what = x.what;
      out.id = x.id;
      out.type = x.type;
      in.free(x);
      out.self = std::move(x.self);
      out.content = std::move(x.content);
      out.to_group = std::move(x.to_group);
    });
    constexpr std::size_t kept_max = 4096;
    if (in.wheel.size() == 0 && in.timers.size() > kept_max) {
      std::vector<timer*>{}.swap(in.spare);
      std::vector<timer*>{}.swap(in.table);
      std::deque<timer>{}.swap(in.timers);
    }
  }
  for (auto& x : due)
    fire(x);
}

void actor_timers::run() {
  std::unique_lock guard{mutex_};
  while (!stopped_) {
    wakes_at_.store(never, std::memory_order_release); // all come to the lock
    earlier_.reset();
    guard.unlock();
    auto now = tick_of(caf::actor_clock::clock_type::now(), false);
    auto next = never - 1;
    for (auto& one : shards_) {
      fire_all(one, now);
      std::lock_guard inside{one.mutex};
      if (auto at = one.wheel.next())
        next = std::min(next, *at);
    }
    guard.lock();
    next = std::min(next, earlier_.value_or(next));
    wakes_at_.store(next, std::memory_order_release);
    earlier_ = next;
    auto woken = [&] { return stopped_ || *earlier_ < next; };
    if (next == never - 1) {
      changed_.wait(guard, woken);
    } else {
      caf::actor_clock::time_point at{
          std::chrono::nanoseconds{next << tick_bits}};
      changed_.wait_until(guard, at, woken);
    }
  }
}

void actor_timers::stop() {
  std::lock_guard guard{mutex_};
  stopped_ = true;
  changed_.notify_one();
}

} // namespace troupe
