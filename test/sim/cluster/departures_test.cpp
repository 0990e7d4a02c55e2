// Nodes that go in order, one and all at once.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

/// Who goes at once, or almost: within `span`.
template <class Act>
void at_once(cluster& c, boot_time span, Act act) {
  for (auto* n : c.w.nodes())
    c.w.time().after(c.w.luck().between(0ms, span), [n, act] { act(*n); });
}

} // namespace

TEST_CASE("all nodes are told to stop at once: each ends in order, and none "
          "waits for those that went",
          "[sim][scenario][departure]") {
  boot_time longest{0};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    cluster c{3 + static_cast<unsigned>(seed % 3), 10, true, seed};
    c.send_all(2);
    auto began = c.w.time().now();
    at_once(c, seed % 2 == 0 ? 0ms : 40ms, [](sim_node& n) { n.leave(); });
    c.reach(
        [&] {
          auto nodes = c.w.nodes();
          return std::all_of(nodes.begin(), nodes.end(),
                             [](auto* n) { return n->left(); });
        },
        20s);
    c.hold_promises();
    longest = std::max(longest, c.w.time().now() - began);
  }
  CHECK(longest < 1500ms);
  WARN("the longest took " << longest.count() / 1'000'000 << " ms");
}

TEST_CASE("all nodes are told to restart at once: what they have is saved, and "
          "each has it again",
          "[sim][scenario][departure]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    cluster c{3 + static_cast<unsigned>(seed % 3), 10, false, seed};
    auto before = c.owners();
    c.send_all(2);
    at_once(c, seed * 20ms, [](sim_node& n) { n.announce_restart(4s); });
    c.w.run_for(4s);
    c.calm(30s);
    for (auto& [p, was] : before) {
      CHECK(c.owner(p) == was.first);
      CHECK(c.w.reg().started_whole(c.key(p)));
    }
    CHECK(c.w.count_events(proto::EVENT_KIND_STATE_LOST) == 0);
  }
}

TEST_CASE("the leader hands over before it goes: nobody waits for an election",
          "[sim][scenario][departure]") {
  bool leaves = GENERATE(false, true);
  cluster c{5};
  auto* lead = c.w.leader();
  auto term = lead->core().leadership().term;
  c.send_all(2);
  if (leaves)
    lead->leave();
  else
    lead->announce_restart(500ms);
  c.reach([&] { return !lead->alive(); }, 3s);
  REQUIRE(c.w.leader());
  CHECK(c.w.leader()->core().leadership().term.value == term.value + 1);
  c.calm(30s);
}

TEST_CASE(
    "a node that cannot reach the others ends all the same, and says that "
    "it was not in order",
    "[sim][scenario][departure]") {
  bool leaves = GENERATE(false, true);
  cluster c{3};
  auto& gone = c.other_than(c.w.leader()->id());
  auto life = gone.process().life;
  c.w.isolate(gone.id());
  c.w.run_for(10ms);
  if (leaves)
    gone.leave();
  else
    gone.announce_restart(0ms);
  c.reach([&] { return gone.process().life != life || !gone.alive(); }, 5s);
  CHECK_FALSE(gone.left());
  c.w.stop_faults();
  c.calm(30s);
}

TEST_CASE("a node whose wish is taken back while it goes says it again",
          "[sim][scenario][departure]") {
  cluster c{3, 30, true};
  auto& gone = c.other_than(c.w.leader()->id());
  gone.slow_handlers(20ms);
  c.send_all(20);
  gone.leave();
  c.reach([&] { return c.map().node(gone.id())->intent == intent::drain; });
  c.w.set_intent(gone.id(), proto::INTENT_UNSPECIFIED);
  c.reach([&] { return gone.left(); }, 20s);
  c.calm(30s);
}

TEST_CASE("a node whose drain is taken back when it has nothing left gives "
          "away what comes then, too",
          "[sim][scenario][departure]") {
  // Somebody drains it, it is told to stop as well, and so is empty before it
  // has said so itself.
  auto pause = GENERATE(range(0, 30, 1));
  cluster c{3, 30, true};
  auto& gone = c.other_than(c.w.leader()->id());
  c.w.set_intent(gone.id(), proto::INTENT_DRAIN);
  gone.leave();
  c.reach([&] {
    auto& rows = c.region().partitions;
    return std::none_of(rows.begin(), rows.end(),
                        [&](auto& a) { return a.owner == gone.id(); });
  });
  c.w.run_for(std::chrono::milliseconds{pause});
  c.w.set_intent(gone.id(), proto::INTENT_UNSPECIFIED);
  c.send_all(20);
  c.reach([&] { return gone.left(); }, 20s);
  c.calm(30s);
}

TEST_CASE("one of three nodes is dead and another one goes: the last serves",
          "[sim][scenario][departure]") {
  cluster c{3};
  auto& dead = c.other_than(c.w.leader()->id());
  auto& gone = GENERATE(false, true)
                   ? *c.w.leader()
                   : c.other_than(c.w.leader()->id(), dead.id());
  dead.crash();
  c.w.run_for(2s);
  gone.leave();
  c.reach([&] { return gone.left(); }, 20s);
  c.reach([&] { return c.runs_without(gone.id()); }, 5s);
  c.send_all(2);
  dead.start();
  c.calm(30s);
}
