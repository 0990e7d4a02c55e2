#include <test/unit/ctl/ctl_fixture.hpp>

#include <nlohmann/json.hpp>

using namespace troupe;
using namespace troupe::ctl;
using nlohmann::json;

namespace {

http::event_row event(std::uint64_t seq, const char* region) {
  http::event_row x;
  x.seq = seq;
  x.kind = "partition_started";
  x.time_ms = 1'700'000'000'123;
  x.region = region;
  x.cause = "a join";
  return x;
}

} // namespace

TEST_CASE("troupectl: status names the node and its cluster", "[unit][ctl]") {
  ctl_fixture f;
  auto x = f.run({"status"});
  CHECK(x.code == 0);
  CHECK(x.err.empty());
  CHECK(contains(x.out, "cluster      c0ffee\n"));
  CHECK(contains(x.out, "leader       n2 (term 7)\n"));
  CHECK(contains(x.out, "voters       n1 n2 n3\n"));
  CHECK(contains(x.out, "learners     -\n"));
  CHECK(contains(x.out, "quorum       yes\n"));
  CHECK(contains(x.out, "node         n1 (id 1, incarnation 1)\n"));
}

TEST_CASE("troupectl: tables are aligned and bare of colours in a pipe",
          "[unit][ctl]") {
  ctl_fixture f;
  auto x = f.run({"partitions", "counter"});
  CHECK(x.code == 0);
  CHECK(x.out
        == "PARTITION  OWNER  EPOCH  STAGE    NEXT\n"
           "        0  n1        10  running     -\n"
           "        1  n2        11  running     -\n"
           "        2  n3        12  running     -\n"
           "        3  n1        13  running     -\n");
  x = f.run({"nodes"});
  CHECK(x.code == 0);
  auto rows = lines(x.out);
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].find("NAME") == rows[1].find("n1"));
  CHECK(contains(rows[3], "zone=west"));
  CHECK(contains(rows[1], "counter=2"));
  x = f.run({"nodes", "--all"});
  REQUIRE(lines(x.out).size() == 5);
  CHECK(contains(lines(x.out)[4], "left"));
  x = f.run({"regions"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "counter"));
  CHECK(contains(x.out, "pinned"));
  x = f.run({"settings"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "How long a node may run on."));
}

TEST_CASE("troupectl: a terminal gets colours unless it wants none",
          "[unit][ctl]") {
  ctl_fixture f;
  CHECK(contains(f.run({"nodes"}, {{}, true, {}}).out, "\x1b[32mup\x1b[0m"));
  CHECK_FALSE(
      contains(f.run({"nodes"}, {{"NO_COLOR=1"}, true, {}}).out, "\x1b"));
  CHECK_FALSE(
      contains(f.run({"nodes"}, {{"TERM=dumb"}, true, {}}).out, "\x1b"));
}

TEST_CASE("troupectl: --json prints what the node said", "[unit][ctl]") {
  ctl_fixture f;
  for (auto args : std::vector<std::vector<std::string>>{
           {"status", "--json"},
           {"nodes", "--json"},
           {"--json", "regions"},
           {"--json", "partitions", "counter"},
           {"settings", "--json"}}) {
    auto x = f.run(args);
    CHECK(x.code == 0);
    REQUIRE(lines(x.out).size() == 1);
    CHECK(json::parse(x.out).is_object());
  }
  auto x = f.run({"partitions", "counter", "--json"});
  CHECK(json::parse(x.out).at("partitions")[1]
        == json({{"partition", 1},
                 {"owner", "n2"},
                 {"epoch", 11},
                 {"stage", "running"}}));
}

TEST_CASE("troupectl: events shows what is there", "[unit][ctl]") {
  ctl_fixture f;
  f.backend.cluster_events.append(event(3, "counter"));
  f.backend.cluster_events.append(event(4, "other"));
  auto x = f.run({"events"});
  CHECK(x.code == 0);
  auto rows = lines(x.out);
  REQUIRE(rows.size() == 3);
  CHECK(contains(rows[0], "2 events are missing here, 1 to 2"));
  CHECK(rows[1]
        == "     3  22:13:20.123  partition_started     region=counter  "
           "cause=\"a join\"");
  x = f.run({"events", "--since", "2", "--region", "other"});
  CHECK(lines(x.out).size() == 1);
  x = f.run({"events", "--since", "2", "--json"});
  REQUIRE(lines(x.out).size() == 2);
  CHECK(json::parse(lines(x.out)[1]).at("seq") == 4);
  CHECK(f.run({"events", "--local"}).out.empty());
}

