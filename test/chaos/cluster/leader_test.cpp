// A leader that owns nothing is missed by nobody who sends.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/load.hpp>

using namespace troupe::chaos;

TEST_CASE(
    "the death of a leader that owns nothing fails no message and changes "
    "no partition [SF-6] [R-1]",
    "[chaos][crash]") {
  cluster c{{4, 16, {}}};
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  std::vector<std::string> others;
  counter_node* witness = nullptr;
  for (auto* one : c.running())
    if (one != leader) {
      others.push_back(one->http);
      witness = one;
    }
  // Drained by command, it stays, and leads.
  REQUIRE(witness->post("/v1/nodes/" + leader->name + "/drain").status == 202);
  REQUIRE(eventually(seconds{30}, [&] {
    for (auto& p : witness->partitions())
      if (p.stage != "running" || p.owner == leader->name)
        return false;
    return true;
  }));
  auto before = witness->partitions();
  load l{others};
  REQUIRE(l.flows(300));
  REQUIRE(c.leader() == leader);
  auto began = clock::now();
  leader->child.kill();
  REQUIRE(eventually(seconds{20}, [&] {
    auto now = witness->status()["leader"];
    return now.is_string() && now != leader->name;
  }));
  measured("a leader's death, until another leads", ms_since(began), "ms");
  REQUIRE(eventually(seconds{20}, [&] {
    return witness->nodes()[leader->name]["status"] == "down";
  }));
  REQUIRE(l.flows(300));
  l.stop();
  l.verify(witness->http);
  INFO(l.summary());
  CHECK(l.problems().empty());
  CHECK(l.failed() == 0);
  CHECK(l.unknown() == 0);
  CHECK(witness->partitions() == before);
  measured("longest gap of a key meanwhile", l.longest_gap_ms(), "ms");
}

TEST_CASE(
    "owners that die in turn, the leader too, are replaced with the preset "
    "for one room [SF-6] [SF-8] [R-1]",
    "[chaos][crash]") {
  cluster c{{4, 16, {"--preset", "fast"}}};
  c.start();
  CHECK(c[0].get("/v1/settings").text.find("\"300\"") != std::string::npos);
  load_options crashing;
  crashing.crashes = true;
  load l{{c[0].http}, crashing};
  for (int round = 0; round < 4; ++round) {
    auto* leader = c.leader();
    REQUIRE(leader);
    auto* victim = leader;
    for (auto* one : c.running())
      if (one != leader && round % 2 == 0)
        victim = one;
    std::vector<std::string> others;
    counter_node* witness = nullptr;
    for (auto* one : c.running())
      if (one != victim) {
        others.push_back(one->http);
        witness = one;
      }
    l.set_targets(others);
    REQUIRE(l.flows(100));
    auto began = clock::now();
    victim->child.kill();
    INFO("round " << round << "\n" << c.picture());
    REQUIRE(eventually(seconds{20}, [&] {
      auto now = witness->partitions();
      for (auto& p : now)
        if (p.stage != "running" || p.owner == victim->name)
          return false;
      return now.size() == c.options().partitions;
    }));
    measured(victim == leader ? "failover of a killed leader, fast"
                              : "failover of a killed follower, fast",
             ms_since(began), "ms");
    REQUIRE(l.flows(100));
    victim->start();
    c.wait_balanced();
  }
  l.stop();
  l.verify(c[0].http);
  INFO(l.summary());
  CHECK(l.problems().empty());
}
