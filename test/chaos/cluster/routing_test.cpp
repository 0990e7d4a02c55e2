// One cluster that nothing happens to: where messages go, and what is refused.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>

#include <algorithm>

using namespace troupe::chaos;

namespace {

std::string add_body(int by) {
  return json{{"type", "counter.Add"}, {"message", {{"by", by}}}}.dump();
}

struct refusal {
  const char* target;
  const char* body;
  unsigned status;
  const char* error;
};

} // namespace

TEST_CASE("a cluster at rest routes, agrees and refuses "
          "[SF-1] [SF-2] [SF-3] [SF-4] [SF-9] [SF-11] [SF-12] [AR-2]",
          "[chaos][routing]") {
  cluster c{{3, 10, {}}};
  auto begun = clock::now();
  // In any order: the last founder first.
  for (int i : {2, 0, 1})
    c[i].start();
  c.wait_balanced();
  measured("cold start of three nodes until balanced", ms_since(begun), "ms");

  // [SF-3] [SF-4]
  auto map = c[0].partitions();
  REQUIRE(map.size() == 10);
  std::map<std::string, int> owned;
  for (auto& p : map)
    ++owned[p.owner];
  REQUIRE(owned.size() == 3);
  for (auto& [name, n] : owned)
    CHECK((n == 3 || n == 4));
  int leaders = 0;
  for (std::size_t i = 0; i < 3; ++i)
    leaders += c[i].status()["node"]["role"] == "leader";
  CHECK(leaders == 1);

  // [SF-1] [SF-2] [SF-11]
  for (unsigned p = 0; p < 10; ++p) {
    auto at = "?partition=" + std::to_string(p);
    for (std::size_t i = 0; i < 3; ++i) {
      CAPTURE(p, c[i].name, map[p].owner);
      auto ping = c[i].post("/v1/regions/counter/ping" + at);
      REQUIRE(ping.status == 200);
      auto pong = ping.body();
      bool owns = c[i].name == map[p].owner;
      CHECK(pong["node"] == map[p].owner);
      CHECK(pong["epoch"] == map[p].epoch);
      CHECK(pong["hops"] == (owns ? 1 : 2));
      auto path = owns ? json{c[i].name} : json{c[i].name, map[p].owner};
      CHECK(pong["path"] == path);
      auto sent = c[i].post("/v1/regions/counter/send" + at, add_body(2));
      REQUIRE(sent.status == 200);
      CHECK(sent.body()["path"] == path);
      // Once: the count is that of the Adds so far.
      CHECK(sent.body()["message"]["applied"] == std::to_string(i + 1));
    }
    std::vector<json> totals;
    for (std::size_t i = 0; i < 3; ++i)
      totals.push_back(c[i].post("/v1/regions/counter/send" + at,
                                 R"({"type":"counter.Get","message":{}})")
                           .body()["message"]);
    CHECK(totals[0]["total"] == "6");
    CHECK(totals[1] == totals[0]);
    CHECK(totals[2] == totals[0]);
  }

  // [SF-9]
  const refusal refusals[] = {
      {"/v1/regions/counter/ping", "", 400, "missing_target"},
      {"/v1/regions/counter/ping?partition=x", "", 400, "malformed_partition"},
      {"/v1/regions/counter/ping?partition=-1", "", 400, "malformed_partition"},
      {"/v1/regions/counter/ping?partition=10", "", 404,
       "partition_out_of_range"},
      {"/v1/regions/counter/ping?partition=99999999999999999999", "", 404,
       "partition_out_of_range"},
      {"/v1/regions/counter/ping?partition=1&key=a", "", 400,
       "ambiguous_target"},
      {"/v1/regions/nothing/ping?partition=1", "", 404, "unknown_region"},
      {"/v1/regions/counter/send?key=a", R"({"type":"no.Such","message":{}})",
       404, "unknown_type"},
      {"/v1/regions/counter/send?key=a",
       R"({"type":"counter.Add","message":{"by":"x"}})", 400, "wrong_message"},
      {"/v1/regions/counter/send?key=a",
       R"({"type":"counter.Total","message":{}})", 409, "handler_failed"},
      {"/v1/regions/counter/send?key=a", "{", 400, "invalid_json"},
      {"/v1/moves", R"({"region":"counter","partition":10,"to":"n1"})", 404,
       "partition_out_of_range"},
      {"/v1/moves", R"({"region":"counter","partition":1,"to":"n9"})", 404,
       "unknown_node"},
      {"/v1/nodes/n9/drain", "", 404, "unknown_node"},
  };
  for (std::size_t i = 0; i < 3; ++i)
    for (auto& one : refusals) {
      CAPTURE(c[i].name, one.target, one.body);
      auto from = clock::now();
      auto got = c[i].post(one.target, one.body);
      CHECK(got.status == one.status);
      CHECK(got.error() == one.error);
      CHECK(got.body()["hint"].is_string());
      CHECK(ms_since(from) < 3000);
    }

  // [AR-2] Time and messages change nothing.
  auto version = c[0].status()["map_version"];
  for (int i = 0; i < 200; ++i)
    c[i % 3].post("/v1/regions/counter/send?key=k" + std::to_string(i),
                  add_body(1));
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(c[i].status()["map_version"] == version);
    CHECK(c[i].partitions() == map);
  }
}
