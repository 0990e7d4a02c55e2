#include <troupe/cluster/node/departure.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/map/error.hpp>
#include <troupe/cluster/node/node_core.hpp>

namespace troupe {

namespace {

using namespace std::chrono_literals;

// Of a leader's answer to the wish to go, in all.
constexpr boot_time patience = 15s;
constexpr boot_time hand_over_max = 2s;
constexpr boot_time ask_max = 12s;

bool is(const proto::CommandReply& reply, errc code) {
  return static_cast<errc>(reply.code()) == code;
}

template <class Pred>
bool any_other(const node_core& core, Pred pred) {
  auto& nodes = core.map().nodes();
  return std::any_of(nodes.begin(), nodes.end(), [&](auto& kv) {
    return kv.first != core.config().self && kv.second.liveness == liveness::up
           && pred(kv.second);
  });
}

bool is_last(const node_core& core) {
  return !any_other(core, [](auto&) { return true; });
}

bool leads(const node_core& core) {
  return core.leadership().leader == core.config().self;
}

std::uint32_t owned(const node_core& core, const region_record& region) {
  return static_cast<std::uint32_t>(
      std::count_if(region.partitions.begin(), region.partitions.end(),
                    [&](auto& a) { return a.owner == core.config().self; }));
}

// Partitions here that another node could take.
std::uint32_t movable(const node_core& core) {
  std::uint32_t out = 0;
  for (auto& [id, region] : core.map().regions())
    if (core.map().has_host_beside(core.config().self, region))
      out += owned(core, region);
  return out;
}

bool is_gone(const node_core& core) {
  auto* self = core.map().node(core.config().self);
  return self == nullptr || self->liveness == liveness::left;
}

// All that the map gives to this node was stopped by this start of it, and
// waits for the next. What is still to start here would start after it has
// gone.
bool nothing_comes(const node_core& core) {
  auto self = core.config().self;
  auto started = core.config().started;
  for (auto& [id, region] : core.map().regions())
    for (auto& a : region.partitions) {
      bool waits = a.stage == stage::pausing && a.target == self
                   && a.owner_incarnation == started;
      if ((a.owner == self) != waits)
        return false;
    }
  return true;
}

// All that ran here is on this node's disk.
bool is_saved(const node_core& core) {
  return core.host().alive() == 0 && core.states_open() == 0
         && nothing_comes(core);
}

// Whether the voters that stay are enough. A node alone takes nothing away.
bool quorum_without(const node_core& core) {
  auto& voters = core.members().voters;
  auto stay = std::count_if(voters.begin(), voters.end(), [&](node_id id) {
    auto* node = core.map().node(id);
    return id != core.config().self && node != nullptr && node->available();
  });
  return voters.size() <= 1
         || static_cast<std::size_t>(stay) >= voters.size() / 2 + 1;
}

} // namespace

std::optional<departing> departure::tick(boot_time now, node_core& core) {
  // Good: until the map shows it. Else a leader that went with the question is
  // no answer.
  if (!again_at_)
    again_at_ = now + (reply_ && is(*reply_, errc::none) ? 1s : 50ms);
  switch (stage_) {
  case stage::saying:
    return say(now, core);
  case stage::emptying:
    return goal_ == goal::restart ? save(now, core) : give_away(now, core);
  case stage::staying:
    return stay(now, core);
  case stage::serving:
    if (clients_gone_)
      begin(stage::handing_over, now, hand_over_max);
    return std::nullopt;
  case stage::handing_over:
    return hand_over(now, core);
  case stage::retiring:
    return retire(now, core);
  case stage::lingering:
    if (now >= until_)
      return end(complete_ && core.host().alive() == 0);
    return std::nullopt;
  case stage::asking:
    return ask(now, core);
  case stage::ended:
    break;
  }
  return std::nullopt;
}

void departure::begin(stage next, boot_time now, boot_time limit) {
  stage_ = next;
  until_ = now + limit;
  again_at_ = now;
  reply_.reset();
}

departing departure::end(bool in_order) {
  stage_ = stage::ended;
  return {departing::stage::ended, in_order, false, kept_, refused_};
}

bool departure::answered(const proto::CommandReply& reply) {
  if (command_ == 0 || reply.id() != command_)
    return false;
  command_ = 0;
  if (asked_in_ == stage_) // else it says nothing of what is wanted now
    reply_ = reply;
  again_at_.reset();
  return true;
}

// Not that of an earlier start.
bool departure::shows_intent(const node_core& core) const {
  return core.joined()
         && core.map().node(core.config().self)->intent
                == (goal_ == goal::leave ? intent::drain : intent::restart);
}

// For so long that no election explains it.
bool departure::cut_off(boot_time now, const node_core& core) const {
  auto heard = std::max(core.lease_end(), core.started_at());
  return now - heard > 2 * core.config().settings.election_max + 1s;
}

void departure::send(boot_time now, node_core& core,
                     proto::CommandRequest what) {
  asked_in_ = stage_;
  command_ = core.ask(now, std::move(what));
}

void departure::say_intent(boot_time now, node_core& core) {
  if (command_ != 0 || now < again_at_ || !core.joined())
    return;
  proto::CommandRequest what;
  auto& cmd = *what.mutable_map()->mutable_set_intent();
  cmd.set_node(core.config().self.value);
  cmd.set_intent(goal_ == goal::leave ? proto::INTENT_DRAIN
                                      : proto::INTENT_RESTART);
  cmd.set_cause("stop");
  cmd.set_ends(true);
  send(now, core, std::move(what));
}

std::optional<departing> departure::say(boot_time now, node_core& core) {
  auto& times = core.config().settings;
  if (!until_)
    until_ = now + patience;
  if (goal_ == goal::leave && is_last(core)) {
    auto out = end(true);
    out.last = true;
    return out;
  }
  if (shows_intent(core)) {
    empty_until_ =
        now
        + (goal_ == goal::leave ? boot_time{times.drain}
                                : times.stop_deadline + times.move_step);
    begin(stage::emptying, now, empty_until_ - now);
    return std::nullopt;
  }
  bool refused = reply_ && is(*reply_, errc::conflict);
  if (!refused && !cut_off(now, core) && now < until_) {
    say_intent(now, core);
    return std::nullopt;
  }
  refused_ = refused ? reply_->detail() : "no majority of the voters answers";
  if (goal_ == goal::restart)
    return end(false);
  refused_at_ = log_index{refused ? reply_->index() : 0};
  begin(stage::staying, now, times.drain);
  return std::nullopt;
}

std::optional<departing> departure::save(boot_time now, node_core& core) {
  if (!shows_intent(core))
    say_intent(now, core); // somebody took it back
  if (core.states_refused() > 0) {
    goal_ = goal::leave;
    begin(stage::saying, now, patience);
    return departing{departing::stage::no_room};
  }
  complete_ = is_saved(core);
  if (complete_ || now >= until_)
    begin(stage::handing_over, now, hand_over_max);
  return std::nullopt;
}

std::optional<departing> departure::give_away(boot_time now, node_core& core) {
  bool refused = reply_ && is(*reply_, errc::conflict);
  if (!shows_intent(core) && !refused)
    say_intent(now, core); // somebody took it back
  complete_ = shows_intent(core) && movable(core) == 0;
  if (!complete_ && !refused && !cut_off(now, core) && now < until_)
    return std::nullopt;
  // What clients asked through this node is answered while it is a member.
  begin(stage::serving, now, boot_time::max() - now);
  if (clients_gone_) // once before
    return std::nullopt;
  return departing{departing::stage::serves_nobody};
}

// This node cannot give anything away. That is so when all stop at once: then
// it is the one that the others give to, and lets them finish.
std::optional<departing> departure::stay(boot_time now, node_core& core) {
  bool others_drain =
      any_other(core, [](auto& x) { return x.intent == intent::drain; });
  bool seen = core.applied() >= refused_at_;
  if ((!seen || others_drain) && !cut_off(now, core) && now < until_)
    return std::nullopt;
  auto out = end(is_last(core));
  out.last = out.in_order;
  return out;
}

// So that nobody waits for an election when this node has gone. A leader that
// removed itself could be gone before the others know that this is committed,
// and then they would miss its vote. It cannot hand over while the voters
// change, as they do when several nodes stop at once: it tries again.
std::optional<departing> departure::hand_over(boot_time now, node_core& core) {
  if (leads(core) && !is_last(core) && now < until_) {
    if (now >= again_at_)
      again_at_ = now
                  + (core.hand_over() ? core.config().settings.election_max
                                      : core.config().settings.tick);
    return std::nullopt;
  }
  // Somebody took the intent back meanwhile, and partitions came.
  bool still = goal_ == goal::restart ? is_saved(core) : movable(core) == 0;
  if (complete_ && !still && now < empty_until_) {
    begin(stage::emptying, now, empty_until_ - now);
    return std::nullopt;
  }
  complete_ = complete_ && still;
  if (goal_ == goal::restart) {
    // The leader need not wait for the end of the lease.
    core.retire(now);
    begin(stage::retiring, now, core.config().settings.heartbeat * 5);
    return std::nullopt;
  }
  for (auto& [id, region] : core.map().regions())
    kept_ += owned(core, region);
  // They run until the process ends: their next owners wait for the lease.
  if (kept_ > 0)
    return end(false);
  begin(stage::asking, now, ask_max);
  return std::nullopt;
}

std::optional<departing> departure::retire(boot_time now,
                                           const node_core& core) {
  auto* self = core.map().node(core.config().self);
  if (self != nullptr && self->liveness == liveness::up && now < until_)
    return std::nullopt;
  if (quorum_without(core))
    return end(complete_ && core.host().alive() == 0);
  // The others may be told to restart at this moment too, and their saying so
  // needs the quorum that would go with this node.
  begin(stage::lingering, now, core.config().settings.stabilisation);
  return std::nullopt;
}

std::optional<departing> departure::ask(boot_time now, node_core& core) {
  // Another start of this node, or a leader that saw it go.
  bool granted =
      reply_ && (is(*reply_, errc::none) || is(*reply_, errc::conflict));
  if (is_gone(core) || granted)
    return end(true);
  if (now >= until_) {
    refused_ = reply_ ? reply_->detail() : "no leader let it go in time";
    return end(false);
  }
  if (command_ == 0 && now >= again_at_) {
    proto::CommandRequest what;
    what.mutable_leave()->set_incarnation(core.config().started.value);
    send(now, core, std::move(what));
  }
  return std::nullopt;
}

} // namespace troupe
