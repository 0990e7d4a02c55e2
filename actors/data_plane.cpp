// Regions and routing: from a sender's thread to a mailbox, a link or a hold.
#include <troupe/actors/data_plane.hpp>

#include <algorithm>

#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>

#include <troupe/actors/data_plane_env.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/message_path.hpp>
#include <troupe/actors/payload/payload.hpp>
#include <troupe/actors/remote_sender.hpp>
#include <troupe/actors/reply_gate.hpp>
#include <troupe/actors/router/router.hpp>
#include <troupe/cluster/assert.hpp>

namespace troupe {

template <class Actor, class... Ts>
static caf::strong_actor_ptr make_plain_actor(caf::actor_system& sys,
                                              Ts&&... xs) {
  caf::actor_config cfg;
  return caf::make_actor<Actor, caf::strong_actor_ptr>(
    sys.next_actor_id(), sys.node(), &sys, cfg, std::forward<Ts>(xs)...);
}

data_plane::data_plane(caf::actor_system& sys, plane_listener& listener)
  : sys_(sys), listener_(listener) {
  gate_ = make_plain_actor<reply_gate>(sys);
  config_.now = [] { return boot_time{0}; };
}

data_plane::~data_plane() = default;

void data_plane::attach(config cfg, link::transport& links) {
  config_ = std::move(cfg);
  links_.store(&links, std::memory_order_release);
}

// -- regions ----------------------------------------------------------------------

region_plane& data_plane::region(const std::string& name,
                                 std::uint32_t partitions) {
  std::unique_lock guard{regions_mutex_};
  auto& found = by_name_[name];
  if (!found) {
    found = std::make_unique<region_plane>();
    found->name = name;
    found->partitions = partitions;
    found->first_slot = slots_.fetch_add(partitions);
    found->slots = std::make_unique<slot[]>(partitions);
    by_slot_.push_back(found.get());
    found->router = caf::actor_cast<caf::actor>(
      make_plain_actor<router>(sys_, *this, *found));
  }
  return *found;
}

region_plane* data_plane::find(std::string_view name) {
  std::shared_lock guard{regions_mutex_};
  auto i = by_name_.find(name);
  return i == by_name_.end() ? nullptr : i->second.get();
}

void data_plane::region_known(region_id id, const std::string& name,
                              std::uint32_t partitions) {
  auto& plane = region(name, partitions);
  std::unique_lock guard{regions_mutex_};
  if (by_id_.size() <= id.value)
    by_id_.resize(id.value + 1);
  by_id_[id.value] = &plane;
  plane.id.store(id.value, std::memory_order_release);
}

slot* data_plane::find_slot(std::uint32_t region, std::uint32_t partition,
                            region_plane** plane) {
  std::shared_lock guard{regions_mutex_};
  auto* found = region < by_id_.size() ? by_id_[region] : nullptr;
  if (!found || partition >= found->partitions)
    return nullptr;
  if (plane)
    *plane = found;
  return &found->slots[partition];
}

// -- from routers -----------------------------------------------------------------

void data_plane::accept(region_plane& to, caf::mailbox_element_ptr what,
                        caf::execution_unit* ctx) {
  auto& content = what->content();
  partition_id p = 0;
  if (content.size() < 2)
    return refuse(*what, errc::malformed_message,
                  "a message to region '" + to.name
                    + "' is (key, payload...), with a std::string or a "
                      "to_partition first");
  if (content.match_element<std::string>(0)) {
    auto& key = content.get_as<std::string>(0);
    if (key.size() > config_.settings.key_bytes_max)
      return refuse(*what, errc::key_too_long,
                    "the key has " + std::to_string(key.size()) + " bytes");
    p = partition_of(key, to.partitions);
  } else if (content.match_element<to_partition>(0)) {
    auto& target = content.get_as<to_partition>(0);
    p = target.partition;
    if (p >= to.partitions)
      return refuse(*what, errc::partition_out_of_range,
                    "region '" + to.name + "' has "
                      + std::to_string(to.partitions)
                      + " partitions, counted from 0");
    // What the actor sees is (key, payload...).
    auto rest = what->copy_content_to_message().drop(1);
    what = caf::make_mailbox_element(std::move(what->sender), what->mid,
                                     std::move(what->stages),
                                     caf::make_message(target.key) + rest);
  } else {
    return refuse(*what, errc::malformed_message,
                  "a message to region '" + to.name
                    + "' has a std::string or a to_partition first");
  }
  accept_at(to, p, std::move(what), ctx);
}

void data_plane::accept_at(region_plane& to, partition_id p,
                           caf::mailbox_element_ptr what,
                           caf::execution_unit* ctx, boot_time expires) {
  auto* links = links_.load(std::memory_order_acquire);
  if (!links || stopped_.load(std::memory_order_relaxed))
    return refuse(*what, stopped_ ? errc::stopping : errc::wrong_state,
                  stopped_ ? "this node is stopping"
                           : "this node is not started");
  envelope msg;
  msg.expires = expires;
  msg.path = message_path();
  if (msg.path.size() > config_.settings.hop_limit)
    return refuse(*what, errc::hop_limit,
                  "the message passed " + std::to_string(msg.path.size())
                    + " nodes already");
  // A partition that hands a request on to another one is done with it.
  if (what->stages.size() > 1 && what->stages.back() == gate_) {
    what->stages.pop_back();
    auto previous = std::move(what->stages.back());
    what->stages.pop_back();
    static_cast<partition*>(previous->get())
      ->handed_on(what->sender, what->mid);
  }
  msg.origin = config_.self;
  msg.bytes = 256;
  msg.element = std::move(what);
  counters_.accepted.fetch_add(1, std::memory_order_relaxed);
  auto& at = to.slots[p];
  {
    std::lock_guard guard{at.mutex};
    env e{*this, to, p, at, ctx};
    at.core.accept(std::move(msg), e);
  }
  flush_fences();
}

// -- the coordinator's side -------------------------------------------------------

void data_plane::route_changed(partition_key key, const route& to) {
  with_slot(key, [&](slot& at, env& e) { at.core.learn(to, e); });
}

void data_plane::owner_lost(node_id node) {
  std::vector<region_plane*> regions;
  {
    std::shared_lock guard{regions_mutex_};
    regions = by_slot_;
  }
  for (auto* region : regions)
    for (partition_id p = 0; p < region->partitions; ++p) {
      auto& at = region->slots[p];
      std::lock_guard guard{at.mutex};
      env e{*this, *region, p, at};
      if (at.core.out().streams_to(node))
        at.core.give_up(e);
      fail_requests(at, node, epoch{~0ull}, errc::outcome_unknown);
    }
}

void data_plane::started(partition_key key, epoch at,
                         caf::strong_actor_ptr actor) {
  with_slot(key, [&](slot& s, env&) {
    s.actor = std::move(actor);
    s.core.open(at);
  });
}

void data_plane::close(partition_key key, epoch at) {
  with_slot(key, [&](slot& s, env& e) {
    if (s.core.in().at() == at)
      s.core.close(e);
  });
}

void data_plane::stopped(partition_key key, epoch at,
                         fifo<intake<envelope>::parcel> left) {
  with_slot(key, [&](slot& s, env& e) {
    if (s.core.in().at() != at)
      return;
    s.core.stopped(std::move(left), e);
    s.actor = nullptr;
  });
  flush_fences();
}

void data_plane::lease_extended(boot_time end) {
  lease_end_.store(end.count(), std::memory_order_release);
  std::vector<caf::strong_actor_ptr> woken;
  {
    std::lock_guard guard{mutex_};
    woken.swap(stalled_);
  }
  for (auto& who : woken)
    static_cast<partition*>(who->get())->gate_opened();
}

void data_plane::stalled(caf::strong_actor_ptr who) {
  std::lock_guard guard{mutex_};
  stalled_.push_back(std::move(who));
}

void data_plane::tick() {
  auto t = now();
  std::vector<std::pair<region_plane*, partition_id>> due;
  {
    std::lock_guard guard{mutex_};
    due.assign(active_.begin(), active_.end());
  }
  for (auto& one : due) {
    auto& at = one.first->slots[one.second];
    std::lock_guard guard{at.mutex};
    env e{*this, *one.first, one.second, at};
    at.core.expire(t, e);
    if (at.core.out().held() == 0) {
      std::lock_guard active{mutex_};
      active_.erase(one);
    }
  }
  flush_fences();
}

void data_plane::stop() {
  stopped_.store(true);
  std::vector<region_plane*> regions;
  {
    std::shared_lock guard{regions_mutex_};
    regions = by_slot_;
  }
  for (auto* region : regions)
    for (partition_id p = 0; p < region->partitions; ++p) {
      auto& at = region->slots[p];
      std::lock_guard guard{at.mutex};
      env e{*this, *region, p, at};
      at.core.drop_held(errc::stopping, e);
      fail_requests(at, {}, epoch{0}, errc::stopping);
    }
}

void data_plane::note_active(region_plane& region, partition_id p) {
  std::lock_guard guard{mutex_};
  active_.emplace(&region, p);
}

// -- refusals ---------------------------------------------------------------------

namespace {

void tell_sender(caf::mailbox_element& what, caf::error why) {
  if (!what.sender)
    return;
  auto mid = what.mid.is_request() ? what.mid.response_id()
                                   : caf::make_message_id();
  what.sender->enqueue(caf::make_mailbox_element(nullptr, mid, {},
                                                 caf::make_message(why)),
                       nullptr);
}

} // namespace

void data_plane::refuse(caf::mailbox_element& what, errc code,
                        std::string detail) {
  counters_.accepted.fetch_add(1, std::memory_order_relaxed);
  counters_.dropped.fetch_add(1, std::memory_order_relaxed);
  tell_sender(what, make_error(code, std::move(detail)));
}

// A message that was accepted and is not going to be processed.
void data_plane::refuse(envelope& msg, region_plane& region, partition_id p,
                        errc code) {
  counters_.dropped.fetch_add(1, std::memory_order_relaxed);
  auto why = make_error(code, "region '" + region.name + "', partition "
                                + std::to_string(p));
  std::string key = msg.element ? msg.element->content().get_as<std::string>(0)
                                : msg.key;
  if (msg.element) {
    tell_sender(*msg.element, why);
  } else if (msg.origin != config_.self) {
    if (msg.request != 0)
      send_answer(msg.origin, msg.request, msg.sender, epoch{},
                  caf::make_message(why));
  } else if (msg.request != 0) {
    auto& at = region.slots[p];
    auto seq = static_cast<std::uint32_t>(msg.request & 0x0fffffff);
    if (at.requests)
      if (auto i = at.requests->find(seq); i != at.requests->end()) {
        auto waiting = std::move(i->second);
        at.requests->erase(i);
        waiting.source->enqueue(
          caf::make_mailbox_element(nullptr, waiting.mid.response_id(), {},
                                    caf::make_message(why)),
          nullptr);
      }
  }
  dead(region, p, std::move(key), code);
}

void data_plane::dead(const region_plane& region, partition_id p,
                      std::string key, errc why) {
  listener_.lost_message({region.name, p, std::move(key), why});
}

void data_plane::fail_requests(slot& at, node_id owner, epoch upto, errc why) {
  if (!at.requests)
    return;
  bool all = why == errc::stopping;
  for (auto i = at.requests->begin(); i != at.requests->end();) {
    auto& one = i->second;
    if (!all && (one.owner != owner || one.epoch > upto)) {
      ++i;
      continue;
    }
    one.source->enqueue(
      caf::make_mailbox_element(
        nullptr, one.mid.response_id(), {},
        caf::make_message(make_error(
          why, all ? "this node is stopping"
                   : "the owner was lost before it answered"))),
      nullptr);
    i = at.requests->erase(i);
  }
}

// -- what a slot wants done -------------------------------------------------------

bool data_plane::env::hold(envelope& msg) {
  auto& limits = plane.config_.settings;
  auto& total = plane.counters_.held_bytes;
  if (at.held_count >= limits.hold_messages_max
      || at.held_bytes + msg.bytes > limits.hold_bytes_max
      || total.load(std::memory_order_relaxed) + msg.bytes
           > limits.hold_node_bytes_max)
    return false;
  ++at.held_count;
  at.held_bytes += msg.bytes;
  total.fetch_add(msg.bytes, std::memory_order_relaxed);
  plane.counters_.held.fetch_add(1, std::memory_order_relaxed);
  msg.deadline = plane.now() + limits.held_message;
  if (msg.expires != boot_time{0})
    msg.deadline = msg.expires;
  plane.note_active(region, p);
  return true;
}

void data_plane::env::unhold(const envelope& msg) {
  --at.held_count;
  at.held_bytes -= msg.bytes;
  plane.counters_.held_bytes.fetch_sub(msg.bytes, std::memory_order_relaxed);
  plane.counters_.held.fetch_sub(1, std::memory_order_relaxed);
}

void data_plane::env::lost(node_id owner, epoch e, std::uint64_t messages) {
  plane.counters_.unknown.fetch_add(messages, std::memory_order_relaxed);
  plane.fail_requests(at, owner, e, errc::outcome_unknown);
}

void data_plane::env::deliver(envelope&& msg, epoch) {
  auto* a = actor();
  TROUPE_ASSERT(a, "an open intake without an actor: partition {}", p);
  if (!plane.ensure_element(msg, region, p, &at))
    return;
  plane.counters_.delivered.fetch_add(1, std::memory_order_relaxed);
  a->deliver(std::move(msg), ctx);
}

} // namespace troupe
