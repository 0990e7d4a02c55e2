// A region that is changed while it runs.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>

using namespace troupe::chaos;

namespace {

const std::string path = "/v1/regions/counter";

// Every node shows so many partitions, and all of them run.
bool runs_with(cluster& c, std::size_t partitions) {
  for (auto* node : c.running()) {
    auto map = node->partitions();
    if (map.size() != partitions)
      return false;
    for (auto& p : map)
      if (p.stage != "running")
        return false;
  }
  return true;
}

std::uint64_t version(counter_node& node) {
  return node.get(path).body()["version"];
}

// The partition that has it, and what it has of the key.
json add(counter_node& node, const std::string& key, int by) {
  auto out = node.post(path + "/send?key=" + key,
                       R"({"type": "counter.Add", "message": {"by": )"
                           + std::to_string(by) + "}}");
  CAPTURE(out.text);
  REQUIRE(out.good());
  return out.body();
}

} // namespace

TEST_CASE("cluster: [AR-5] a region gets more and fewer partitions, and other "
          "weights, while it runs",
          "[chaos][cluster]") {
  cluster c{{3, 12, {}}};
  c.start();
  auto& n1 = c[0];

  // Not by accident, and not over somebody else's change.
  auto out = n1.post(path, R"({"partitions": 50})");
  CHECK(out.status == 409);
  CHECK(out.body()["hint"].get<std::string>().find("--force")
        != std::string::npos);
  auto before = version(n1);
  auto grow = R"({"partitions": 50, "force": true, "if_version": )";
  CHECK(n1.post(path, grow + std::to_string(before + 1) + "}").status == 409);
  CHECK(c[1].post(path, grow + std::to_string(before) + "}").status == 200);
  REQUIRE(eventually(seconds{20}, [&] { return runs_with(c, 50); }));
  auto after = version(n1);
  CHECK(after > before);

  // Once more is no change, whatever version it names.
  CHECK(c[2].post(path, grow + std::to_string(before) + "}").status == 200);
  CHECK(version(n1) == after);

  // Every node sends a key to the same partition, the new ones too.
  bool beyond = false;
  for (int i = 0; i < 40; ++i) {
    auto key = "k" + std::to_string(i);
    auto first = add(c[0], key, 1);
    auto second = add(c[1], key, 1);
    auto third = add(c[2], key, 1);
    CHECK(first["partition"] == third["partition"]);
    CHECK(second["partition"] == third["partition"]);
    CHECK(third["message"]["total"] == "3");
    beyond = beyond || third["partition"] >= 12;
  }
  CHECK(beyond);

  // Nodes whose program still says 12 come back, and are of the cluster.
  n1.child.signal(SIGTERM);
  CHECK(n1.child.wait(seconds{30}) == 0);
  n1.start();
  REQUIRE(eventually(seconds{30}, [&] { return runs_with(c, 50); }));
  CHECK(n1.post(path + "/ping?partition=49").good());

  // What is cut off ends, and is not there any more.
  CHECK(n1.post(path, R"({"partitions": 5, "force": true})").status == 200);
  REQUIRE(eventually(seconds{20}, [&] { return runs_with(c, 5); }));
  for (auto* node : c.running()) {
    CHECK(node->post(path + "/ping?partition=5").error()
          == "partition_out_of_range");
    CHECK(node->post(path + "/ping?partition=4").good());
  }
  std::size_t owned = 0;
  for (auto* node : c.running())
    owned += static_cast<std::size_t>(node->metric("troupe_partitions_owned"));
  CHECK(owned == 5);

  // One heavy partition has its node for itself.
  CHECK(n1.post(path, R"({"weights": {"2": 1000}})").status == 200);
  REQUIRE(eventually(seconds{20}, [&] {
    auto map = n1.partitions();
    for (std::size_t p = 0; p < map.size(); ++p)
      if (map[p].stage != "running" || (p != 2 && map[p].owner == map[2].owner))
        return false;
    return map.size() == 5;
  }));
}

TEST_CASE("cluster: a plan without a quorum says that it waits for one",
          "[chaos][cluster]") {
  cluster c{{3, 12, {}}};
  c.start();
  auto waits = [&] { return c[0].post("/v1/plan").body()["waiting_for"]; };
  CHECK(eventually(seconds{10}, [&] { return waits() == nullptr; }));
  c[1].child.kill();
  c[2].child.kill();
  CHECK(eventually(seconds{10}, [&] { return waits() == "a quorum"; }));
  auto out = c[0].post("/v1/moves",
                       R"({"region": "counter", "partition": 0, "to": "n1"})");
  CHECK(out.status == 503);
  CHECK(out.error() == "no_quorum");
}

TEST_CASE("cluster: a move to the present owner is refused, and the map stays "
          "as it is",
          "[chaos][cluster]") {
  cluster c{{3, 12, {}}};
  c.start();
  auto before = c[0].partitions();
  auto out =
      c[1].post("/v1/moves", R"({"region": "counter", "partition": 4, "to": ")"
                                 + before[4].owner + "\"}");
  CHECK(out.status == 409);
  CHECK(out.body()["detail"].get<std::string>().find("already")
        != std::string::npos);
  CHECK(c[0].partitions() == before);
}
