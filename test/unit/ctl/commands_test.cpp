#include <test/unit/ctl/ctl_fixture.hpp>

#include <nlohmann/json.hpp>

using namespace troupe;
using namespace troupe::ctl;
using nlohmann::json;

namespace {

const std::string type = "google.protobuf.SourceContext";

} // namespace

TEST_CASE("troupectl: ping shows the way to the owner", "[unit][ctl]") {
  ctl_fixture f;
  auto x = f.run({"ping", "counter", "--partition", "2"});
  CHECK(x.code == 0);
  CHECK(contains(x.out,
                 "partition 2  node n3  epoch 12  hops 2  path n1 > n3  "));
  x = f.run({"ping", "counter", "--key", "a/b c", "--count", "20"});
  CHECK(x.code == 0);
  CHECK(lines(x.out).size() == 21);
  CHECK(contains(x.out, "20 pings: min "));
  x = f.run({"ping", "counter", "--key", "a", "--count", "3", "--json"});
  REQUIRE(lines(x.out).size() == 3);
  CHECK(json::parse(lines(x.out)[2]).at("partition") == 1);
}

TEST_CASE("troupectl: send shows the answer", "[unit][ctl]") {
  ctl_fixture f;
  auto x = f.run(
      {"send", "counter", "--partition", "1", type, R"({"fileName": "x"})"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "partition 1  node n2  epoch 11"));
  CHECK(contains(x.out, type + "\n{\n  \"fileName\": \"x\"\n}\n"));
  x = f.run({"--json", "send", "counter", "--key", "k", type, "{}"});
  CHECK(x.code == 0);
  CHECK(json::parse(x.out).at("type") == type);
  x = f.run({"send", "counter", "--key", "k", type, "{}", "--tell"});
  CHECK(x.code == 0);
  CHECK(x.out == "accepted\n");
}

TEST_CASE("troupectl: send hands on key, mode and timeout", "[unit][ctl]") {
  ctl_fixture f;
  http::send_request seen;
  f.backend.on_send = [&](http::send_request x,
                          http::callback<http::send_reply> done) {
    seen = x;
    done(http::send_reply{});
  };
  f.run({"send", "counter", "--key", "\xc3\xa9&=%", type, "{}", "--tell",
         "--timeout", "2.5"});
  CHECK(std::get<std::string>(seen.target) == "\xc3\xa9&=%");
  CHECK(seen.mode == http::send_mode::tell);
  CHECK(seen.timeout == std::chrono::milliseconds(2500));
}

TEST_CASE("troupectl: plan shows moves and changes nothing", "[unit][ctl]") {
  ctl_fixture f;
  auto before = f.run({"partitions", "counter"}).out;
  for (auto& args : {std::vector<std::string>{"plan"}, {"plan", "counter"}}) {
    auto x = f.run(args);
    CHECK(x.code == 0);
    CHECK(x.out
          == "REGION   PARTITION  FROM  TO\n"
             "counter          3  n1    n2\n"
             "1 move\n");
  }
  CHECK(f.run({"partitions", "counter"}).out == before);
  f.backend.waiting_for = "a stable view, 0.6 s left";
  CHECK(contains(f.run({"plan"}).out,
                 "1 move; waiting for: a stable view, 0.6 s left\n"));
  CHECK(json::parse(f.run({"plan", "--json"}).out).at("waiting_for")
        == "a stable view, 0.6 s left");
}

TEST_CASE("troupectl: rebalance and move wait if asked to", "[unit][ctl]") {
  ctl_fixture f;
  f.backend.delay_moves(3);
  auto x = f.run({"rebalance", "--wait"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "0 of 1 moved\n1 of 1 moved\ndone in "));
  x = f.run({"move", "counter", "0", "--to", "n3", "--wait"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "partition 0 of counter goes from n1 to n3\n"));
  CHECK(contains(x.out, "1 of 1 moved\n"));
  x = f.run({"move", "counter", "0", "--to", "n1", "--wait", "--json"});
  CHECK(x.code == 0);
  REQUIRE(lines(x.out).size() == 1);
  CHECK(json::parse(x.out).at("to") == "n1");
  x = f.run({"move", "counter", "1", "--to", "n1"});
  CHECK(x.code == 0);
  CHECK(lines(x.out).size() == 1);
}

TEST_CASE("troupectl: a move that does not end in time is a deadline",
          "[unit][ctl]") {
  ctl_fixture f;
  f.backend.delay_moves(1'000'000);
  auto x = f.run(
      {"move", "counter", "0", "--to", "n3", "--wait", "--timeout", "0.2"});
  CHECK(x.code == 4);
  CHECK(contains(x.err, "goes on"));
  CHECK(contains(x.err, "hint: "));
}

TEST_CASE("troupectl: a move that ends elsewhere is a failure", "[unit][ctl]") {
  ctl_fixture f;
  f.backend.delay_moves(1'000'000);
  auto roll_back = [&](const std::string& out) {
    if (!contains(out, "0 of 1 moved"))
      return;
    f.backend.delay_moves(0);
    f.backend.move({"counter", 0, "n2"}, [](auto) {});
  };
  auto x = f.run({"move", "counter", "0", "--to", "n3", "--wait"},
                 {{}, false, roll_back});
  CHECK(x.code == 1);
  CHECK(contains(x.err, "rolled back"));
}

TEST_CASE("troupectl: drain waits and tells how far it is", "[unit][ctl]") {
  ctl_fixture f;
  f.backend.delay_moves(3);
  auto x = f.run({"drain", "n1"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "n1 is draining and owns 2 partitions\n"));
  CHECK(contains(x.out, "n1: 2 of 2 partitions left\n"));
  CHECK(contains(x.out, "n1: 0 of 2 partitions left, "));
  CHECK(contains(x.out, "n1 is drained\n"));
  x = f.run({"drain", "n2", "--no-wait"});
  CHECK(x.code == 0);
  CHECK(lines(x.out).size() == 1);
  x = f.run({"undrain", "n2"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "n2 is up"));
  x = f.run({"restart", "n3"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "n3 is restarting"));
}

TEST_CASE("troupectl: a drain that the asked node learns late is no failure",
          "[unit][ctl]") {
  ctl_fixture f;
  f.backend.delay_moves(5);
  f.backend.delay_states(2);
  auto x = f.run({"drain", "n1"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "n1 is drained\n"));
}

TEST_CASE("troupectl: a drain that somebody takes back is a failure",
          "[unit][ctl]") {
  ctl_fixture f;
  f.backend.delay_moves(1'000'000);
  auto take_back = [&](const std::string& out) {
    if (contains(out, "partitions left"))
      f.backend.undrain("n1", [](auto) {});
  };
  auto x = f.run({"drain", "n1"}, {{}, false, take_back});
  CHECK(x.code == 1);
  CHECK(contains(x.err, "took the drain back"));
}
