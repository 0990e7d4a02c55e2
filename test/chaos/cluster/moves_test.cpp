// Moves that somebody planned: no message may fail, be lost, doubled or
// overtaken.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/load.hpp>

#include <algorithm>
#include <cmath>

using namespace troupe::chaos;

namespace {

std::vector<std::string> https(cluster& c) {
  std::vector<std::string> out;
  for (auto* one : c.running())
    out.push_back(one->http);
  return out;
}

void check_all_arrived(load& l, counter_node& through) {
  l.stop();
  l.verify(through.http);
  INFO(l.summary());
  CHECK(l.problems().empty());
  CHECK(l.failed() == 0);
  CHECK(l.unknown() == 0);
  CHECK(l.acknowledged() > 100);
}

std::uint64_t last_event(counter_node& node) {
  auto all = node.events();
  return all.empty() ? 0 : all.back()["seq"].get<std::uint64_t>();
}

// The events since then that tell of one partition each, in order.
std::map<unsigned, std::vector<std::string>>
partition_events(counter_node& node, std::uint64_t since) {
  std::map<unsigned, std::vector<std::string>> out;
  for (auto& e : node.events(since))
    if (e.contains("partition"))
      out[e["partition"]].push_back(e["event"]);
  return out;
}

} // namespace

TEST_CASE("planned moves under load lose nothing "
          "[SF-5] [SF-6] [SF-7] [R-10] [R-16] [R-19]",
          "[chaos][moves]") {
  cluster c{{3, 12, {}}};
  c.start();
  load l{https(c)};
  REQUIRE(l.flows(200));

  // [R-10] [SF-7] Twenty moves, one after another.
  auto begun = clock::now();
  for (unsigned i = 0; i < 20; ++i) {
    unsigned p = i % 4;
    auto from = c[0].partitions().at(p).owner;
    auto to = from == "n1" ? "n2" : from == "n2" ? "n3" : "n1";
    auto asked = c[i % 3].post(
        "/v1/moves",
        json{{"region", "counter"}, {"partition", p}, {"to", to}}.dump());
    CAPTURE(i, p, from, to, asked.text);
    REQUIRE(asked.status == 202);
    INFO(c.picture());
    REQUIRE(eventually(seconds{20}, [&] {
      auto now = c[0].partitions().at(p);
      return now.owner == to && now.stage == "running";
    }));
  }
  measured("one of 20 moves under load", ms_since(begun) / 20, "ms");
  REQUIRE(l.flows(100));
  CHECK(l.failed() == 0);
  // What was asked for stays until somebody asks for balance.
  c.wait_settled();
  REQUIRE(c[0].post("/v1/rebalance").status == 202);

  // [SF-5] A node joins: only as many partitions move as it needs, each paused,
  // its old actor stopped, started on the newcomer, in this order.
  c.wait_balanced();
  auto before = c[0].partitions();
  auto since = last_event(c[0]);
  begun = clock::now();
  auto& n4 = c.add();
  n4.start();
  // Up comes before hosting: until then the map is balanced without it.
  REQUIRE(eventually(seconds{30}, [&] {
    auto now = c[0].partitions();
    return std::any_of(now.begin(), now.end(),
                       [](auto& p) { return p.owner == "n4"; });
  }));
  c.wait_balanced();
  measured("a fourth node joins, until balanced", ms_since(begun), "ms");
  auto after = c[0].partitions();
  auto told = partition_events(c[0], since);
  unsigned moved = 0;
  for (unsigned p = 0; p < after.size(); ++p) {
    if (after[p].owner == before[p].owner) {
      CHECK(after[p].epoch == before[p].epoch);
      CHECK(told.count(p) == 0);
      continue;
    }
    ++moved;
    CHECK(after[p].owner == "n4");
    CAPTURE(p, json(told[p]).dump());
    CHECK(told[p]
          == std::vector<std::string>{"partition_paused", "partition_confirmed",
                                      "partition_started"});
  }
  CHECK(moved == 3);
  l.set_targets(https(c));
  REQUIRE(l.flows(200));
  CHECK(l.failed() == 0);

  // The leader is told to stop: it drains, hands over and goes.
  auto* leader = c.leader();
  REQUIRE(leader);
  before = c[0].partitions();
  std::vector<std::string> others;
  for (auto* one : c.running())
    if (one != leader)
      others.push_back(one->http);
  l.set_targets(others);
  auto& witness = *c.running()[leader == c.running()[0] ? 1 : 0];
  begun = clock::now();
  leader->child.signal(SIGTERM);
  double without = 0;
  auto seen = clock::now();
  bool ended = eventually(seconds{40}, [&] {
    auto now = witness.status();
    if (now["leader"].is_string() && now["quorum"] == true) {
      without = std::max(without, ms_since(seen));
      seen = clock::now();
    }
    return !leader->child.running();
  });
  INFO(leader->child.output());
  REQUIRE(ended);
  CHECK(leader->child.wait(seconds{1}) == 0);
  measured("graceful stop of the leader", ms_since(begun), "ms");
  measured("longest time without a leader in it", without, "ms");
  CHECK(without < 2000);
  c.wait_settled();
  // [SF-6] What it did not own stays as it is.
  after = witness.partitions();
  for (unsigned p = 0; p < after.size(); ++p)
    if (before[p].owner != leader->name) {
      CAPTURE(p);
      CHECK(after[p] == before[p]);
    }
  CHECK(witness.nodes()[leader->name]["status"] == "left");
  REQUIRE(l.flows(200));
  INFO(l.summary());
  CHECK(l.failed() == 0);

  // A drain by command: all goes, and the node stays until it is told.
  auto& drained = *c.running().back();
  REQUIRE(witness.post("/v1/nodes/" + drained.name + "/drain").status == 202);
  begun = clock::now();
  REQUIRE(eventually(seconds{40}, [&] {
    return witness.nodes()[drained.name]["partitions"]["counter"] == 0;
  }));
  measured("drain of a node under load", ms_since(begun), "ms");
  CHECK(drained.child.running());
  REQUIRE(l.flows(200));
  l.stop();
  measured("longest gap of a key in planned moves", l.longest_gap_ms(), "ms");
  check_all_arrived(l, witness);
}
