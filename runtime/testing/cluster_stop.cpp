// A node that ends in order.
#include <troupe/runtime/testing/cluster_impl.hpp>

namespace troupe::testing {

using namespace std::chrono_literals;

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
  who.post([how](coordinator_actor& c) {
    c.core().depart(how == node::stop_kind::drain ? departure::goal::leave
                                                  : departure::goal::restart);
  });
  run_while([&] { return !who.ended() && !who.left(); },
            1h); // it ends by itself
  return !who.ended() && who.left()->in_order;
}

} // namespace troupe::testing
