// Two nodes that cannot reach each other, while all others can reach both: no
// move between them comes to an end by itself.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

TEST_CASE("[R-23] [INV-COORD-6] a start whose state lies behind a cut goes to "
          "who holds the state",
          "[sim][scenario]") {
  cluster c{7}; // five voters
  auto p = c.not_owned_by(c.w.leader()->id());
  auto& from = c.node(c.owner(p));
  auto& to = c.other_than(c.w.leader()->id(), from.id());
  c.send(c.other_than(from.id(), to.id()), p, 20);
  c.w.run_for(300ms);
  REQUIRE(c.w.reg().count().processed == 20);
  // Who holds the state has more than others: it is not the first choice.
  for (int more = 0; more < 3; ++more) {
    auto q = c.not_owned_by(from.id());
    if (q == p)
      ++q;
    c.w.move("a", q, from.name());
    c.reach([&] { return c.runs(q, from.id()); }, 3s);
  }
  // Whoever is next cannot get the state, from nobody but who holds it.
  for (auto* n : c.w.nodes())
    if (n->id() != from.id() && n->id() != to.id()
        && n->id() != c.w.leader()->id())
      c.part(from, *n);
  c.w.move("a", p, to.name());
  c.reach([&] { return c.row(p).stage == stage::starting; }, 2s);
  to.crash();
  c.reach([&] { return c.owner(p) && c.owner(p) != to.id(); }, 3s);
  REQUIRE(c.owner(p) != from.id());
  REQUIRE(c.owner(p) != c.w.leader()->id());
  c.reach([&] { return c.runs(p, from.id()); },
          c.w.settings().move_step + 500ms);
  CHECK(c.w.reg().started_whole(c.key(p)));
  CHECK(c.w.count_events(proto::EVENT_KIND_STATE_LOST) == 0);
  CHECK(c.w.count_events(proto::EVENT_KIND_QUARANTINED) == 0);
  c.w.stop_faults();
  c.w.expect_uneven();
  c.w.run_for(1s);
  c.calm(40s);
}

TEST_CASE("[R-13] moves to balance between two nodes that do not reach each "
          "other do not keep partitions from running",
          "[sim][scenario]") {
  cluster c{cluster::with(4, 12, false)};
  auto& a = c.other_than(c.w.leader()->id());
  auto& b = c.other_than(c.w.leader()->id(), a.id());
  // `b` gives some of its own to the others, and is to get them back.
  std::vector<partition_id> moved;
  for (partition_id p = 0; p < 12; ++p)
    if (c.owner(p) == b.id() && moved.size() < 2) {
      c.w.move("a", p, a.name());
      moved.push_back(p);
    }
  for (auto p : moved)
    c.reach([&] { return c.runs(p, a.id()); }, 3s);
  c.part(a, b);
  c.w.rebalance();
  // What is paused for a move that cannot be waits for as long as it takes.
  boot_time paused{0};
  const boot_time span = 60s;
  for (boot_time t{0}; t < span; t += 10ms) {
    c.w.run_for(10ms);
    bool any = false;
    for (partition_id p = 0; c.w.leader() && p < 12; ++p)
      any = any || c.row(p).stage != stage::running;
    paused += any ? 10ms : 0ms;
  }
  CHECK(c.w.count_events(proto::EVENT_KIND_PARTITION_PAUSED) > moved.size());
  CHECK(paused < span / 4);
  c.hold_promises();
  c.w.stop_faults();
  c.calm(40s);
}
