// How a node restarts and leaves in order.
#include "sim_node_impl.hpp"

namespace troupe::sim {

void sim_node::announce_restart(boot_time downtime) {
  if (!accepts())
    return;
  wish_ = wish::restart;
  wish_step_ = 0;
  wish_at_ = boot_time{0};
  downtime_ = downtime;
}

void sim_node::leave() {
  if (!accepts())
    return;
  wish_ = wish::leave;
  wish_step_ = 0;
  asked_ = 0;
  wish_at_ = boot_time{0};
}

bool sim_node::ready_to_restart() const {
  for (auto& [id, region] : core_->map().regions())
    for (auto& a : region.partitions) {
      bool comes = a.target == id_ && a.stage == stage::pausing;
      if (comes ? a.owner != id_ : a.owner == id_)
        return false;
    }
  return core_->host().alive() == 0 && disk_.pending() == 0;
}

bool sim_node::ready_to_leave() const {
  for (auto& [id, region] : core_->map().regions())
    for (auto& a : region.partitions)
      if (a.owner == id_ || (a.target == id_ && a.stage == stage::pausing))
        return false;
  return core_->host().alive() == 0;
}

void sim_node::drive_wish() {
  if (!core_ || now() < wish_at_)
    return;
  if (wish_step_ < 2 && !core_->joined())
    return; // what the map says is about an earlier start
  auto* self = core_->map().node(id_);
  if (wish_ == wish::none && self && self->intent == intent::restart
      && self->incarnation == core_->config().started)
    announce_restart(std::chrono::milliseconds{300}); // somebody asked for it
  if (wish_ == wish::none)
    return;
  auto wanted = wish_ == wish::restart ? intent::restart : intent::drain;
  bool leads = core_->leadership().role == raft::role::leader;
  switch (wish_step_) {
  case 0: // say so
    if (self && self->intent == wanted) {
      wish_step_ = 1;
      return;
    }
    if (self && self->liveness == liveness::up) {
      proto::CommandRequest what;
      auto& cmd = *what.mutable_map()->mutable_set_intent();
      cmd.set_node(id_.value);
      cmd.set_intent(wish_ == wish::restart ? proto::INTENT_RESTART
                                            : proto::INTENT_DRAIN);
      wish_at_ = now() + std::chrono::seconds{1};
      request(std::move(what), [this](const proto::CommandReply& reply) {
        if (static_cast<errc>(reply.code()) == errc::conflict)
          wish_ = wish::none; // the last host stays
      });
    }
    return;
  case 1: // wait until nothing runs here
    if (!self || self->intent != wanted) {
      wish_step_ = 0;
      return;
    }
    if (!(wish_ == wish::restart ? ready_to_restart() : ready_to_leave()))
      return;
    if (leads && core_->members().voters.size() > 1) {
      (void)core_->hand_over();
      wish_at_ = now() + std::chrono::milliseconds{200};
      return;
    }
    if (wish_ == wish::restart)
      for (auto& [key, here] : places_) {
        env e{*this, key, *here};
        here->slot.drop_held(errc::stopping, e);
      }
    if (world_.reg().open_of(process()) > 0)
      return;
    if (wish_ == wish::restart)
      core_->retire(now());
    wish_step_ = wish_ == wish::restart ? 3 : 2;
    return;
  case 2: { // ask to be let go
    proto::CommandRequest what;
    what.mutable_leave()->set_incarnation(core_->config().started.value);
    wish_at_ = now() + std::chrono::seconds{1};
    if (!ready_to_leave()) {
      asked_ = 0; // it was given something meanwhile
      if (self && self->intent != wanted)
        wish_step_ = 0; // as somebody took its wish back
      return;
    }
    // Who was let go may never hear of it: the group does not talk to it.
    if ((self && self->liveness == liveness::left) || ++asked_ > 5) {
      wish_step_ = 3;
      return;
    }
    request(std::move(what), [this](const proto::CommandReply& reply) {
      auto code = static_cast<errc>(reply.code());
      if (code == errc::none || code == errc::conflict)
        wish_step_ = 3;
    });
    return;
  }
  default: // say goodbye
    if (world_.net().outgoing(process()) > 0
        || world_.reg().open_of(process()) > 0)
      return;
    stop_in_order();
  }
}

void sim_node::stop_in_order() {
  bool back = wish_ == wish::restart;
  left_ = !back;
  auto downtime = downtime_;
  world_.net().left(process());
  end_process();
  disk_.crash();
  if (back)
    world_.time().after(downtime, [this] { start(); });
}

} // namespace troupe::sim
