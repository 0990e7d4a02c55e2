// The leader dies while it moves partitions, and the network is not well.
#include <test/catch.hpp>

#include "witnessed.hpp"

using namespace troupe::chaos;

TEST_CASE("the leader is killed while it moves partitions to a node whose link "
          "is cut one way, every move ends, and never at two [SF-8] [R-1]",
          "[chaos][network]") {
  enum class kind { to_new_owner, from_new_owner };
  auto what = GENERATE(kind::to_new_owner, kind::from_new_owner);
  CAPTURE(static_cast<int>(what));
  // Three voters, so that two are left, and a learner. What cannot be handed
  // over is rolled back after both times.
  witnessed c{
      {4, 0, {"--set", "stop_deadline=1000", "--set", "move_step=1000"}}};
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  auto member = [&](counter_node& node) {
    return leader->nodes()[node.name]["member"].get<std::string>();
  };
  counter_node* next = nullptr;
  counter_node* owner = nullptr;
  counter_node* witness = nullptr;
  for (auto* one : c.running())
    if (member(*one) == "learner")
      next = one;
    else if (one != leader)
      (owner ? witness : owner) = one;
  REQUIRE(next);
  REQUIRE(witness);
  CAPTURE(leader->name, owner->name, next->name, witness->name);
  load_options crashing;
  crashing.threads = 6;
  crashing.crashes = true;
  load l{c.https(), crashing};
  REQUIRE(l.flows(200));

  auto map = leader->partitions();
  unsigned asked = 0;
  if (what == kind::to_new_owner)
    c.cut(*owner, *next);
  else
    c.cut(*next, *owner);
  for (unsigned p = 0; p < map.size(); ++p)
    if (map[p].owner != next->name)
      asked += c.ask_move(p, *next);
  CHECK(asked > 3);
  auto began = clock::now();
  leader->child.kill();
  // Each ends as the next leader decides: there, or back where it came from.
  // What lost its owner too: if its state lies behind the cut, at who has it.
  auto open_moves = [&] {
    std::set<unsigned> out;
    for (auto& e : witness->events()) {
      if (!e.contains("partition"))
        continue;
      auto p = e["partition"].get<unsigned>();
      if (e["event"] == "partition_started")
        out.erase(p);
      else if (e["event"] == "partition_paused" || e["cause"] == "owner lost")
        out.insert(p);
    }
    return out;
  };
  bool ended = eventually(seconds{8}, [&] { return open_moves().empty(); });
  INFO(c.story());
  CHECK(ended);
  measured("moves ended after their leader's death, with one way cut",
           ms_since(began), "ms");
  auto took = c.healed_ms();
  REQUIRE(took);
  measured("healed, until all answer", *took, "ms");
  leader->start();
  c.wait_settled(seconds{10});
  REQUIRE(witness->post("/v1/rebalance").status == 202);
  c.wait_balanced(seconds{10});
  REQUIRE(l.flows(100));
  CHECK(c.unsound(l) == "");
}
