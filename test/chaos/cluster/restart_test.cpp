// Restarts that were announced: nothing moves, nothing is lost.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/load.hpp>

using namespace troupe::chaos;

namespace {

std::vector<std::string> owners(counter_node& node) {
  std::vector<std::string> out;
  for (auto& p : node.partitions())
    out.push_back(p.owner);
  return out;
}

} // namespace

TEST_CASE("a rolling restart of all nodes moves nothing and keeps every state "
          "[AR-6] [AR-8] [R-19]",
          "[chaos][restart]") {
  cluster c;
  c.start();
  auto before = owners(c[0]);
  load l{{c[0].http}};
  REQUIRE(l.flows(200));
  for (std::size_t i = 0; i < c.size(); ++i) {
    std::vector<std::string> others;
    for (std::size_t k = 0; k < c.size(); ++k)
      if (k != i)
        others.push_back(c[k].http);
    l.set_targets(others);
    auto& asked = c[(i + 1) % c.size()];
    auto began = clock::now();
    INFO("restart of " << c[i].name);
    REQUIRE(asked.post("/v1/nodes/" + c[i].name + "/restart").status == 202);
    auto status = c[i].child.wait(seconds{30});
    INFO(c[i].child.output());
    REQUIRE(status);
    CHECK(*status == 0);
    c[i].start();
    c.wait_settled();
    measured("announced restart of a node under load", ms_since(began), "ms");
    CHECK(owners(asked) == before);
    REQUIRE(l.flows(100));
    INFO(l.summary());
    CHECK(l.failed() == 0);
    CHECK(l.unknown() == 0);
  }
  l.stop();
  l.verify(c[0].http);
  INFO(l.summary());
  CHECK(l.problems().empty());
  measured("longest gap of a key in a rolling restart", l.longest_gap_ms(),
           "ms");

  // [AR-8] All at once.
  std::map<std::string, json> ids;
  for (auto& [name, row] : c[0].nodes())
    ids[name] = row["id"];
  auto began = clock::now();
  for (std::size_t i = 0; i < c.size(); ++i) {
    // Whoever led may be gone with the question: it is harmless to ask again.
    answer told;
    CHECK(eventually(seconds{10}, [&] {
      told = c[i].post("/v1/nodes/" + c[i].name + "/restart");
      return told.error() != "outcome_unknown";
    }));
    INFO(told.text);
    CHECK(told.status == 202);
  }
  measured("all nodes told to restart", ms_since(began), "ms");
  for (std::size_t i = 0; i < c.size(); ++i) {
    auto status = c[i].child.wait(seconds{40});
    INFO(c[i].child.output());
    REQUIRE(status);
    CHECK(*status == 0);
  }
  began = clock::now();
  for (std::size_t i = 0; i < c.size(); ++i)
    c[i].start();
  c.wait_settled();
  measured("all nodes restarted, until all serve", ms_since(began), "ms");
  CHECK(owners(c[0]) == before);
  for (auto& [name, row] : c[0].nodes())
    CHECK(row["id"] == ids[name]);
  l.verify(c[0].http);
  INFO(l.summary());
  CHECK(l.problems().empty());
}
