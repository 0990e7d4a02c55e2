// A disk without room for what partitions save before a restart.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/load.hpp>
#include <test/chaos/harness/small_disk.hpp>

using namespace troupe::chaos;

TEST_CASE(
    "a node told to restart without room for its partitions' states gives "
    "them to others, it says so, and nothing is lost [HR-5] [AR-6]",
    "[chaos][disk]") {
  cluster c{{3, 12, {}}};
  auto& full = c[2];
  small_disk disk{full.data, 64};
  if (disk.skipped())
    return;
  c.start();
  auto owned = [&] {
    return c[0].nodes()[full.name]["partitions"]["counter"].get<unsigned>();
  };
  REQUIRE(owned() == 4);
  load l{{c[0].http, c[1].http}};
  REQUIRE(l.flows(200));
  disk.fill();
  auto began = clock::now();
  REQUIRE(c[0].post("/v1/nodes/" + full.name + "/restart").status == 202);
  auto status = full.child.wait(seconds{30});
  auto said = full.child.output();
  INFO(said);
  REQUIRE(status);
  CHECK(*status == 0);
  measured("restart without room, until the node ended", ms_since(began), "ms");
  CHECK(said.find("no room in " + full.data) != std::string::npos);
  c.wait_settled();
  CHECK(c[0].nodes()[full.name]["status"] == "left");
  for (auto& e : c[0].events())
    CHECK(e["event"] != "state_lost");
  REQUIRE(l.flows(100));
  INFO(l.summary());
  CHECK(l.failed() == 0);
  CHECK(l.unknown() == 0);

  disk.make_room();
  full.start();
  REQUIRE(eventually(seconds{30}, [&] { return owned() == 4; }));
  c.wait_balanced();
  // With room it keeps what it has.
  REQUIRE(c[0].post("/v1/nodes/" + full.name + "/restart").status == 202);
  REQUIRE(full.child.wait(seconds{30}) == 0);
  full.start();
  c.wait_settled();
  CHECK(owned() == 4);
  l.stop();
  l.verify(c[0].http);
  CHECK(l.problems().empty());
  CHECK(l.failed() == 0);
  CHECK(l.unknown() == 0);
}
