// What the network between nodes can do to them, one way at a time.
#include <test/catch.hpp>

#include "witnessed.hpp"

using namespace troupe::chaos;

namespace {

load_options busy(bool crashes) {
  load_options out;
  out.threads = 6;
  out.crashes = crashes;
  out.timeout = seconds{15};
  return out;
}

// Nobody failed, nobody is in doubt: all that was asked was done.
void check_all_arrived(witnessed& c, load& l) {
  CHECK(c.unsound(l) == "");
  INFO(l.summary());
  CHECK(l.failed() == 0);
  CHECK(l.unknown() == 0);
}

bool owns(counter_node& witness, unsigned partition, counter_node& owner) {
  auto now = witness.partitions().at(partition);
  return now.owner == owner.name && now.stage == "running";
}

// Those that changed.
std::set<unsigned> changed(const std::vector<partition_view>& before,
                           const std::vector<partition_view>& after) {
  std::set<unsigned> out;
  for (unsigned p = 0; p < before.size(); ++p)
    if (before[p].epoch != after.at(p).epoch)
      out.insert(p);
  return out;
}

} // namespace

TEST_CASE("one way between two owners is cut while partitions move between "
          "them, nothing is lost and nothing else moves [R-13]",
          "[chaos][network]") {
  bool loses = GENERATE(true, false);
  CAPTURE(loses);
  witnessed c;
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  auto& a = c.other_than({leader});
  auto& b = c.other_than({leader, &a});
  load l{c.https(), busy(false)};
  REQUIRE(l.flows(200));
  for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    CAPTURE(from->name, to->name);
    auto before = leader->partitions();
    auto there = c.owned_by(*from);
    auto back = c.owned_by(*to);
    if (loses)
      c.cut(*from, *to);
    else
      c.stall(*from, *to);
    // The state goes the way that is closed, and the answer to it the other.
    REQUIRE(c.ask_move(there, *to));
    REQUIRE(c.ask_move(back, *from));
    // Both hear the leader, and it hears them.
    CHECK(always(milliseconds{1500}, [&] {
      for (auto& [name, row] : leader->nodes())
        if (row["status"] != "up")
          return false;
      return leader->status()["leader"] == leader->name;
    }));
    CHECK_FALSE(owns(*leader, there, *to));
    auto took = c.healed_ms();
    REQUIRE(took);
    measured("healed, until all answer", *took, "ms");
    INFO(c.story());
    CHECK(eventually(seconds{5}, [&] {
      return owns(*leader, there, *to) && owns(*leader, back, *from);
    }));
    c.wait_settled(seconds{5});
    CHECK(changed(before, leader->partitions())
          == std::set<unsigned>{there, back});
    REQUIRE(l.flows(100));
  }
  l.stop();
  measured("longest gap of a key", l.longest_gap_ms(), "ms");
  check_all_arrived(c, l);
}

TEST_CASE("one way between two owners is cut for longer than their link is "
          "believed in, what waited arrives, once [R-13]",
          "[chaos][network]") {
  witnessed c;
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  auto& a = c.other_than({leader});
  auto& b = c.other_than({leader, &a});
  auto before = leader->partitions();
  load l{c.https(), busy(false)};
  REQUIRE(l.flows(200));
  c.cut(a, b);
  CHECK(always(milliseconds{4500}, [&] { return a.ready() && b.ready(); }));
  auto took = c.healed_ms();
  REQUIRE(took);
  measured("healed, until all answer", *took, "ms");
  c.wait_settled(seconds{5});
  CHECK(leader->partitions() == before);
  REQUIRE(l.flows(100));
  check_all_arrived(c, l);
}