TEST_CASE("troupectl: watch begins with the last ten events", "[unit][ctl]") {
  ctl_fixture f;
  for (std::uint64_t i = 1; i <= 60; ++i)
    f.backend.cluster_events.append(event(i, i % 2 ? "counter" : "other"));
  auto numbers = [&](std::vector<std::string> args) {
    args.emplace_back("--json");
    std::vector<int> out;
    for (auto& line : lines(f.run(args).out))
      out.push_back(json::parse(line).at("seq"));
    return out;
  };
  auto all = [](int first, int last, int step = 1) {
    std::vector<int> out;
    for (; first <= last; first += step)
      out.push_back(first);
    return out;
  };
  CHECK(numbers({"watch", "--count", "10"}) == all(51, 60));
  CHECK(numbers({"watch", "--count", "3", "--last", "3"}) == all(58, 60));
  CHECK(numbers({"watch", "--count", "60", "--all"}) == all(1, 60));
  CHECK(numbers({"watch", "--count", "5", "--since", "20"}) == all(21, 25));
  CHECK(numbers({"watch", "--count", "4", "--last", "4", "--region", "counter"})
        == all(53, 59, 2));
  CHECK(numbers({"events", "--last", "2"}) == all(59, 60));
  CHECK(numbers({"events"}) == all(1, 60));
  auto both = f.run({"watch", "--last", "3", "--all"});
  CHECK(both.code == 2);
}

TEST_CASE("troupectl: watch says so when events are missing", "[unit][ctl]") {
  ctl_fixture f;
  f.backend.cluster_events.append(event(5, "counter"));
  auto more = [&](const std::string& out) {
    if (lines(out).size() == 2)
      f.backend.cluster_events.append(event(9, "counter")); // 6 to 8 are lost
  };
  auto x = f.run({"watch", "--count", "4"}, {{}, false, more});
  auto rows = lines(x.out);
  REQUIRE(rows.size() == 4);
  CHECK(contains(rows[0], "4 events are missing here, 1 to 4"));
  CHECK(contains(rows[2], "3 events are missing here, 6 to 8"));
  CHECK(contains(rows[3], "     9  "));
}

TEST_CASE("troupectl: region shows settings and changes them", "[unit][ctl]") {
  ctl_fixture f;
  auto x = f.run({"region", "counter"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "version      42\n"));
  CHECK(contains(x.out, "hosts        n1 n2 n3\n"));
  x = f.run({"region", "counter", "--partitions", "128", "--weight", "3=200",
             "--weight", "4=2", "--strategy", "pinned", "0-3=n1",
             "--if-version", "42", "--force"});
  CHECK(x.code == 0);
  CHECK(x.out == "region counter is as asked, from map version 101\n");
  auto& got = f.backend.changed;
  CHECK(got.partitions == 128);
  CHECK(got.weights == std::map<partition_id, std::uint32_t>{{3, 200}, {4, 2}});
  CHECK(got.strategy == "pinned");
  CHECK(got.strategy_options
        == std::map<std::string, std::string>{{"0-3", "n1"}});
  CHECK(got.if_version == 42);
  CHECK(got.force);
  x = f.run({"region", "counter", "--weight", "3=2", "--if-version", "41"});
  CHECK(x.code == 1);
  CHECK(contains(x.err, "is at version 42"));
  CHECK(f.run({"region", "counter", "--weight", "3"}).code == 2);
  CHECK(f.run({"region", "counter", "--weight", "3=0"}).code == 2);
  CHECK(f.run({"region", "counter", "--partitions", "0"}).code == 2);
  CHECK(f.run({"region", "none"}).code == 1);
}

TEST_CASE("troupectl: watch shows events as they come", "[unit][ctl]") {
  ctl_fixture f;
  f.backend.cluster_events.append(event(1, "counter"));
  std::uint64_t last = 1;
  auto more = [&](const std::string& out) {
    // One more for each that is seen: nothing is held back.
    if (lines(out).size() == last && last < 5)
      f.backend.cluster_events.append(event(++last, "counter"));
  };
  auto x = f.run({"watch", "--count", "5", "--json"}, {{}, false, more});
  CHECK(x.code == 0);
  REQUIRE(lines(x.out).size() == 5);
  CHECK(json::parse(lines(x.out)[4]).at("seq") == 5);
}

TEST_CASE("troupectl: watch ends with the node that it watches",
          "[unit][ctl]") {
  ctl_fixture f;
  f.backend.cluster_events.append(event(1, "counter"));
  auto stop = [&](const std::string&) { f.server.stop(); };
  auto x = f.run({"watch"}, {{}, false, stop});
  CHECK(x.code == 3);
  CHECK(contains(x.err, "hint: "));
}

TEST_CASE("troupectl: control characters never reach the terminal",
          "[unit][ctl]") {
  ctl_fixture f;
  auto x = event(1, "counter");
  x.detail = "\x1b[2Jgone\n";
  f.backend.cluster_events.append(x);
  auto shown = f.run({"events"});
  CHECK(contains(shown.out, "?[2Jgone?"));
  CHECK(lines(shown.out).size() == 1);
}
