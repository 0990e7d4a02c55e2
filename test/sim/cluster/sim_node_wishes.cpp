// How a node restarts and leaves in order: what its process does of it.
#include "sim_node_impl.hpp"

namespace troupe::sim {

void sim_node::announce_restart(boot_time downtime) {
  if (!accepts())
    return;
  wish_ = wish::restart;
  downtime_ = downtime;
  core_->depart(departure::goal::restart);
}

void sim_node::leave() {
  if (!accepts())
    return;
  wish_ = wish::leave;
  core_->depart(departure::goal::leave);
}

void sim_node::perform(departing& x) {
  if (x.now == departing::stage::no_room)
    wish_ = wish::leave;
  else if (x.now == departing::stage::serves_nobody)
    core_->clients_gone();
  else {
    departed_ = x;
    departed_at_ = now();
  }
}

void sim_node::drive_wish() {
  if (!core_)
    return;
  auto* self = core_->map().node(id_);
  if (core_->joined() && self->intent == intent::restart)
    announce_restart(std::chrono::milliseconds{300}); // somebody asked for it
  if (!departed_)
    return;
  if (!departed_->in_order) { // as if it had crashed
    crash();
    world_.time().after(std::chrono::seconds{1}, [this] { start(); });
    return;
  }
  for (auto& [key, here] : places_) {
    env e{*this, key, *here};
    here->slot.drop_held(errc::stopping, e);
  }
  // A goodbye says that all that was taken has been seen to. Of who was let go
  // nobody tells it anything any more: it does not wait for ever.
  bool quiet = world_.net().outgoing(process()) == 0
               && world_.reg().open_of(process()) == 0;
  if (quiet || now() - departed_at_ > std::chrono::seconds{1})
    stop_in_order();
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
