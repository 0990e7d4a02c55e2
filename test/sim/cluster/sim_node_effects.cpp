// What a process does for its core, and its partition actors.
#include "sim_node_impl.hpp"

namespace troupe::sim {

auto sim_node::at(partition_key key) -> place& {
  auto& here = places_[key];
  if (!here)
    here = std::make_unique<place>();
  return *here;
}

bool sim_node::gate_open() const {
  return now() + world_.settings().handler_budget < lease_end_;
}

bool sim_node::gate_open(partition_key key) const {
  return gate_open() || settings_of(key).keep_running;
}

const region_settings& sim_node::settings_of(partition_key key) const {
  static const region_settings unknown;
  auto* region = core_->map().region(key.region);
  return region ? region->settings : unknown;
}

void sim_node::perform(persist& x) {
  world_.checks().writes({name_, life_, *core_, disk_}, x.batch);
  if (disk_.full()) {
    stopping_process_ = true;
    return;
  }
  auto id = x.batch.id;
  disk_.write(std::move(x.batch),
              guarded([this, id] { core_->persisted(now(), id); }));
}

void sim_node::perform(save_snapshot& x) {
  disk_.save(x.meta, x.bytes,
             guarded([this, at = x.meta.index] { core_->snapshot_saved(at); }));
}

void sim_node::perform(store_snapshot& x) {
  disk_.store(x.meta, x.bytes, guarded([this, at = x.meta.index] {
                core_->snapshot_stored(now(), at);
              }));
}

void sim_node::perform(send_frame& x) {
  world_.checks().says({name_, life_, *core_, disk_}, x);
  if (is_control(x.kind))
    world_.net().send_control(process(), x.to, x.kind, std::move(x.bytes));
  else
    world_.net().send_data(process(), x.to,
                           node_frame{x.kind, std::move(x.bytes)});
}

void sim_node::perform(owner_lost& x) {
  for (auto& [key, here] : places_)
    if (here->slot.out().streams_to(x.node, x.upto, x.at)) {
      env e{*this, key, *here};
      here->slot.give_up(x.upto, x.at, e);
      poke(key);
    }
}

void sim_node::perform(route_changed& x) {
  with(x.key, [&](place& here, env& e) { here.slot.learn(x.to, e); });
  poke(x.key);
}

void sim_node::perform(region_changed&) {
}

void sim_node::perform(troupe::nodes_changed&) {
  for (auto& [id, node] : core_->map().nodes())
    if (id != id_)
      world_.net().expect(process(), id, node.incarnation);
}

void sim_node::perform(lease_extended& x) {
  if (x.end <= lease_end_)
    world_.reg().fail(name_ + " has its lease shortened");
  lease_end_ = x.end;
  poke_all();
}

void sim_node::perform(happened& x) {
  for (auto& event : x.events)
    world_.checks().happened({name_, life_, *core_, disk_}, event);
}

void sim_node::perform(command_done& x) {
  auto i = requests_.find(x.reply.id());
  if (i == requests_.end()) {
    world_.reg().fail(name_ + " got an answer to a command twice");
    return;
  }
  auto then = std::move(i->second);
  requests_.erase(i);
  if (then)
    then(x.reply);
}

void sim_node::perform(stop_process& x) {
  if (x.why.code == errc::overrun) // whoever watches over it starts it again
    world_.time().after(std::chrono::milliseconds{500}, [this] { start(); });
  else if (x.why.code != errc::foreign_node)
    world_.reg().fail(name_ + " stops: " + x.why.detail);
  stopping_process_ = true;
}

// -- actors -------------------------------------------------------------------

void sim_node::perform(start_actor& x) {
  auto& here = at(x.key);
  if (here.actor) {
    world_.reg().fail(name_ + " is to start " + to_text(x.key) + " twice");
    return;
  }
  here.actor = std::make_unique<actor>();
  auto& a = *here.actor;
  a.epoch = x.epoch;
  a.serial = next_serial_++;
  a.given = x.state;
  auto* row = core_->map().find(x.key);
  a.source = row ? row->source_epoch : epoch{};
  a.fresh = !row || row->epoch != x.epoch || !row->source;
  auto delay =
      world_.luck().between(boot_time{0}, std::chrono::milliseconds{5});
  world_.time().after(delay, guarded([this, key = x.key, serial = a.serial] {
                        load(key, serial);
                      }));
}

void sim_node::load(partition_key key, std::uint64_t serial) {
  auto& here = at(key);
  if (!here.actor || here.actor->serial != serial)
    return;
  auto& a = *here.actor;
  auto epoch = a.epoch;
  if (a.killed) {
    finish(key, false);
    return;
  }
  if (!gate_open()) { // to go on is one thing, to begin another
    world_.time().after(world_.settings().tick,
                        guarded([this, key, serial] { load(key, serial); }));
    return;
  }
  if (failing_starts_ > 0 || cursed_.count(key)) {
    failing_starts_ -= failing_starts_ > 0;
    here.actor.reset();
    core_->actor_failed(now(), key, epoch, "does not like it here");
    return;
  }
  auto& region = settings_of(key);
  world_.reg().started({process(), key, a.epoch, a.source, a.fresh,
                        region.keep_running, region.overrun},
                       a.given);
  if (a.given.present)
    a.content = registry::from_text(*a.given.bytes);
  a.now = actor::phase::running;
  here.slot.open(epoch);
  core_->actor_started(now(), key, epoch);
}

void sim_node::perform(stop_actor& x) {
  auto& here = at(x.key);
  if (!here.actor || here.actor->epoch != x.epoch) {
    world_.reg().fail(name_ + " is to stop " + to_text(x.key)
                      + ", which it does not run");
    return;
  }
  env e{*this, x.key, here};
  here.slot.close(e);
  // Now and then it does not get there before the deadline.
  auto deadline =
      world_.luck().one_in(8)
          ? world_.luck().between(boot_time{0}, std::chrono::milliseconds{3})
          : boot_time{world_.settings().stop_deadline};
  world_.time().after(deadline,
                      guarded([this, key = x.key, serial = here.actor->serial] {
                        deadline_passed(key, serial);
                      }));
  routed_past(x.key, x.epoch);
  poke(x.key);
}

void sim_node::deadline_passed(partition_key key, std::uint64_t serial) {
  auto& here = at(key);
  if (!here.actor || here.actor->serial != serial)
    return;
  here.actor->out_of_time = true;
  poke(key);
}

// Routes come before what the host does about them. [INV-NODE-2]
void sim_node::routed_past(partition_key key, epoch at) {
  auto& known = this->at(key).slot.out().known();
  if (known.open() && known.epoch <= at)
    world_.reg().fail(name_ + " is to stop " + to_text(key)
                      + " before it knows that it moves");
}

void sim_node::perform(kill_actor& x) {
  auto& here = at(x.key);
  if (!here.actor && here.slot.in().at() == x.epoch)
    return; // it stopped by an effect just before
  if (!here.actor || here.actor->epoch != x.epoch) {
    world_.reg().fail(name_ + " is to kill " + to_text(x.key)
                      + ", which it does not run");
    return;
  }
  routed_past(x.key, x.epoch);
  here.actor->killed = true;
  world_.reg().killed(process(), x.key, x.epoch);
  if (here.actor->now == actor::phase::running)
    poke(x.key);
}

void sim_node::perform(keep_on_disk& x) {
  disk_.keep(x.key, x.epoch, x.state,
             guarded([this, key = x.key, at = x.epoch] {
               core_->state_kept(now(), key, at);
             }));
}

void sim_node::perform(drop_from_disk& x) {
  disk_.drop(x.key, x.epoch);
}

void sim_node::poke_all() {
  for (auto& [key, here] : places_)
    if (here->actor && !here->actor->mailbox.empty())
      poke(key);
}

// The actor works on, if it may.
void sim_node::poke(partition_key key) {
  auto& here = at(key);
  while (here.actor && !here.actor->busy
         && here.actor->now == actor::phase::running) {
    auto& a = *here.actor;
    if (a.killed)
      return finish(key, false);
    if (a.out_of_time && gate_open(key))
      return finish(key, true);
    if (a.mailbox.empty())
      return;
    if (auto* f = std::get_if<fence>(&a.mailbox.front())) {
      auto asked = *f;
      a.mailbox.pop_front();
      answer(key, asked);
      continue;
    }
    if (!gate_open(key))
      return;
    if (std::holds_alternative<marker>(a.mailbox.front()))
      return finish(key, true);
    auto msg = std::get<message>(a.mailbox.front());
    a.mailbox.pop_front();
    begin(key, msg);
  }
}

void sim_node::begin(partition_key key, const message& msg) {
  auto& a = *at(key).actor;
  auto takes =
      clock_.span(world_.luck().one_in(16)
                      ? world_.luck().between(boot_time{0}, handler_max_)
                      : boot_time{std::chrono::microseconds{50}});
  if (auto i = hangs_.find(key); i != hangs_.end()) {
    takes = i->second;
    a.overruns = true;
    hangs_.erase(i);
  }
  a.busy = true;
  world_.reg().begin(process(), msg, a.epoch, a.overruns);
  auto& last = a.content[{msg.origin, msg.life, msg.sender}];
  last = std::max(last, msg.number);
  world_.time().after(takes, guarded([this, key, serial = a.serial, msg] {
                        handled(key, serial, msg);
                      }));
}

void sim_node::handled(partition_key key, std::uint64_t serial,
                       const message& msg) {
  auto& here = at(key);
  if (!here.actor || here.actor->serial != serial)
    return;
  here.actor->busy = here.actor->overruns = false;
  world_.reg().end(process(), msg, here.actor->epoch);
  done(msg, here.actor->epoch);
  if (deaths_ > 0 && !here.actor->killed && world_.luck().permille(deaths_))
    die(key);
  else
    poke(key);
}

// Their routers hear of it a little later, if they are still there.
void sim_node::done(const message& msg, epoch at) {
  if (msg.origin == id_)
    return;
  if (done_.empty()) {
    boot_time delay{0};
    if (!world_.luck().one_in(4))
      delay = world_.luck().between(delay, std::chrono::milliseconds{100});
    world_.time().after(delay, guarded([this] { report(); }));
  }
  done_[{{msg.origin, msg.life}, msg.key, at}].push_back(msg.id);
}

void sim_node::report() {
  for (auto& [of, messages] : std::exchange(done_, {})) {
    auto& [asked_by, key, at] = of;
    world_.net().send_data(process(), asked_by.node,
                           processed_frame{asked_by.life, key, at, messages});
  }
}

void sim_node::answer(partition_key key, const fence& f) {
  with(key, [&](place& here, env& e) {
    if (f.origin == id_)
      here.slot.fence_answered(f.epoch, e);
    else
      e.answer(f.origin, f);
  });
}

// What it has not begun goes back.
void sim_node::give_back(partition_key key, actor& gone) {
  world_.reg().stopped(process(), key, gone.epoch);
  fifo<slot::parcel> left;
  for (auto& item : gone.mailbox) {
    if (auto* msg = std::get_if<message>(&item))
      left.emplace_back(std::move(*msg));
    else if (auto* f = std::get_if<fence>(&item))
      left.emplace_back(*f);
  }
  auto& here = at(key);
  env e{*this, key, here};
  here.slot.stopped(std::move(left), e);
}

void sim_node::finish(partition_key key, bool save) {
  auto gone = std::move(at(key).actor);
  std::optional<partition_state> state;
  if (save) {
    auto text = registry::to_text(gone->content);
    world_.reg().saved(key, gone->epoch, text);
    state = partition_state{true, std::make_shared<const std::string>(text)};
  }
  give_back(key, *gone);
  core_->actor_stopped(now(), key, gone->epoch, std::move(state));
}

// By an error of its own.
void sim_node::die(partition_key key) {
  auto gone = std::move(at(key).actor);
  give_back(key, *gone);
  core_->actor_failed(now(), key, gone->epoch, "died of a message");
}

} // namespace troupe::sim
