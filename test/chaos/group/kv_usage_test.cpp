#include <string>
#include <vector>

#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/http_client.hpp>
#include <test/chaos/harness/process.hpp>

using namespace troupe::chaos;

TEST_CASE("replicated_kv: what is wrong with the flags is said, with what to "
          "do",
          "[chaos][group]") {
  scratch_directory files;
  auto says = [&](std::vector<std::string> flags, const std::string& what,
                  int status = 2) {
    flags.insert(flags.begin(),
                 {REPLICATED_KV_PATH, "--path", files.path() + "/m"});
    auto got = run(flags, seconds{10});
    INFO(got.output);
    CHECK(got.status == status);
    CHECK(got.output.find(what) != got.output.npos);
  };
  says({"--port", "99999"}, "not in range 1 to 65535");
  says({"--members", "127.0.0.1"},
       "'127.0.0.1' is no address: write HOST:PORT");
  says({"--members", "127.0.0.1:1,nonvoting"}, "only ',nonVoting' may stand");
  says({"--members", "127.0.0.1:1;127.0.0.1:1"}, "is there twice");
  says({"--join"}, "--join needs --members with another member than");
  says({"--join", "--members", "127.0.0.1:7001"}, "name at least one");
  says({"--preset", "turbo"}, "turbo not in {normal,fast,wan}");
  says({"--set", "election=1"}, "it takes 4 to 600000 ms");
  says({"--set", "elections=500"}, "there are tick, heartbeat, election,");
  says({"--snapshots", "daily"}, "write never, a number of changes");
  says({"--set", "heartbeat=10"}, "below the tick of 25 ms", 1);
  says({"--members", "127.0.0.1:1;127.0.0.1:2"}, "this one's own address", 1);
  says({"--preset", "fast", "--set", "log_tail=7", "--settings"},
       "election=100 ms", 0);
  says({"--set", "log_tail=7", "--settings"}, "log_tail=7 entries", 0);
}

TEST_CASE(
    "replicated_kv: what is wrong with a request is said, with what to do",
    "[chaos][group]") {
  scratch_directory files;
  auto ports = free_ports(2);
  process member{{REPLICATED_KV_PATH, "--host", own_host(), "--port", ports[0],
                  "--http", ports[1], "--path", files.path() + "/m", "--preset",
                  "fast"},
                 files.path() + "/out"};
  http_client client{own_host(), ports[1]};
  REQUIRE(eventually(seconds{20}, [&] {
    return client.post("/kv/a", "1", seconds{6}).good();
  }));
  auto says = [](const answer& got, unsigned status, const std::string& what) {
    INFO(got.text);
    CHECK(got.status == status);
    CHECK(got.text.find(what) != got.text.npos);
  };
  says(client.get("/"), 404, "there are /kv/KEY, /watch, /members and /leader");
  says(client.get("/kv/b"), 404, "there is no such key");
  says(client.get("/kv/a?read=fresh"), 400,
       "write linearizable, lease or local");
  says(client.get("/watch?since=x"), 400, "the index of a change");
  says(client.post("/kv/a?if=1&if_absent", "2"), 400, "not both");
  says(client.post("/kv/a?if=0", "2"), 412, "\"before\":\"1\"");
  says(client.post("/kv/a", std::string(1 << 20, 'x')), 413, "split it");
  says(client.post("/members?address=nowhere"), 400, "write HOST:PORT");
  says(client.post("/members?address=127.0.0.1:1&votes=maybe"), 400,
       "true or false");
  says(client.post("/members/7/promote"), 404, "list the members");
  says(client.post("/members/me/remove"), 404, "GET /members lists them");
  says(client.post("/members/1/remove"), 409, "too few voters would be left");
  says(client.post("/leader?to=x"), 400, "the number of a member");
  says(client.post("/leader?to=7"), 404, "unknown_member");
  says(client.get("/kv/a"), 200, "\"value\":\"1\"");
}
