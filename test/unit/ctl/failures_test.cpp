#include <test/unit/ctl/ctl_fixture.hpp>

#include <nlohmann/json.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::ctl;
using nlohmann::json;

namespace {

const std::vector<std::string> all_commands{
    "status", "nodes",   "regions", "partitions", "settings",  "events",
    "watch",  "ping",    "send",    "plan",       "rebalance", "move",
    "drain",  "undrain", "restart", "region"};

/// A port that takes connections and never answers.
struct silent_port {
  silent_port() {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* name = reinterpret_cast<sockaddr*>(&at);
    REQUIRE(::bind(fd, name, size) == 0);
    REQUIRE(::listen(fd, 10) == 0);
    REQUIRE(::getsockname(fd, name, &size) == 0);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }

  ~silent_port() { ::close(fd); }

  int fd = -1;
  std::string address;
};

} // namespace

TEST_CASE("troupectl: help has an example for every command, and exit codes",
          "[unit][ctl]") {
  auto x = ctl::run({"--help"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "Exit codes:"));
  CHECK(contains(x.out, "TROUPE_ADDR"));
  for (auto& name : all_commands) {
    CHECK(contains(x.out, "\n  " + name + " "));
    auto help = ctl::run({name, "--help"});
    CHECK(help.code == 0);
    CHECK(contains(help.out, "Example:\n  troupectl " + name));
  }
  x = ctl::run({"--version"});
  CHECK(x.code == 0);
  CHECK(contains(x.out, "troupectl "));
}

TEST_CASE("troupectl: wrong usage ends with 2 and asks nobody", "[unit][ctl]") {
  for (auto& args : std::vector<std::vector<std::string>>{
           {},
           {"nonsense"},
           {"status", "extra"},
           {"status", "--nonsense"},
           {"partitions"},
           {"ping", "counter"},
           {"ping", "counter", "--key", "k", "--partition", "1"},
           {"ping", "counter", "--key", "k", "--count", "0"},
           {"send", "counter", "--key", "k", "T"},
           {"send", "counter", "--key", "k", "T", "{by: 3}"},
           {"move", "counter", "x", "--to", "n1"},
           {"move", "counter", "1"},
           {"drain"},
           {"events", "--since", "x"},
           {"status", "--timeout", "0"},
           {"status", "--addr", ""},
           {"status", "--addr", "host:"},
           {"status", "--addr", "host:99999"},
           {"status", "--addr", "::1"},
           {"status", "--addr", "[::1"}}) {
    INFO((args.empty() ? "nothing" : args.back()));
    auto x = ctl::run(args, {{"TROUPE_ADDR=127.0.0.1:1"}, false, {}});
    CHECK(x.code == 2);
    CHECK(x.out.empty());
    CHECK_FALSE(x.err.empty());
  }
}

TEST_CASE("troupectl: what the cluster refuses ends with 1 and its hint",
          "[unit][ctl]") {
  ctl_fixture f;
  auto x = f.run({"partitions", "none"});
  CHECK(x.code == 1);
  CHECK(x.out.empty());
  CHECK(x.err
        == "troupectl: unknown_region: there is no region 'none'\n"
           "  hint: list them with GET /v1/regions, or troupectl regions\n");
  x = f.run({"ping", "counter", "--partition", "9", "--json"});
  CHECK(x.code == 1);
  REQUIRE(lines(x.err).size() == 1);
  CHECK(json::parse(x.err).at("error") == "partition_out_of_range");
  CHECK(f.run({"ping", "counter", "--partition", "-1"}).code != 0);
  CHECK(f.run({"send", "counter", "--key", "k", "no.Type", "{}"}).code == 1);
  CHECK(f.run({"drain", "none"}).code == 1);
  f.backend.fail(http::api_error{http::api_errc::no_quorum, "2 of 3 are gone"});
  for (auto& args : std::vector<std::vector<std::string>>{
           {"plan"},
           {"rebalance"},
           {"move", "counter", "1", "--to", "n1"},
           {"drain", "n1"},
           {"undrain", "n1"},
           {"restart", "n1"},
           {"ping", "counter", "--key", "k"}}) {
    x = f.run(args);
    CHECK(x.code == 1);
    CHECK(contains(x.err, "no_quorum: 2 of 3 are gone\n  hint: wait until"));
  }
}

TEST_CASE("troupectl: a node that is not there ends with 3", "[unit][ctl]") {
  std::string address;
  {
    ctl_fixture f;
    address = f.server.address();
  }
  auto x = ctl::run({"--addr", address, "status"});
  CHECK(x.code == 3);
  CHECK(contains(x.err, "cannot reach a node at " + address));
  CHECK(contains(x.err, "hint: start the node"));
  CHECK(ctl::run({"status", "--addr", "no.such.host.invalid:1"}).code == 3);
}

TEST_CASE("troupectl: no answer in time ends with 4", "[unit][ctl]") {
  silent_port port;
  auto x = ctl::run({"--addr", port.address, "status", "--timeout", "0.05"});
  CHECK(x.code == 4);
  CHECK(contains(x.err, "did not answer in time"));
  ctl_fixture f;
  for (auto code :
       {http::api_errc::deadline, http::api_errc::outcome_unknown}) {
    f.backend.fail(http::api_error{code, "too late"});
    CHECK(f.run({"ping", "counter", "--key", "k"}).code == 4);
  }
}

TEST_CASE("troupectl: --addr goes before TROUPE_ADDR, in every form",
          "[unit][ctl]") {
  ctl_fixture f;
  auto address = f.server.address();
  auto port = std::to_string(f.server.port());
  for (auto& form :
       {address, "http://" + address + "/", "localhost:" + port, ":" + port})
    CHECK(ctl::run({"status", "--addr", form},
                   {{"TROUPE_ADDR=127.0.0.1:1"}, false, {}})
              .code
          == 0);
}

TEST_CASE("troupectl: what is no command is named, and no arguments get help",
          "[unit][ctl]") {
  ctl_fixture f;
  auto x = f.run({"nodez"});
  CHECK(x.code == 2);
  CHECK(contains(x.err, "there is no command 'nodez'"));
  x = f.run({"--json", "--timeout", "3", "stats", "counter"});
  CHECK(x.code == 2);
  CHECK(contains(x.err, "there is no command 'stats'"));
}

TEST_CASE("troupectl: numbers below zero are no numbers", "[unit][ctl]") {
  ctl_fixture f;
  CHECK(f.run({"watch", "--since", "-1"}).code == 2);
  CHECK(f.run({"watch", "--last", "-1"}).code == 2);
  CHECK(f.run({"events", "--last", "0"}).code == 2);
  CHECK(f.run({"move", "counter", "-1", "--to", "n1"}).code == 2);
  CHECK(f.run({"region", "counter", "--partitions", "-1"}).code == 2);
}
