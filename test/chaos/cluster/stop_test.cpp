// How nodes end when nobody is left to take over, and what they say.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>

using namespace troupe::chaos;

namespace {

std::string content(const std::string& file) {
  std::ifstream in{file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

} // namespace

TEST_CASE("cluster: a node alone says on standard error that it is up and "
          "where, and no more",
          "[chaos][cluster]") {
  scratch_directory scratch;
  auto out = scratch.path() + "/out";
  auto err = scratch.path() + "/err";
  process node{{"/bin/sh", "-c",
                "exec " + counter_program() + " node --http " + own_host()
                    + ":0 >" + out + " 2>" + err},
               scratch.path() + "/both"};
  bool up = eventually(seconds{20}, [&] { return says(content(err), "\n"); });
  INFO(node.output());
  REQUIRE(up);
  auto line = content(err);
  auto at = line.find("http://");
  REQUIRE(at != std::string::npos);
  CHECK(says(line, " is up: links on 127.0.0.1:"));

  // The port is the true one, in all that is said.
  auto where = line.substr(at + 7, line.find('/', at + 7) - at - 7);
  CHECK_FALSE(where.ends_with(":0"));
  http_client client{where};
  CHECK(client.get("/v1/status").body()["node"]["http"] == where);
  CHECK(client.get("/v1/nodes").body()["nodes"][0]["http"] == where);

  // All that names a version means the same one.
  auto version = client.get("/v1/status").body()["version"];
  CHECK(client.get("/v1/nodes").body()["nodes"][0]["version"] == version);
  CHECK(says(client.get("/metrics").text,
             "troupe_build_info{version=" + version.dump() + "} 1"));
  node.signal(SIGTERM);
  CHECK(node.wait(seconds{10}) == 0);
  CHECK(content(out).empty());
  auto said = content(err);
  CHECK(std::count(said.begin(), said.end(), '\n') == 2);
}

TEST_CASE("cluster: all nodes told to stop at once end soon, without a warning",
          "[chaos][cluster]") {
  auto count = GENERATE(2u, 3u);
  cluster c{{count, 12, {}}};
  c.start();
  auto begun = clock::now();
  for (auto* node : c.running())
    node->child.signal(SIGINT);
  for (std::size_t i = 0; i < count; ++i) {
    auto ended = c[i].child.wait(seconds{15});
    INFO(c[i].child.output());
    CHECK(ended == 0);
    CHECK_FALSE(says(c[i].child.output(), "[warning]"));
  }
  measured("stop of all nodes at once", ms_since(begun), "ms");
  std::size_t last = 0;
  for (std::size_t i = 0; i < count; ++i)
    last += says(c[i].child.output(), "the last node that runs");
  CHECK(last == 1);

  // They come back as the cluster that they were.
  for (std::size_t i = 0; i < count; ++i)
    c[i].start();
  c.wait_settled();
}

TEST_CASE("cluster: a node that is stopping gives all away, even if somebody "
          "takes its drain back",
          "[chaos][cluster]") {
  cluster c{{3, 128, {"--set", "moves_max=1"}}};
  c.start();
  c[2].child.signal(SIGTERM);
  auto drains = [&] { return c[0].nodes()["n3"]["status"] == "draining"; };
  REQUIRE(eventually(seconds{10}, drains));
  REQUIRE(c[0].post("/v1/nodes/n3/undrain").good());
  REQUIRE(c[2].child.wait(seconds{30}) == 0);
  c.wait_settled();
}

TEST_CASE("cluster: a node that left is listed only if asked for",
          "[chaos][cluster]") {
  cluster c{{3, 12, {}}};
  c.start();
  c[2].child.signal(SIGTERM);
  REQUIRE(c[2].child.wait(seconds{30}) == 0);
  REQUIRE(eventually(seconds{10}, [&] {
    return c[0].get("/v1/nodes").body()["nodes"].size() == 2;
  }));
  auto all = c[0].get("/v1/nodes?all=1").body()["nodes"];
  REQUIRE(all.size() == 3);
  CHECK(all[2]["status"] == "left");
}

TEST_CASE(
    "cluster: a node that hears no majority ends soon when it is told to, "
    "and says why",
    "[chaos][cluster]") {
  cluster c{{3, 12, {}}};
  c.start();
  c[1].child.kill();
  c[2].child.kill();
  c[0].child.signal(SIGTERM);
  CHECK(c[0].child.wait(seconds{20}) == 0);
  CHECK(says(c[0].child.output(), "no majority of the voters answers"));
}
