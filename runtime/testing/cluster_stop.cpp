// A node that ends in order, as runtime/node_stop.cpp does it.
#include <algorithm>

#include <troupe/runtime/testing/cluster_impl.hpp>

namespace troupe::testing {

namespace {

using namespace std::chrono_literals;

intent intent_of(const process& who) {
  auto& core = who.core();
  auto* self = core.map().node(core.config().self);
  return self ? self->intent : intent::none;
}

bool is_last(const process& who) {
  auto& core = who.core();
  return std::none_of(core.map().nodes().begin(), core.map().nodes().end(),
                      [&](auto& kv) {
                        return kv.first != core.config().self
                               && kv.second.liveness == liveness::up;
                      });
}

// Partitions of `who` that another node could take.
std::size_t movable(const process& who) {
  auto& core = who.core();
  auto self = core.config().self;
  std::size_t out = 0;
  for (auto& [id, region] : core.map().regions()) {
    bool taken = std::any_of(core.map().nodes().begin(),
                             core.map().nodes().end(), [&](auto& kv) {
                               return kv.first != self && kv.second.available()
                                      && core.map().can_host(region, kv.second);
                             });
    if (taken)
      out += static_cast<std::size_t>(
          std::count_if(region.partitions.begin(), region.partitions.end(),
                        [&](auto& a) { return a.owner == self; }));
  }
  return out;
}

std::size_t owned(const process& who) {
  auto& core = who.core();
  std::size_t out = 0;
  for (auto& [id, region] : core.map().regions())
    for (auto& a : region.partitions)
      out += a.owner == core.config().self;
  return out;
}

} // namespace

void cluster::impl::stop(std::size_t node, node::stop_kind how) {
  auto& who = live(node);
  if (who.paused())
    throw std::logic_error{at(node).name + " is paused; resume it first"};
  if (how == node::stop_kind::now)
    return end(node, false, "it was stopped");
  bool in_order = leave(node, how);
  if (who.ended())
    return; // of something else
  who.plane().stop();
  // A goodbye says that all that was taken has been seen to.
  if (in_order)
    run_while([&] { return !who.ended() && who.links().outgoing() > 0; }, 1s);
  if (!who.ended())
    end(node, in_order,
        how == node::stop_kind::drain ? "it was drained" : "it is to restart");
  at(node).left = in_order && how == node::stop_kind::drain;
}

// Gives everything away, or saves it for the return.
bool cluster::impl::leave(std::size_t node, node::stop_kind how) {
  auto& who = live(node);
  auto& times = options_.settings;
  auto cut_off = [&] {
    return who.ended()
           || time_.now() - std::max(who.core().lease_end(), boot_time{0})
                  > 2 * times.election_max + 1s;
  };
  auto wait = [&](boot_time limit, auto check) {
    return run_while([&] { return !who.ended() && !check(); }, limit)
           && !who.ended();
  };
  auto wish = how == node::stop_kind::drain ? intent::drain : intent::restart;
  if (wish == intent::drain && is_last(who))
    return true;
  proto::CommandRequest what;
  auto& cmd = *what.mutable_map()->mutable_set_intent();
  cmd.set_node(who.core().config().self.value);
  cmd.set_intent(wish == intent::drain ? proto::INTENT_DRAIN
                                       : proto::INTENT_RESTART);
  cmd.set_cause("stop");
  cmd.set_ends(true);
  for (auto until = time_.now() + 15s; intent_of(who) != wish;) {
    auto said = command(who, what, until - time_.now());
    if (who.ended() || said.code() == static_cast<int>(errc::conflict)
        || cut_off() || time_.now() >= until)
      return false;
    wait(50ms, [&] { return intent_of(who) == wish; });
  }
  auto hand_over = [&] {
    auto began = std::make_shared<int>(-1);
    who.post([began](coordinator_actor& c) {
      *began = c.core().hand_over() ? 1 : 0;
    });
    wait(2s, [&] {
      return *began == 0
             || (*began > 0
                 && who.core().leadership().leader != who.core().config().self);
    });
  };
  if (wish == intent::restart) {
    bool saved = wait(times.stop_deadline + times.move_step,
                      [&] { return who.core().host().alive() == 0; });
    if (who.ended())
      return false;
    hand_over();
    who.post([](coordinator_actor& c) { c.retire(); });
    wait(times.heartbeat * 5, [&] {
      auto* self = who.core().map().node(who.core().config().self);
      return !self || self->liveness != liveness::up;
    });
    return saved;
  }
  wait(times.drain, [&] { return movable(who) == 0 || cut_off(); });
  if (who.ended())
    return false;
  hand_over();
  if (who.ended() || owned(who) > 0)
    return false; // they run until the process ends
  proto::CommandRequest let_go;
  let_go.mutable_leave()->set_incarnation(who.core().config().started.value);
  return command(who, std::move(let_go), 12s).code() == 0;
}

} // namespace troupe::testing