TEST_CASE("one way between the leader and others is cut: what they own goes on "
          "elsewhere or stays, and never at two [R-13]",
          "[chaos][network]") {
  enum class kind { not_to_one, not_from_one, to_nobody, from_nobody };
  auto what = GENERATE(kind::not_to_one, kind::not_from_one, kind::to_nobody,
                       kind::from_nobody);
  CAPTURE(static_cast<int>(what));
  witnessed c;
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  auto& a = c.other_than({leader});
  auto& b = c.other_than({leader, &a});
  load l{c.https(), busy(true)};
  REQUIRE(l.flows(200));
  auto began = clock::now();
  bool alone = what == kind::to_nobody || what == kind::from_nobody;
  bool outward = what == kind::not_to_one || what == kind::to_nobody;
  for (auto* one : {&a, &b}) {
    if (one == &b && !alone)
      break;
    if (outward)
      c.cut(*leader, *one);
    else
      c.cut(*one, *leader);
  }
  // Whoever still has a majority on its side serves everything.
  auto& lost = alone ? *leader : a;
  bool served = eventually(seconds{8}, [&] {
    for (auto& p : b.partitions())
      if (p.stage != "running" || p.owner == lost.name)
        return false;
    return true;
  });
  INFO(c.story());
  CHECK(served);
  measured("one way is cut, until all is served elsewhere", ms_since(began),
           "ms");
  auto took = c.healed_ms();
  REQUIRE(took);
  measured("healed, until all answer", *took, "ms");
  c.wait_balanced(seconds{10});
  REQUIRE(l.flows(100));
  CHECK(c.unsound(l) == "");
}

TEST_CASE("links that break all the time lose nothing, not even in moves "
          "[R-13]",
          "[chaos][network]") {
  witnessed c;
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  load l{c.https(), busy(false)};
  REQUIRE(l.flows(200));
  auto term = leader->status()["term"];
  unsigned rounds = 0;
  unsigned moves = 0;
  auto end = clock::now() + seconds{4};
  while (clock::now() < end) {
    auto& one = c[rounds % 3];
    auto& other = c[(rounds + 1) % 3];
    // Resets, and now and then a hole.
    if (rounds % 4 == 3)
      c.cut(one, other);
    else
      c.net().break_now(one.host(), other.host());
    if (rounds % 3 == 0)
      moves += c.ask_move(rounds / 3 % 12, other);
    CHECK(always(milliseconds{80}, [&] { return one.child.running(); }));
    c.heal();
    ++rounds;
  }
  measured("connections that broke", static_cast<double>(c.net().seen().resets),
           "in 4 s");
  CHECK(moves > 3);
  auto took = c.healed_ms();
  REQUIRE(took);
  measured("healed, until all answer", *took, "ms");
  c.wait_settled(seconds{5});
  CHECK(leader->status()["term"] == term);
  REQUIRE(l.flows(100));
  l.stop();
  measured("longest gap of a key", l.longest_gap_ms(), "ms");
  check_all_arrived(c, l);
}

TEST_CASE("100 ms more on every way: nobody is taken for dead, and moves lose "
          "nothing [R-13]",
          "[chaos][network]") {
  witnessed c;
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  load l{c.https(), busy(false)};
  REQUIRE(l.flows(200));
  auto before = leader->partitions();
  auto term = leader->status()["term"];
  for (std::size_t i = 0; i < c.size(); ++i)
    for (std::size_t k = 0; k < c.size(); ++k)
      if (i != k)
        c.net().delay(c[i].host(), c[k].host(), milliseconds{100});
  std::set<unsigned> moved;
  for (unsigned p = 0; p < 4; ++p) {
    auto& to = c[before[p].owner == "n1" ? 1 : before[p].owner == "n2" ? 2 : 0];
    auto from = clock::now();
    REQUIRE(c.ask_move(p, to));
    moved.insert(p);
    CHECK(eventually(seconds{10}, [&] { return owns(*leader, p, to); }));
    measured("a move with 100 ms more on every way", ms_since(from), "ms");
  }
  REQUIRE(l.flows(100));
  c.wait_settled(seconds{5});
  CHECK(leader->status()["term"] == term);
  CHECK(changed(before, leader->partitions()) == moved);
  auto took = c.healed_ms();
  REQUIRE(took);
  c.wait_settled(seconds{5});
  l.stop();
  measured("longest gap of a key", l.longest_gap_ms(), "ms");
  check_all_arrived(c, l);
}
