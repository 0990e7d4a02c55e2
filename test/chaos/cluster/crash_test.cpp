// Processes that are killed or stopped without a word.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/load.hpp>

using namespace troupe::chaos;

namespace {

load_options with_crashes() {
  load_options out;
  out.crashes = true;
  return out;
}

std::vector<std::string> https(cluster& c) {
  std::vector<std::string> out;
  for (auto* one : c.running())
    out.push_back(one->http);
  return out;
}

counter_node& other_than(cluster& c, const counter_node& one) {
  for (auto* x : c.running())
    if (x != &one)
      return *x;
  return *c.running().front();
}

// Every partition runs on a node whose process runs, as `witness` sees it.
bool serves(cluster& c, counter_node& witness) {
  auto all = witness.partitions();
  for (auto& p : all)
    if (p.stage != "running" || !c.node(p.owner).child.running())
      return false;
  return all.size() == c.options().partitions;
}

void check_sound(load& l, counter_node& through) {
  l.stop();
  l.verify(through.http);
  INFO(l.summary());
  CHECK(l.problems().empty());
}

} // namespace

TEST_CASE("a node that dies is replaced, the leader too, and returns as itself "
          "[SF-6] [SF-8] [R-1] [R-12]",
          "[chaos][crash]") {
  cluster c;
  c.start();
  load l{https(c), with_crashes()};
  REQUIRE(l.flows(200));

  // [SF-6] A follower; nothing else moves or restarts.
  auto* leader = c.leader();
  REQUIRE(leader);
  auto& victim = other_than(c, *leader);
  auto before = leader->partitions();
  auto id = victim.status()["node"]["id"];
  auto began = clock::now();
  victim.child.kill();
  REQUIRE(eventually(seconds{20}, [&] { return serves(c, *leader); }));
  measured("failover of a killed follower's partitions", ms_since(began), "ms");
  auto after = leader->partitions();
  for (unsigned p = 0; p < after.size(); ++p) {
    CAPTURE(p, before[p].owner, after[p].owner);
    if (before[p].owner == victim.name)
      CHECK(after[p].epoch > before[p].epoch);
    else
      CHECK(after[p] == before[p]);
  }
  REQUIRE(l.flows(200));
  victim.start();
  c.wait_balanced();
  CHECK(victim.status()["node"]["id"] == id);
  CHECK(victim.status()["node"]["incarnation"] == 2);

  // The leader. Owners that live are asked through it no more, but answer all
  // the time.
  leader = c.leader();
  REQUIRE(leader);
  began = clock::now();
  leader->child.kill();
  auto& witness = other_than(c, *leader);
  REQUIRE(eventually(seconds{20}, [&] { return serves(c, witness); }));
  measured("failover of a killed leader's partitions", ms_since(began), "ms");
  leader->start();
  c.wait_balanced();

  // [R-1] [SF-8] The leader, while it moves partitions: every move ends.
  for (int round = 0; round < 4; ++round) {
    leader = c.leader();
    REQUIRE(leader);
    auto& rest = other_than(c, *leader);
    auto map = leader->partitions();
    unsigned asked = 0;
    for (unsigned p = 0; p < map.size(); ++p) {
      auto to = "n" + std::to_string(1 + (p + unsigned(round)) % 3);
      asked +=
          leader
              ->post("/v1/moves",
                     json{{"region", "counter"}, {"partition", p}, {"to", to}}
                         .dump())
              .good();
    }
    CHECK(asked > 0);
    began = clock::now();
    leader->child.kill();
    INFO("round " << round << "\n" << c.picture());
    REQUIRE(eventually(seconds{20}, [&] { return serves(c, rest); }));
    measured("all moves ended after their leader's death", ms_since(began),
             "ms");
    leader->start();
    c.wait_settled();
    REQUIRE(rest.post("/v1/rebalance").status == 202);
    c.wait_balanced();
  }
  REQUIRE(l.flows(100));

  // A node that sleeps past its lease, and wakes.
  for (int round = 0; round < 2; ++round) {
    leader = c.leader();
    REQUIRE(leader);
    auto& sleeper = round == 0 ? other_than(c, *leader) : *leader;
    auto& awake = other_than(c, sleeper);
    auto sleeps = sleeper.name;
    l.set_targets({awake.http});
    began = clock::now();
    sleeper.child.signal(SIGSTOP);
    bool replaced = eventually(seconds{20}, [&] {
      for (auto& p : awake.partitions())
        if (p.stage != "running" || p.owner == sleeps)
          return false;
      return true;
    });
    INFO("round " << round);
    sleeper.child.signal(SIGCONT);
    REQUIRE(replaced);
    measured(round == 0 ? "failover of a stopped follower's partitions"
                        : "failover of a stopped leader's partitions",
             ms_since(began), "ms");
    c.wait_settled();
    CHECK(sleeper.status()["node"]["incarnation"]
          == c.running()[0]->nodes()[sleeps]["incarnation"]);
    l.set_targets(https(c));
    c.wait_balanced();
    REQUIRE(l.flows(200));
  }
  l.stop();
  measured("longest gap of a key with crashes", l.longest_gap_ms(), "ms");
  check_sound(l, c[0]);
}

TEST_CASE("a cluster killed as a whole serves again, with the same ids "
          "[R-6] [AR-8]",
          "[chaos][crash]") {
  cluster c;
  c.start();
  load l{https(c), with_crashes()};
  REQUIRE(l.flows(200));
  std::map<std::string, json> ids;
  for (auto& [name, row] : c[0].nodes())
    ids[name] = row["id"];
  auto cluster_id = c[0].status()["cluster_id"];
  for (int round = 0; round < 3; ++round) {
    auto version = c[0].status()["map_version"].get<std::uint64_t>();
    for (std::size_t i = 0; i < c.size(); ++i)
      c[i].child.kill();
    auto began = clock::now();
    for (std::size_t i = 0; i < c.size(); ++i)
      c[(i + unsigned(round)) % 3].start();
    c.wait_settled();
    measured("all killed and started again, until all serve", ms_since(began),
             "ms");
    CHECK(c[0].status()["map_version"].get<std::uint64_t>() >= version);
    CHECK(c[0].status()["cluster_id"] == cluster_id);
    for (auto& [name, row] : c[0].nodes()) {
      CHECK(row["id"] == ids[name]);
      CHECK(row["incarnation"] == round + 2);
    }
    REQUIRE(l.flows(100));
    c.wait_balanced();
  }
  check_sound(l, c[0]);
}
