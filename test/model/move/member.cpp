#include "member.hpp"

#include <algorithm>
#include <memory>

namespace troupe::model {

/// The slot's way out.
struct member::env {
  member& here;
  const rules& on;
  outputs& out;

  node_id self() const { return here.self_; }

  std::optional<message> send(node_id owner, epoch at, message&& msg) {
    out.notes.push_back({note::kind::sent, at, msg});
    if (here.gone_ >> owner.value & 1) {
      out.notes.push_back({note::kind::returned, at, msg});
      return msg;
    }
    out.frames.emplace_back(owner, frame{frame::kind::data, at, msg, {}, {}});
    return std::nullopt;
  }
  void send(node_id owner, const fence& f) {
    if (on.fence_awaited)
      out.frames.emplace_back(owner,
                              frame{frame::kind::fence, f.epoch, {}, {}, {}});
  }
  void give_back(node_id origin, epoch at, const route& known, message&& msg) {
    out.frames.emplace_back(origin,
                            frame{frame::kind::give_back, at, msg, known, {}});
  }
  void answer(node_id origin, const fence& f) {
    out.frames.emplace_back(origin,
                            frame{frame::kind::fenced, f.epoch, {}, {}, {}});
  }
  void deliver(message&& msg, epoch) {
    here.actor_->mailbox.push_back({item::kind::message, msg, {}});
  }
  void deliver(const fence& f) {
    here.actor_->mailbox.push_back({item::kind::fence, {}, f});
  }
  void reach(node_id, incarnation) {}
  void marker(epoch) {
    here.actor_->mailbox.push_back({item::kind::marker, {}, {}});
  }
  bool room(std::uint64_t, std::uint64_t) { return true; }
  bool hold(message&) { return true; }
  void unhold(const message&) {}
  void drop(message&& msg, errc) {
    out.notes.push_back({note::kind::dropped, {}, msg});
  }
  void lost(node_id, epoch at, std::uint64_t n) {
    out.notes.push_back({note::kind::unknown, at, {self(), 0}, n});
  }
  void settled(std::uint64_t) {}
};

// -- the router and the intake ------------------------------------------------

void member::accept(const rules& on, outputs& out) {
  env e{*this, on, out};
  slot_.accept({self_, accepted_++}, e);
  after(on, out);
}

void member::arrive(const rules& on, outputs& out, node_id from,
                    const frame& x) {
  env e{*this, on, out};
  auto& in = slot_.in();
  bool closing = in.current() == intake<message>::state::closing;
  switch (x.what) {
  case frame::kind::data:
    if (!on.marker_parks && closing && x.epoch == in.at())
      e.give_back(x.msg.origin, x.epoch, slot_.out().known(), message{x.msg});
    else if (!on.epoch_checked
             && in.current() != intake<message>::state::closed)
      slot_.arrive(message{x.msg}, in.at(), e);
    else
      slot_.arrive(message{x.msg}, x.epoch, e);
    break;
  case frame::kind::fence: {
    fence f{from, x.epoch, incarnation{1}};
    if (!on.fence_in_mailbox || (!on.marker_parks && closing))
      e.answer(from, f);
    else
      slot_.arrive(f, e);
    break;
  }
  case frame::kind::give_back:
    out.notes.push_back({note::kind::returned, x.epoch, x.msg});
    if (!on.return_closes
        && slot_.out().current() == stream<message>::state::open)
      slot_.accept(message{x.msg}, e);
    else
      slot_.returned(message{x.msg}, x.epoch, x.known, e);
    break;
  case frame::kind::fenced:
    if (slot_.out().streams_to(from) && slot_.out().at() == x.epoch)
      out.notes.push_back({note::kind::settled, x.epoch, {self_, 0}});
    slot_.fence_answered(x.epoch, e);
    break;
  case frame::kind::state:
    host_.state_arrived(from, the_key, x.epoch,
                        {true, std::make_shared<const std::string>(x.bytes)});
    break;
  case frame::kind::state_taken:
    host_.state_taken(from, the_key, x.epoch);
    break;
  case frame::kind::goodbye:
    break; // the world's
  }
  perform(on, out);
  after(on, out);
}

void member::came_back(const rules& on, outputs& out, const frame& x) {
  if (x.what != frame::kind::data || !on.untaken_comes_back)
    return;
  env e{*this, on, out};
  out.notes.push_back({note::kind::returned, x.epoch, x.msg});
  slot_.returned(message{x.msg}, x.epoch, slot_.out().known(), e);
  after(on, out);
}

void member::peer_left(const rules& on, outputs& out, node_id peer) {
  gone_ |= static_cast<std::uint8_t>(1u << peer.value);
  env e{*this, on, out};
  if (slot_.out().streams_to(peer) && on.goodbye_ends) {
    out.notes.push_back({note::kind::settled, slot_.out().at(), {self_, 0}});
    slot_.owner_left(e);
  }
  host_.session_ended(peer);
  perform(on, out);
  after(on, out);
}

// What the stream itself would do, were its rules other ones.
void member::after(const rules& on, outputs& out) {
  env e{*this, on, out};
  auto& mine = const_cast<stream<message>&>(slot_.out());
  if (!on.fence_awaited && mine.current() == stream<message>::state::fencing)
    slot_.fence_answered(mine.at(), e);
  auto& known = field<stream_route>(mine);
  if (!on.greater_epoch && mine.current() == stream<message>::state::waiting
      && known.open() && known.epoch <= field<stream_last>(mine)) {
    field<stream_last>(mine) = {};
    auto again = known;
    --known.version.value;
    slot_.learn(again, e);
  }
  if (!on.returned_first)
    while (!field<stream_returned>(mine).empty())
      field<stream_held>(mine).push_back(
          field<stream_returned>(mine).pop_front());
  if (!on.given_up_is_void)
    field<stream_void>(mine) = {};
}

// -- the map ------------------------------------------------------------------

void member::lose(const rules& on, outputs& out, const history& logs,
                  log_ref log, node_id id) {
  auto& node = *logs.at(log).map.node(id);
  auto upto = node.incarnation;
  if (node.liveness == liveness::up && upto.value > 0)
    --upto.value;
  bool in_order = node.liveness == liveness::left && on.goodbye_awaited;
  if (in_order || !on.lost_gives_up
      || !slot_.out().streams_to(id, upto, applied_))
    return;
  env e{*this, on, out};
  if (on.lost_stays_lost)
    slot_.give_up(upto, applied_, e);
  else
    slot_.give_up({}, {}, e);
  after(on, out);
}

void member::apply(const rules& on, outputs& out, const history& logs,
                   log_ref log) {
  auto& entry = logs.at(log);
  applied_ = entry.at;
  for (auto id : entry.what.lost)
    if (id != self_)
      lose(on, out, logs, log, id);
  env e{*this, on, out};
  for (auto key : entry.what.partitions) {
    auto& a = *entry.map.find(key);
    slot_.learn(route_of(a), e);
    after(on, out);
    host_.learn(key, a);
    perform(on, out);
  }
  host_.lost(entry.what.lost);
  perform(on, out);
  (void)lease_.applied(applied_);
}

void member::jump(const rules& on, outputs& out, const history& logs,
                  log_ref log) {
  auto& old = logs.at(logs.upto(log, applied_)).map;
  auto& map = logs.at(log).map;
  applied_ = logs.at(log).at;
  std::vector<node_id> lost;
  for (auto& [id, before] : old.nodes())
    if (auto* node = map.node(id); !node
                                   || node->incarnation != before.incarnation
                                   || node->liveness != liveness::up)
      lost.push_back(id);
  for (auto id : lost)
    if (id != self_)
      lose(on, out, logs, log, id);
  env e{*this, on, out};
  auto& a = *map.find(the_key);
  slot_.learn(route_of(a), e);
  after(on, out);
  host_.learn(the_key, a);
  perform(on, out);
  host_.lost(lost);
  perform(on, out);
  (void)lease_.applied(applied_);
}

// -- the host and its actor ---------------------------------------------------

void member::perform(const rules& on, outputs& out) {
  for (auto effects = host_.take(); !effects.empty(); effects = host_.take())
    for (auto& effect : effects) {
      if (auto* x = std::get_if<start_actor>(&effect)) {
        if (actor_)
          out.broken = "an actor is to start beside another";
        actor_ = actor{x->epoch, false, false, {}, {}, x->state.present};
        if (x->state.present)
          std::copy(x->state.bytes->begin(), x->state.bytes->end(),
                    actor_->had.begin());
      } else if (auto* x = std::get_if<stop_actor>(&effect)) {
        env e{*this, on, out};
        if (!actor_ || !actor_->running || actor_->at != x->epoch)
          out.broken = "an actor is to stop that does not run";
        else
          slot_.close(e);
      } else if (auto* x = std::get_if<kill_actor>(&effect)) {
        if (actor_ && actor_->at == x->epoch)
          actor_->killed = true;
      } else if (auto* x = std::get_if<send_state>(&effect)) {
        out.frames.emplace_back(
            x->to,
            frame{frame::kind::state, x->epoch, {}, {}, *x->state.bytes});
        if (!on.state_acknowledged)
          host_.state_taken(x->to, the_key, x->epoch);
      } else if (auto* x = std::get_if<acknowledge_state>(&effect)) {
        out.frames.emplace_back(
            x->to, frame{frame::kind::state_taken, x->epoch, {}, {}, {}});
      } else {
        out.broken = "a state is to be kept on disk without a restart";
      }
    }
  (void)host_.take_news();
  if (!on.state_kept)
    for (auto& [key, r] : field<host_records>(host_))
      if (r.saved && r.now.stage == stage::starting && r.now.owner != self_)
        r.saved.reset();
}

void member::start(const rules& on, outputs& out) {
  auto& a = *actor_;
  a.running = true;
  if (slot_.in().current() != intake<message>::state::closed
      || slot_.in().at() >= a.at) {
    out.broken = "an actor starts whose intake is open";
    return;
  }
  slot_.open(a.at);
  out.notes.push_back(
      {note::kind::started, a.at, {self_, 0}, 0, a.had, a.given});
  host_.started(the_key, a.at);
  perform(on, out);
}

bool member::may_work(const rules& on) const {
  if (!actor_ || !actor_->running || actor_->mailbox.empty()
      || (actor_->killed && on.killed_begins_nothing))
    return false;
  return actor_->mailbox.front().what == item::kind::fence || has_lease()
         || !on.gate;
}

void member::work(const rules& on, outputs& out) {
  auto next = actor_->mailbox.front();
  if (next.what == item::kind::marker)
    return end(on, out, true);
  actor_->mailbox.erase(actor_->mailbox.begin());
  if (next.what == item::kind::fence) {
    answer(on, out, next.asked);
  } else {
    out.notes.push_back({note::kind::processed, actor_->at, next.msg});
    actor_->had[next.msg.origin.value - 1] =
        static_cast<std::uint8_t>(next.msg.number + 1);
  }
  after(on, out);
}

void member::answer(const rules& on, outputs& out, const fence& f) {
  env e{*this, on, out};
  if (f.origin == self_)
    slot_.fence_answered(f.epoch, e);
  else
    e.answer(f.origin, f);
}

void member::end(const rules& on, outputs& out, bool save) {
  auto gone = std::move(*actor_);
  actor_.reset();
  env e{*this, on, out};
  fifo<slot::parcel> left;
  for (auto& one : gone.mailbox) {
    if (one.what == item::kind::message && on.mailbox_comes_back)
      left.emplace_back(one.msg);
    else if (one.what == item::kind::fence && on.fences_answered)
      left.emplace_back(one.asked);
  }
  if (gone.running)
    out.notes.push_back(
        {note::kind::stopped, gone.at, {self_, 0}, save ? 1u : 0u});
  slot_.stopped(std::move(left), e);
  std::optional<partition_state> state;
  if (save)
    state = partition_state{
        true, std::make_shared<const std::string>(to_text(gone.had))};
  host_.stopped(the_key, gone.at, std::move(state));
  perform(on, out);
  after(on, out);
}

void member::farewell_over(const rules& on, outputs& out) {
  env e{*this, on, out};
  slot_.give_up(incarnation{1}, applied_, e);
  after(on, out);
}

void member::fence_overdue(const rules& on, outputs& out) {
  env e{*this, on, out};
  auto limit = std::chrono::seconds{1};
  slot_.expire(limit, limit, e);
  slot_.expire(3 * limit, limit, e);
  if (!on.fence_waits)
    slot_.give_up({}, {}, e);
  after(on, out);
}

void member::state_overdue(const rules& on, outputs& out) {
  auto limit = std::chrono::seconds{1};
  host_.give_up_states(limit, limit);
  host_.give_up_states(3 * limit, limit);
  perform(on, out);
  after(on, out);
}

// -- what can be seen ---------------------------------------------------------

std::string member::unsettled() const {
  std::string who{letter(self_)};
  if (slot_.out().held() > 0)
    return who + " holds messages for ever";
  if (slot_.out().current() == stream<message>::state::fencing)
    return who + " waits for a fence for ever";
  auto facts = host_.facts();
  if (facts.confirmed_size() + facts.started_size() + facts.failed_size() > 0)
    return who + " has facts that nobody hears";
  return {};
}

digest member::digest_of() const {
  digester d;
  model::add(d, slot_);
  model::add(d, host_);
  model::add(d, lease_);
  d.add(self_, now_, applied_, accepted_, gone_, actor_.has_value());
  if (actor_) {
    d.add(actor_->at, actor_->running, actor_->killed, actor_->given,
          actor_->mailbox.size());
    for (auto& one : actor_->mailbox) {
      d.add(one.what);
      model::add(d, one.msg);
      model::add(d, one.asked);
    }
    for (auto n : actor_->had)
      d.add(n);
  }
  return d.get();
}

std::string member::head() const {
  auto& next = actor_->mailbox.front();
  if (next.what == item::kind::marker)
    return "stops at its marker and saves";
  if (next.what == item::kind::fence)
    return std::string{"answers the fence of "} + letter(next.asked.origin);
  return "processes "
         + std::string{static_cast<char>('a' + next.msg.origin.value - 1)}
         + std::to_string(next.msg.number);
}

} // namespace troupe::model
