// Five nodes under load, restarted one after another: nobody's message fails.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/load.hpp>

#include <algorithm>

using namespace troupe::chaos;

namespace {

std::vector<std::string> all_but(cluster& c, const counter_node& one) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < c.size(); ++i)
    if (&c[i] != &one)
      out.push_back(c[i].http);
  return out;
}

std::uint64_t last_event(counter_node& node) {
  auto all = node.events();
  return all.empty() ? 0 : all.back()["seq"].get<std::uint64_t>();
}

// How often each partition started since then.
std::map<unsigned, unsigned> starts(counter_node& node, std::uint64_t since) {
  std::map<unsigned, unsigned> out;
  for (auto& e : node.events(since))
    if (e["event"] == "partition_started")
      ++out[e["partition"]];
  return out;
}

void check_nothing_failed(load& l) {
  INFO(l.summary());
  CHECK(l.problems().empty());
  CHECK(l.failed() == 0);
  CHECK(l.unknown() == 0);
}

} // namespace

TEST_CASE("a rolling restart by SIGTERM fails nothing, and moves only what the "
          "node gives and gets back [AR-6] [R-16] [R-19]",
          "[chaos][restart]") {
  constexpr unsigned partitions = 20;
  cluster c{{5, partitions, {}}};
  c.start();
  load l{all_but(c, c[0])};
  REQUIRE(l.flows(200));
  for (std::size_t i = 0; i < c.size(); ++i) {
    auto& node = c[i];
    auto& witness = c[(i + 1) % c.size()];
    INFO("restart of " << node.name);
    l.set_targets(all_but(c, node));
    auto since = last_event(witness);
    auto began = clock::now();
    node.child.signal(SIGTERM);
    auto status = node.child.wait(seconds{60});
    INFO(node.child.output());
    REQUIRE(status);
    CHECK(*status == 0);
    REQUIRE(eventually(seconds{10}, [&] { // the witness may hear of it later
      return witness.nodes()[node.name]["status"] == "left";
    }));
    c.wait_settled(); // the last of them may start after it
    // Each of its partitions moved once, and no other.
    auto gave = starts(witness, since);
    CHECK(gave.size() == partitions / c.size());
    for (auto& [p, n] : gave) {
      CAPTURE(p);
      CHECK(n == 1);
    }
    since = last_event(witness);
    node.start();
    REQUIRE(eventually(seconds{30}, [&] {
      return witness.nodes()[node.name]["partitions"]["counter"]
             == partitions / c.size();
    }));
    c.wait_balanced();
    auto got = starts(witness, since);
    CHECK(got.size() == partitions / c.size());
    for (auto& [p, n] : got) {
      CAPTURE(p);
      CHECK(n == 1);
    }
    measured("drain and return of one of five nodes", ms_since(began), "ms");
    REQUIRE(l.flows(100));
    check_nothing_failed(l);
  }
  l.stop();
  l.verify(c[0].http);
  check_nothing_failed(l);
  measured("longest gap of a key in drains", l.longest_gap_ms(), "ms");
}

TEST_CASE("a rolling restart of five nodes, announced, moves nothing and fails "
          "nothing [AR-6] [R-19]",
          "[chaos][restart]") {
  cluster c{{5, 20, {}}};
  c.start();
  std::vector<std::string> before;
  for (auto& p : c[0].partitions())
    before.push_back(p.owner);
  load l{all_but(c, c[0])};
  REQUIRE(l.flows(200));
  for (std::size_t i = 0; i < c.size(); ++i) {
    auto& node = c[i];
    auto& witness = c[(i + 1) % c.size()];
    INFO("restart of " << node.name);
    l.set_targets(all_but(c, node));
    auto began = clock::now();
    REQUIRE(witness.post("/v1/nodes/" + node.name + "/restart").status == 202);
    auto status = node.child.wait(seconds{60});
    INFO(node.child.output());
    REQUIRE(status);
    CHECK(*status == 0);
    node.start();
    c.wait_settled();
    measured("announced restart of one of five nodes", ms_since(began), "ms");
    std::vector<std::string> now;
    for (auto& p : witness.partitions())
      now.push_back(p.owner);
    CHECK(now == before);
    REQUIRE(l.flows(100));
    check_nothing_failed(l);
  }
  l.stop();
  l.verify(c[0].http);
  check_nothing_failed(l);
  measured("longest gap of a key in announced restarts", l.longest_gap_ms(),
           "ms");
}

TEST_CASE("a node that joins takes a thousand partitions under load, and none "
          "of their messages is lost [SF-5] [R-10]",
          "[chaos][moves]") {
  constexpr unsigned partitions = 4096;
  cluster c{{3, partitions, {}}};
  c.start();
  load_options many;
  many.keys = 600;
  load l{all_but(c, c[0]), many};
  REQUIRE(l.flows(300));
  auto since = last_event(c[0]);
  auto& n4 = c.add();
  n4.start();
  REQUIRE(eventually(seconds{60}, [&] {
    return c[0].nodes()["n4"]["partitions"]["counter"] == partitions / 4;
  }));
  c.wait_balanced(seconds{60});
  auto moved = starts(c[0], since);
  CHECK(moved.size() == partitions / 4);
  CHECK(std::all_of(moved.begin(), moved.end(),
                    [](auto& x) { return x.second == 1; }));
  REQUIRE(l.flows(300));
  l.stop();
  l.verify(c[0].http);
  check_nothing_failed(l);
  measured("longest gap of a key in a thousand moves", l.longest_gap_ms(),
           "ms");
}
