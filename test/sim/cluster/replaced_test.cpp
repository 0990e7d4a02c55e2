// Machines that are lost with their disks, and come back with empty ones.
#include <set>

#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

TEST_CASE("[AR-9] a machine that lost its disk comes back as a new node, as "
          "often as it takes",
          "[sim][scenario]") {
  cluster c{3};
  std::set<node_id> ids;
  for (int round = 0; round < 5; ++round) {
    CAPTURE(round);
    auto& victim = c.other_than(c.w.leader()->id());
    auto old = victim.id();
    auto name = victim.name();
    victim.retire();
    c.w.join(name);
    c.reach([&] { return c.runs_without(old); }, 5s);
    c.calm();
    auto* record = c.map().node(old);
    CHECK((!record || record->liveness == liveness::removed));
    CHECK(c.w.leader()->core().members().voters.size() == 3);
    for (auto* n : c.w.nodes())
      if (n->alive())
        ids.insert(n->id());
    c.send_all(2);
  }
  CHECK(ids.size() <= 5); // they are given again
  c.calm();
}
