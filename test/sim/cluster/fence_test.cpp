// A fence whose answer does not come: what is behind it goes on without.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

/// A partition that went from one node to another while a router cannot reach
/// the first one; all reach the leader.
struct severed {
  cluster c{5};
  partition_id p = c.not_owned_by(c.w.leader()->id());
  sim_node& from = c.node(c.owner(p));
  sim_node& to = c.other_than(c.w.leader()->id(), from.id());
  sim_node& router = c.other_than(c.w.leader()->id(), from.id(), to.id());

  void cut() { c.part(from, router); }
  void move() {
    c.w.move("a", p, to.name());
    c.reach([&] { return c.runs(p, to.id()); }, 2s);
  }
  const registry::counters& count() { return c.w.reg().count(); }
  void rest() {
    c.w.stop_faults();
    c.w.expect_uneven();
    c.calm(30s);
    CHECK(c.w.count_events(proto::EVENT_KIND_NODE_DOWN) == 0);
  }
};

} // namespace

TEST_CASE("[R-13] a router that cannot reach the old owner any more sends to "
          "the new one after the fence's deadline",
          "[sim][scenario]") {
  severed s;
  s.c.send(s.router, s.p, 10);
  s.c.w.run_for(300ms);
  REQUIRE(s.count().processed == 10);
  s.cut();
  s.c.send(s.router, s.p, 5); // on a link that is cut
  s.move();
  s.c.send(s.router, s.p, 20);
  s.c.w.run_for(s.c.w.settings().fence_deadline / 2);
  CHECK(s.count().processed == 10);
  s.c.w.run_for(s.c.w.settings().fence_deadline);
  CHECK(s.count().processed == 30);
  CHECK(s.count().unknown == 5);
  s.c.send(s.router, s.p, 20);
  s.c.w.run_for(300ms);
  CHECK(s.count().processed == 50);
  s.rest();
  CHECK(s.count().processed == 50);
  CHECK(s.count().unknown == 5);
}

TEST_CASE("[R-13] a link that heals before the fence's deadline costs nothing",
          "[sim][scenario]") {
  severed s;
  s.cut();
  s.c.send(s.router, s.p, 5);
  s.move();
  s.c.send(s.router, s.p, 20);
  s.c.w.run_for(s.c.w.settings().fence_deadline / 2);
  CHECK(s.count().processed == 0);
  s.rest();
  CHECK(s.count().processed == 25);
  CHECK(s.count().unknown == 0);
}

TEST_CASE("[R-13] a partition that is back where a fence never came from is "
          "reached by a stream of its own",
          "[sim][scenario]") {
  severed s;
  s.cut();
  s.c.send(s.router, s.p, 5);
  s.move();
  s.c.send(s.router, s.p, 5);
  s.c.w.run_for(2 * s.c.w.settings().fence_deadline);
  REQUIRE(s.count().unknown == 5);
  s.c.w.move("a", s.p, s.from.name());
  s.c.reach([&] { return s.c.runs(s.p, s.from.id()); }, 2s);
  s.c.send(s.router, s.p, 5);
  s.rest();
  CHECK(s.count().processed == 10);
  CHECK(s.count().unknown == 5);
}
