// Regions and routing: from a sender's thread to a mailbox, a link or a hold.
#include <troupe/actors/data_plane.hpp>

#include <algorithm>

#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>

#include <troupe/actors/data_plane_env.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/message_path.hpp>
#include <troupe/actors/payload/payload.hpp>
#include <troupe/actors/payload/type_name.hpp>
#include <troupe/actors/remote_sender.hpp>
#include <troupe/actors/reply_gate.hpp>
#include <troupe/actors/router/router.hpp>
#include <troupe/actors/scheduling/actor_timers.hpp>
#include <troupe/actors/wire_element.hpp>
#include <troupe/cluster/assert.hpp>

namespace troupe {

template <class Actor, class... Ts>
static caf::strong_actor_ptr make_plain_actor(caf::actor_system& sys,
                                              Ts&&... xs) {
  caf::actor_config cfg;
  return caf::make_actor<Actor, caf::strong_actor_ptr>(
      sys.next_actor_id(), sys.node(), &sys, cfg, std::forward<Ts>(xs)...);
}

std::uint64_t plane_counters::dropped_sum() const {
  std::uint64_t sum = 0;
  for (auto& one : dropped)
    sum += one.load(std::memory_order_relaxed);
  return sum;
}

data_plane::data_plane(caf::actor_system& sys, plane_listener& listener)
    : sys_(sys), listener_(listener), timers_(actor_timers::of(sys)) {
  for (auto& one : gates_)
    one = make_plain_actor<reply_gate>(sys);
  config_.now = [] { return boot_time{0}; };
}

data_plane::~data_plane() = default;

void data_plane::ends_waiting(const caf::strong_actor_ptr& who,
                              caf::message_id request) {
  if (timers_)
    timers_->answered(who, request);
}

void data_plane::attach(config cfg, link::transport& links) {
  config_ = std::move(cfg);
  links_.store(&links, std::memory_order_release);
}

// -- regions ------------------------------------------------------------------

region_plane& data_plane::region(const std::string& name,
                                 std::uint32_t partitions) {
  std::unique_lock guard{regions_mutex_};
  auto& found = by_name_[name];
  if (!found) {
    found = std::make_unique<region_plane>();
    found->name = name;
    found->slots.grow(partitions, slots_);
    found->partitions = partitions;
    if (by_slot_.size() < first_made_.size())
      first_made_[by_slot_.size()].store(found.get(),
                                         std::memory_order_release);
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
  bool other = plane.partitions != partitions;
  {
    std::unique_lock guard{regions_mutex_};
    by_id_[id.value] = &plane;
    plane.slots.grow(partitions, slots_);
    plane.partitions.store(partitions, std::memory_order_release);
    plane.id.store(id.value, std::memory_order_release);
    if (id.value < first_ids_.size())
      first_ids_[id.value].store(&plane, std::memory_order_release);
  }
  if (!other)
    return;
  // What is held was spread over the partitions there were before.
  for (partition_id p = 0; p < plane.slots.size(); ++p) {
    auto& at = plane.slots[p];
    access a{*this, plane, p, at};
    at.core.drop_held(errc::moved, a.here);
  }
}

slot* data_plane::find_slot(std::uint32_t region, std::uint32_t partition,
                            region_plane** plane) {
  region_plane* found = nullptr;
  if (region < first_ids_.size()) {
    found = first_ids_[region].load(std::memory_order_acquire);
  } else {
    std::shared_lock guard{regions_mutex_};
    if (auto i = by_id_.find(region); i != by_id_.end())
      found = i->second;
  }
  if (!found || partition >= found->slots.size())
    return nullptr;
  if (plane)
    *plane = found;
  return &found->slots[partition];
}

slot* data_plane::find_slot_numbered(std::uint32_t number) {
  for (auto& one : first_made_) {
    auto* region = one.load(std::memory_order_acquire);
    if (!region)
      return nullptr;
    if (auto p = region->slots.find(number))
      return &region->slots[*p];
  }
  std::shared_lock guard{regions_mutex_};
  for (auto* region : by_slot_)
    if (auto p = region->slots.find(number))
      return &region->slots[*p];
  return nullptr;
}

// -- from routers -------------------------------------------------------------

errc data_plane::accept(region_plane& to, caf::mailbox_element_ptr what,
                        caf::execution_unit* ctx, overload keeps) {
  if (!links_.load(std::memory_order_acquire))
    return refuse(*what, to, errc::wrong_state, "this node is not started");
  // An answer that goes on to a router has its key among the values.
  if (exactly<wire_element>(*what)) {
    auto text = what->move_content_to_message();
    what = caf::make_mailbox_element(std::move(what->sender), what->mid,
                                     std::move(what->stages), std::move(text));
  }
  auto& content = what->content();
  auto partitions = to.partitions.load(std::memory_order_acquire);
  partition_id p = 0;
  if (content.size() < 2)
    return refuse(*what, to, errc::malformed_message,
                  "a message to region '" + to.name
                      + "' is (key, payload...), with a std::string or a "
                        "to_partition first");
  bool addressed = !content.match_element<std::string>(0);
  if (addressed && !content.match_element<to_partition>(0))
    return refuse(*what, to, errc::malformed_message,
                  "a message to region '" + to.name
                      + "' has a std::string or a to_partition first");
  auto& key = addressed ? content.get_as<to_partition>(0).key
                        : content.get_as<std::string>(0);
  if (key.size() > config_.settings.key_bytes_max)
    return refuse(
        *what, to, errc::key_too_long,
        "the key has " + std::to_string(key.size()) + " bytes, at most "
            + std::to_string(config_.settings.key_bytes_max) + " are allowed");
  if (addressed) {
    p = content.get_as<to_partition>(0).partition;
    if (p >= partitions)
      return refuse(*what, to, errc::partition_out_of_range,
                    "region '" + to.name + "' has " + std::to_string(partitions)
                        + " partitions, counted from 0");
    // What the actor sees is (key, payload...).
    auto seen =
        caf::make_message(key) + what->copy_content_to_message().drop(1);
    what = caf::make_mailbox_element(std::move(what->sender), what->mid,
                                     std::move(what->stages), std::move(seen));
  } else {
    p = partition_of(key, partitions);
  }
  return accept_at(to, p, std::move(what), ctx, {}, keeps);
}

// A partition that hands a message on to another one is done with it. Returns
// the nodes that the message passed.
std::vector<std::uint64_t> data_plane::take_over(caf::mailbox_element& what) {
  auto& stages = what.stages;
  if (stages.size() < 2
      || std::find(gates_.begin(), gates_.end(), stages.back()) == gates_.end())
    return {};
  stages.pop_back();
  auto previous = std::move(stages.back());
  stages.pop_back();
  return static_cast<partition*>(previous->get())
      ->handed_on(what.sender, what.mid);
}

errc data_plane::accept_at(region_plane& to, partition_id p,
                           caf::mailbox_element_ptr what,
                           caf::execution_unit* ctx, boot_time expires,
                           overload keeps) {
  if (!links_.load(std::memory_order_acquire))
    return refuse(*what, to, errc::wrong_state, "this node is not started");
  if (auto* by = handling_now().by; by && !by->may_speak())
    return refuse(*what, to, errc::not_owner,
                  "the lease of the partition that sends it is over");
  auto& at = to.slots[p];
  bool plain = what->stages.empty() && expires == boot_time{0}
               && !(what->sender && remote_sender::of(what->sender));
  if (plain)
    if (auto count = at.door.enter()) {
      auto* actor = static_cast<partition*>(at.actor->get());
      // Now and then is enough: 64 more do not matter.
      if (*count % 64 != 0
          || at.waiting(*count, actor->done_here())
                 < config_.settings.mailbox_messages_max) {
        actor->enqueue_routed(std::move(what), ctx);
        at.door.leave();
        counters_.accepted.add(1);
        counters_.delivered.add(1);
        return errc::none;
      }
      at.door.turn_back();
    }
  envelope msg;
  msg.expires = expires;
  msg.path = take_over(*what);
  if (msg.path.size() > config_.settings.hop_limit)
    return refuse(*what, to, errc::hop_limit,
                  "the message passed " + std::to_string(msg.path.size())
                      + " nodes already");
  msg.origin = config_.self;
  msg.bytes = element_bytes;
  msg.element = std::move(what);
  bool stopped = false, crowded = false;
  auto refused = errc::none;
  {
    access a{*this, to, p, at, ctx};
    a.here.keeps_refused = keeps == overload::is_kept;
    stopped = stopped_.load(std::memory_order_relaxed);
    crowded = a.here.is_crowded();
    if (!stopped && !crowded) {
      auto& e = a.here;
      // To an actor of ours that stops: it may come back and wait.
      bool parks = at.core.out().known().owner == config_.self
                   && at.core.in().current() != intake<envelope>::state::open;
      if (parks)
        msg.deadline = msg.expires != boot_time{0}
                           ? msg.expires
                           : now() + config_.settings.held_message;
      at.core.accept(std::move(msg), e);
      refused = e.refused;
      if (refused != errc::overloaded || !e.keeps_refused)
        counters_.accepted.add(1);
      if (parks)
        note_held(to, p, e);
    }
  }
  if (stopped)
    return refuse(*msg.element, to, errc::stopping, "this node is stopping");
  if (crowded && keeps == overload::is_kept)
    return errc::overloaded;
  if (crowded)
    return refuse(*msg.element, to, errc::overloaded,
                  "region '" + to.name + "', partition " + std::to_string(p)
                      + " has more to do than mailbox_messages_max");
  flush_fences();
  return refused;
}

// -- the coordinator's side ---------------------------------------------------

void data_plane::route_changed(partition_key key, const route& to) {
  with_slot(key, [&](slot& at, env& e) { at.core.learn(to, e); });
}

void data_plane::started(partition_key key, epoch at,
                         caf::strong_actor_ptr actor) {
  with_slot(key, [&](slot& s, env&) {
    if (static_cast<partition*>(actor->get())->gone())
      return; // it died meanwhile, and says so
    s.actor = std::move(actor);
    s.put_offset = 0 - static_cast<std::uint32_t>(s.door.entered());
    s.crowded = false;
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
    note_held(e.region, key.partition, e);
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

void data_plane::will_report(caf::strong_actor_ptr who) {
  std::lock_guard guard{mutex_};
  reports_.push_back(std::move(who));
}

bool data_plane::env::is_crowded() {
  auto* a = actor();
  if (!a || !at.core.out().streams_to(self()))
    return false;
  auto limit = plane.config_.settings.mailbox_messages_max;
  at.crowded = at.waiting(at.door.entered(), a->done_here())
               >= (at.crowded ? limit / 2 : limit);
  return at.crowded;
}

void data_plane::tick() {
  auto t = now();
  report(t);
  std::vector<std::pair<region_plane*, partition_id>> due;
  {
    std::lock_guard guard{mutex_};
    due.assign(active_.begin(), active_.end());
  }
  for (auto& one : due) {
    auto& at = one.first->slots[one.second];
    access a{*this, *one.first, one.second, at};
    at.core.expire(t, config_.settings.fence_deadline, a.here);
    if (!at.core.out().waits()) {
      std::lock_guard active{mutex_};
      active_.erase(one);
    }
  }
  flush_fences();
}

void data_plane::stop() {
  stopped_.store(true);
  each_slot([&](slot& at, env& e) {
    at.core.drop_held(errc::stopping, e);
    fail_requests(
        at, [](auto&) { return true; }, errc::stopping);
  });
}

void data_plane::note_active(region_plane& region, partition_id p) {
  std::lock_guard guard{mutex_};
  active_.emplace(&region, p);
}

// After messages may have come back. With the slot's lock held.
void data_plane::note_held(region_plane& region, partition_id p, env& e) {
  if (stopped_.load(std::memory_order_relaxed))
    e.at.core.drop_held(errc::stopping, e);
  else if (e.at.core.out().held() > 0)
    note_active(region, p);
}

// -- refusals -----------------------------------------------------------------

namespace {

constexpr std::size_t key_shown_max = 256;

} // namespace

void data_plane::tell(const caf::strong_actor_ptr& source, caf::message_id mid,
                      caf::error why) {
  if (!source)
    return;
  ends_waiting(source, mid);
  source->enqueue(caf::make_mailbox_element(nullptr, mid.response_id(), {},
                                            caf::make_message(std::move(why))),
                  nullptr);
}

errc data_plane::refuse(caf::mailbox_element& what, const region_plane& region,
                        errc code, std::string detail) {
  bool forwarded = !take_over(what).empty();
  if (forwarded && code == errc::not_owner)
    code = errc::outcome_unknown; // its handler began
  counters_.accepted.add(1);
  auto& content = what.content();
  dead_letter letter{region.name, 0, {}, code, {}};
  if (content.size() > 0 && content.match_element<std::string>(0)) {
    letter.key = content.get_as<std::string>(0).substr(0, key_shown_max);
    letter.partition =
        partition_of(content.get_as<std::string>(0), region.partitions);
  } else if (content.size() > 0 && content.match_element<to_partition>(0)) {
    auto& target = content.get_as<to_partition>(0);
    letter.key = target.key.substr(0, key_shown_max);
    letter.partition = target.partition;
  }
  letter.type = type_name_of(sys_, content, 1);
  tell(what.sender, what.mid, make_error(code, std::move(detail)));
  drop(std::move(letter));
  return code;
}

// The asker of a message that this node's router accepted and sent elsewhere.
// None: answered already.
std::optional<data_plane::asker> data_plane::take_asker(const envelope& msg,
                                                        slot& at) {
  asker out;
  if (msg.request != 0) {
    if (!find_request(at, msg.request))
      return std::nullopt;
    auto open = at.requests.take(sequence_of(msg.request));
    out = {std::move(open.source), open.mid, std::move(open.stages)};
  } else if (msg.sender != 0) {
    out.source = senders_->find(msg.sender);
  }
  return out;
}

// A message that was accepted and is not going to be processed.
void data_plane::refuse(envelope& msg, region_plane& region, partition_id p,
                        errc code) {
  auto why = make_error(code, "region '" + region.name + "', partition "
                                  + std::to_string(p));
  if (msg.element->sender)
    tell(msg.element->sender, msg.element->mid, std::move(why));
  else if (auto who = take_asker(msg, region.slots[p]))
    tell(who->source, who->mid, std::move(why));
  dropped(region.name, p, *msg.element, code);
}

void data_plane::dropped(const std::string& region, partition_id p,
                         const caf::mailbox_element& what, errc why) {
  drop({region, p, std::string{key_of(what).substr(0, key_shown_max)}, why,
        type_of(sys_, what)});
}

// The only place where a message ends that nobody processed: what is counted
// is a dead letter too.
void data_plane::drop(dead_letter letter) {
  counters_.drop(letter.why);
  listener_.lost_message(std::move(letter));
}

void data_plane::fail_requests(
    slot& at, const std::function<bool(const open_request&)>& which, errc why) {
  at.requests.take_if(which, [&](const open_request& one) {
    tell(one.source, one.mid,
         make_error(why, why == errc::stopping
                             ? "this node is stopping"
                             : "the owner was lost before it answered"));
  });
}

// -- what a slot wants done ---------------------------------------------------

bool data_plane::env::hold(envelope& msg) {
  auto& limits = plane.config_.settings;
  if (msg.bytes == element_bytes && !exactly<wire_element>(*msg.element)) {
    auto size = payload_size(plane.sys_, msg.element->content(), 0);
    if (auto* bytes = std::get_if<std::size_t>(&size))
      msg.bytes += *bytes;
  }
  auto& total = plane.counters_.held_bytes;
  if (at.held_count >= limits.hold_messages_max
      || at.held_bytes + msg.bytes > limits.hold_bytes_max
      || total.load() + msg.bytes > limits.hold_node_bytes_max)
    return false;
  ++at.held_count;
  at.held_bytes += msg.bytes;
  total.fetch_add(msg.bytes);
  plane.counters_.held.fetch_add(1);
  msg.deadline = plane.now() + limits.held_message;
  if (msg.expires != boot_time{0})
    msg.deadline = msg.expires;
  plane.note_active(region, p);
  return true;
}

void data_plane::env::unhold(const envelope& msg) {
  --at.held_count;
  at.held_bytes -= msg.bytes;
  plane.counters_.held_bytes.fetch_sub(msg.bytes);
  plane.counters_.held.fetch_sub(1);
}

void data_plane::env::lost(node_id owner, epoch e, std::uint64_t messages) {
  plane.counters_.unknown.add(messages);
  plane.fail_requests(at, [&](const open_request& one) {
    return one.owner == owner && one.epoch <= e;
  });
}

void data_plane::env::settled(std::uint64_t messages) {
  plane.counters_.by_others.add(messages);
}

void data_plane::env::deliver(envelope&& msg, epoch) {
  auto* a = actor();
  TROUPE_ASSERT(a, "an open intake without an actor: partition {}", p);
  if (!plane.name_asker(msg, region, p, at))
    return;
  plane.counters_.delivered.add(1);
  if (msg.origin == self())
    at.put_offset.store(at.put_offset.load(std::memory_order_relaxed) + 1,
                        std::memory_order_relaxed);
  a->deliver(std::move(msg), ctx);
}

} // namespace troupe
