// Routers that learn of moves late or otherwise, over networks of all kinds.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

/// The partition goes on to the next node, so often.
void move_on(cluster& c, partition_id p, node_id not_to, int times) {
  for (; times > 0; --times) {
    auto& to = c.other_than(c.owner(p), not_to);
    c.w.move("a", p, to.name());
    c.reach([&] { return c.runs(p, to.id()); }, 900ms);
  }
}

void all_arrives(cluster& c) {
  c.w.run_for(1s);
  c.w.rebalance();
  c.calm(30s);
  CHECK(c.w.reg().count().processed == c.w.reg().count().accepted);
}

} // namespace

TEST_CASE("[R-24] a router that is late by three moves loses, doubles and "
          "reorders nothing",
          "[sim][scenario]") {
  bool by_snapshot = GENERATE(false, true);
  auto options = cluster::with(5, 5, true);
  if (by_snapshot) {
    options.settings.snapshot_every = 3;
    options.settings.keep_tail = 1;
  }
  cluster c{options};
  auto late = c.other_than(c.w.leader()->id()).id();
  auto p = c.not_owned_by(late);
  for (auto* n : c.w.nodes())
    c.keep_sending(*n, p, 700us, 2000);
  c.w.run_for(50ms);
  bool by_chunks = false;
  auto before = c.row(p).epoch;
  c.w.net().lose_if([&, late](node_id, node_id to, frame_kind kind) {
    by_chunks = by_chunks || (to == late && kind == frame_kind::snapshot_chunk);
    return to == late
           && (kind == frame_kind::raft || kind == frame_kind::snapshot_chunk);
  });
  move_on(c, p, late, 3);
  CHECK(c.row(p).epoch > before);
  CHECK(c.node(late).core().map().find(c.key(p))->epoch == before);
  by_chunks = false;
  c.w.net().lose_if([&, late](node_id, node_id to, frame_kind kind) {
    by_chunks = by_chunks || (to == late && kind == frame_kind::snapshot_chunk);
    return false;
  });
  c.reach(
      [&] {
        return c.node(late).core().map().find(c.key(p))->epoch
               == c.row(p).epoch;
      },
      3s);
  CHECK(by_chunks == by_snapshot);
  all_arrives(c);
  CHECK(c.w.count_events(proto::EVENT_KIND_NODE_DOWN) == 0);
}

TEST_CASE("[R-7] a router that is sent on to a start of a node that it has not "
          "heard of reaches that one",
          "[sim][scenario]") {
  cluster c{7, 10}; // five voters: two may be away
  auto leader = c.w.leader()->id();
  auto p = c.not_owned_by(leader);
  auto& from = c.node(c.owner(p));
  auto& to = c.other_than(leader, from.id());
  auto& late = c.other_than(leader, from.id(), to.id());
  auto id = late.id();
  c.w.net().lose_if([id](node_id, node_id to, frame_kind kind) {
    return to == id && kind == frame_kind::raft;
  });
  c.part(late, to);
  to.crash();
  c.reach([&] { return c.runs_without(to.id()); }, 4s);
  to.start();
  c.reach([&] { return to.core().joined(); }, 2s);
  c.w.move("a", p, to.name());
  c.reach([&] { return c.runs(p, to.id()); }, 2s);
  REQUIRE(late.core().map().find(c.key(p))->owner == from.id());
  c.send(late, p, 5);
  c.w.run_for(300ms);
  CHECK(c.w.reg().count().processed == 0); // on their way
  c.w.stop_faults();
  c.w.expect_uneven();
  c.calm(30s);
  CHECK(c.w.reg().count().processed == 5);
}

TEST_CASE("[R-24] a router that joins in the middle of moves",
          "[sim][scenario]") {
  cluster c{cluster::with(3, 4, true)};
  for (auto* n : c.w.nodes())
    c.keep_sending(*n, 0, 1ms, 3000);
  c.w.join("newcomer");
  for (int i = 0; i < 20; ++i) {
    move_on(c, 0, {}, 1);
    if (c.w.nodes().size() == 4 && i < 19 && c.w.node(4).accepts()
        && c.w.node(4).core().map().region("a"))
      c.send(c.w.node(4), 0, 20);
  }
  REQUIRE(c.w.nodes().size() == 4);
  c.w.run_for(2s);
  all_arrives(c);
}

TEST_CASE("[R-13] whatever the network does, nothing is lost in silence, "
          "doubled or reordered",
          "[sim][scenario]") {
  cluster c{5, 10};
  auto a = c.other_than(c.w.leader()->id()).id();
  auto b = c.other_than(a).id();
  for (auto* n : c.w.nodes())
    for (partition_id p = 0; p < 10; ++p)
      c.keep_sending(*n, p, 10ms, 400);
  SECTION("A hears B, and B does not hear A") {
    c.w.net().cut(a, b);
    c.w.run_for(3s);
  }
  SECTION("A hears everybody, and nobody hears A") {
    for (auto* n : c.w.nodes())
      c.w.net().cut(a, n->id());
    c.w.run_for(3s);
  }
  SECTION("everybody hears A, and A hears nobody") {
    for (auto* n : c.w.nodes())
      c.w.net().cut(n->id(), a);
    c.w.run_for(3s);
  }
  SECTION("the leader is heard by nobody") {
    auto lead = c.w.leader()->id();
    for (auto* n : c.w.nodes())
      c.w.net().cut(lead, n->id());
    c.w.run_for(3s);
  }
  SECTION("links flap") {
    for (int i = 0; i < 30; ++i) {
      auto x = c.w.luck().below(5) + 1;
      auto y = c.w.luck().below(5) + 1;
      c.w.net().cut(node_id{x}, node_id{y});
      c.w.run_for(c.w.luck().between(10ms, 200ms));
      if (i % 3 == 2)
        c.w.net().heal_all();
    }
  }
  SECTION("one way loses most of what is said") {
    c.w.net().lose_if([&c, a](node_id from, node_id, frame_kind) {
      return from == a && c.w.luck().permille(700);
    });
    c.w.run_for(4s);
  }
  SECTION("everything takes 100 ms") {
    c.w.net().conditions().delay_min = 90ms;
    c.w.net().conditions().delay_max = 100ms;
    c.w.move("a", 0, c.other_than(c.owner(0)).name());
    c.w.run_for(4s);
  }
  c.hold_promises();
  c.w.stop_faults();
  c.w.expect_uneven();
  c.w.run_for(1s);
  c.calm(40s);
  CHECK(c.w.reg().count().processed > 10000);
}
