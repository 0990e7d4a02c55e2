#include <test/unit/http/server_fixture.hpp>

#include <troupe/runtime/http/api.hpp>

#include <troupe/proto/raft.pb.h>

using namespace troupe::http;
using nlohmann::json;

TEST_CASE("http: status tells of the node and its cluster", "[unit][http]") {
  server_fixture f;
  auto reply = f.get("/v1/status");
  REQUIRE(reply.status == 200);
  CHECK(reply.headers["content-type"] == "application/json");
  auto x = parsed(reply);
  CHECK(x.at("cluster_id") == "c0ffee");
  CHECK(x.at("leader") == "n2");
  CHECK(x.at("term") == 7);
  CHECK(x.at("map_version") == 100);
  CHECK(x.at("voters") == json({"n1", "n2", "n3"}));
  CHECK(x.at("learners") == json::array());
  CHECK(x.at("quorum") == true);
  CHECK(x.at("lease_ms") == 950);
  CHECK(x.at("version") == "0.1.0");
  auto& node = x.at("node");
  CHECK(node.at("id") == 1);
  CHECK(node.at("name") == "n1");
  CHECK(node.at("incarnation") == 1);
  CHECK(node.at("address") == "127.0.0.1:7101");
  CHECK(node.at("role") == "follower");
  auto& messages = x.at("messages");
  CHECK(messages.at("accepted") == 12);
  CHECK(messages.at("settled") == 9);
  CHECK(messages.at("unknown") == 1);
  CHECK(messages.at("under_way") == 2);
  CHECK(messages.at("answered") == 4);
  CHECK(messages.at("dropped") == json({{"expired", 2}, {"overloaded", 1}}));
  CHECK(x.at("degraded")
        == json::array({json{
            {"region", "counter"}, {"level", "warning"}, {"seconds", 10.5}}}));
}

TEST_CASE("http: nodes are listed with what they own", "[unit][http]") {
  server_fixture f;
  auto x = parsed(f.get("/v1/nodes")).at("nodes");
  REQUIRE(x.size() == 3);
  CHECK(x[2].at("name") == "n3");
  CHECK(x[2].at("status") == "up");
  CHECK(x[2].at("member") == "voter");
  CHECK(x[2].at("labels").at("zone") == "west");
  CHECK(x[2].at("roles") == json({"worker"}));
  CHECK(x[2].at("partitions").at("counter") == 1);
  CHECK(x[0].at("partitions").at("counter") == 2);
}

TEST_CASE("http: nodes that left are listed if asked for", "[unit][http]") {
  server_fixture f;
  for (auto query : {"?all=1", "?all=true"}) {
    auto x = parsed(f.get(std::string("/v1/nodes") + query)).at("nodes");
    REQUIRE(x.size() == 4);
    CHECK(x[3].at("status") == "left");
    CHECK(x[3].at("member") == nullptr);
  }
  CHECK(parsed(f.get("/v1/nodes?all=0")).at("nodes").size() == 3);
  CHECK(error_of(f.get("/v1/nodes?all=yes")) == "malformed");
}

TEST_CASE("http: a region is changed by what the body names [AR-5]",
          "[unit][http]") {
  server_fixture f;
  const std::string path = "/v1/regions/counter";
  auto x = parsed(f.get(path));
  CHECK(x.at("version") == 42);
  CHECK(x.at("hosts") == json({"n1", "n2", "n3"}));
  auto reply = f.post(path, R"({"partitions": 128, "weights": {"3": 200},
    "strategy": "pinned", "strategy_options": {"0-3": "n1"},
    "if_version": 42, "force": true})");
  CHECK(reply.status == 200);
  CHECK(parsed(reply) == json({{"region", "counter"}, {"map_version", 101}}));
  CHECK(f.backend.changed.partitions == 128);
  CHECK(f.backend.changed.weights.at(3) == 200);
  CHECK(f.backend.changed.strategy_options.at("0-3") == "n1");
  CHECK(f.backend.changed.force);
  reply = f.post(path, R"({"partitions": 4, "if_version": 41})");
  CHECK(reply.status == 409);
  CHECK(error_of(reply) == "refused");
  CHECK(error_of(f.post("/v1/regions/none", R"({"partitions": 4})"))
        == "unknown_region");
  for (auto body :
       {"{}", R"({"if_version": 42})", R"({"partitions": 0})",
        R"({"partitions": "4"})", R"({"partitions": 4294967296})",
        R"({"weights": {"x": 1}})", R"({"weights": {"1": 0}})",
        R"({"weights": [1]})", R"({"strategy": 1})", R"({"strategy": ""})",
        R"({"partitions": 4, "force": 1})", R"({"partitons": 4})",
        R"({"partitions": 4, "strategy_options": {"0": "n1"}})",
        R"({"strategy": "pinned", "strategy_options": {"0": 1}})"})
    CHECK(body + error_of(f.post(path, body))
          == body + std::string("malformed"));
}

TEST_CASE("http: regions are listed, and each shows its map", "[unit][http]") {
  server_fixture f;
  auto all = parsed(f.get("/v1/regions")).at("regions");
  REQUIRE(all.size() == 2);
  CHECK(all[0].at("region") == "counter");
  CHECK(all[0].at("running") == 4);
  auto x = parsed(f.get("/v1/regions/counter"));
  CHECK(x.at("region") == "counter");
  CHECK(x.at("settings").at("strategy") == "balanced");
  CHECK(x.at("settings").at("keep_running") == false);
  REQUIRE(x.at("partitions").size() == 4);
  CHECK(x.at("partitions")[2]
        == json({{"partition", 2},
                 {"owner", "n3"},
                 {"epoch", 12},
                 {"stage", "running"}}));
}

TEST_CASE("http: a partition on its way shows its next owner", "[unit][http]") {
  server_fixture f;
  f.backend.delay_moves(1000);
  CHECK(f.post("/v1/moves", R"({"region":"counter","partition":1,"to":"n1"})")
            .status
        == 202);
  auto p = parsed(f.get("/v1/regions/counter")).at("partitions")[1];
  CHECK(p.at("stage") == "pausing");
  CHECK(p.at("owner") == "n2");
  CHECK(p.at("next") == "n1");
}

TEST_CASE("http: settings come with value, unit, default and description",
          "[unit][http]") {
  server_fixture f;
  auto x = parsed(f.get("/v1/settings")).at("settings");
  CHECK(x[0]
        == json({{"name", "lease"},
                 {"value", "1000"},
                 {"unit", "ms"},
                 {"default", "1000"},
                 {"description", "How long a node may run on."}}));
}

TEST_CASE("http: health and readiness are told apart", "[unit][http]") {
  server_fixture f;
  CHECK(f.get("/healthz").status == 200);
  CHECK(f.get("/readyz").status == 200);
  f.backend.set_health({true, false, "no quorum seen yet"});
  CHECK(f.get("/healthz").status == 200);
  auto reply = f.get("/readyz");
  CHECK(reply.status == 503);
  CHECK(reply.body == "no quorum seen yet\n");
  f.backend.set_health({false, true, "the log is broken"});
  CHECK(f.get("/healthz").status == 503);
  CHECK(f.get("/readyz").status == 503);
}

TEST_CASE("http: metrics are Prometheus text and count requests",
          "[unit][http]") {
  server_fixture f;
  f.get("/v1/status");
  f.get("/nowhere");
  auto reply = f.get("/metrics");
  CHECK(reply.status == 200);
  CHECK(reply.headers["content-type"].find("version=0.0.4")
        != std::string::npos);
  auto has = [&](const char* line) {
    return reply.body.find(line) != std::string::npos;
  };
  CHECK(has("# TYPE troupe_http_requests_total counter\n"));
  CHECK(
      has("troupe_http_requests_total{route=\"/v1/status\",code=\"200\"} 1\n"));
  CHECK(has("troupe_http_requests_total{route=\"none\",code=\"404\"} 1\n"));
  CHECK(has("troupe_http_request_seconds_count{route=\"/v1/status\"} 1\n"));
}

TEST_CASE("http: the page loads nothing from elsewhere and lists the routes",
          "[unit][http]") {
  server_fixture f;
  auto reply = f.get("/");
  CHECK(reply.status == 200);
  CHECK(reply.headers["content-type"] == "text/html; charset=utf-8");
  CHECK(reply.headers.count("content-security-policy") == 1);
  CHECK(reply.body.find("http://") == std::string::npos);
  CHECK(reply.body.find("https://") == std::string::npos);
  CHECK(reply.body.find("src=") == std::string::npos);
  for (auto& x : all_routes())
    CHECK(reply.body.find(x.pattern) != std::string::npos);
}

TEST_CASE("http: ping tells the owner and the way to it [SF-2]",
          "[unit][http]") {
  server_fixture f;
  CHECK(parsed(f.post("/v1/regions/counter/ping?partition=0"))
        == json({{"partition", 0},
                 {"node", "n1"},
                 {"epoch", 10},
                 {"hops", 1},
                 {"path", {"n1"}}}));
  auto x = parsed(f.post("/v1/regions/counter/ping?key=ab&timeout_ms=100"));
  CHECK(x.at("partition") == 2);
  CHECK(x.at("hops") == 2);
  CHECK(x.at("path") == json({"n1", "n3"}));
}

TEST_CASE("http: send takes a message in JSON and answers in JSON [SF-1]",
          "[unit][http]") {
  server_fixture f;
  std::string type = troupe::proto::RaftMemberChange::descriptor()->full_name();
  json body{{"type", type},
            {"message", {{"op", "RAFT_CHANGE_OP_REMOVE"}, {"member", 3}}}};
  auto reply = f.post("/v1/regions/counter/send?partition=1", body.dump());
  REQUIRE(reply.status == 200);
  CHECK(
      parsed(reply)
      == json({{"type", type},
               {"message", {{"op", "RAFT_CHANGE_OP_REMOVE"}, {"member", "3"}}},
               {"node", "n2"},
               {"partition", 1},
               {"epoch", 11},
               {"path", {"n1", "n2"}}}));
}

TEST_CASE("http: send hands on key, mode and timeout as they were given",
          "[unit][http]") {
  server_fixture f;
  send_request seen;
  f.backend.on_send = [&](send_request x, callback<send_reply> done) {
    seen = x;
    done(send_reply{});
  };
  json body{{"type", "google.protobuf.SourceContext"},
            {"message", {{"fileName", "x"}}},
            {"timeout_ms", 321},
            {"mode", "tell"}};
  auto reply = f.post("/v1/regions/counter/send?key=a%00%2F+%ff", body.dump());
  CHECK(reply.status == 202);
  CHECK(parsed(reply).at("type") == nullptr);
  CHECK(std::get<std::string>(seen.target) == std::string("a\0/+\xff", 5));
  CHECK(seen.mode == send_mode::tell);
  CHECK(seen.timeout == std::chrono::milliseconds(321));
  CHECK(seen.type == "google.protobuf.SourceContext");
  CHECK(seen.payload == "\n\x01x");
}

TEST_CASE("http: an answer of a type that this node lacks is still answered",
          "[unit][http]") {
  server_fixture f;
  f.backend.on_send = [](send_request, callback<send_reply> done) {
    done(send_reply{"other.Type", "?", "n2", 1, troupe::epoch(11), {"n1"}});
  };
  auto x = parsed(
      f.post("/v1/regions/counter/send?key=k",
             R"({"type":"google.protobuf.SourceContext","message":{}})"));
  CHECK(x.at("type") == "other.Type");
  CHECK(x.at("message") == nullptr);
  CHECK(x.at("detail").get<std::string>().find("other.Type")
        != std::string::npos);
}

TEST_CASE("http: a plan is shown and changes nothing", "[unit][http]") {
  server_fixture f;
  auto before = f.get("/v1/regions/counter").body;
  auto reply = f.post("/v1/plan?region=counter");
  CHECK(reply.status == 200);
  CHECK(parsed(reply).at("moves")
        == json::array({{{"region", "counter"},
                         {"partition", 3},
                         {"from", "n1"},
                         {"to", "n2"}}}));
  CHECK(parsed(reply).at("waiting_for") == nullptr);
  CHECK(f.post("/v1/plan").status == 200);
  CHECK(f.get("/v1/regions/counter").body == before);
}

TEST_CASE("http: rebalance and moves are accepted and go on", "[unit][http]") {
  server_fixture f;
  auto reply = f.post("/v1/rebalance");
  CHECK(reply.status == 202);
  CHECK(parsed(reply).at("moves").size() == 1);
  auto owner = [&](int p) {
    return parsed(f.get("/v1/regions/counter")).at("partitions")[p].at("owner");
  };
  CHECK(owner(3) == "n2");
  reply =
      f.post("/v1/moves", R"({"region":"counter","partition":0,"to":"n3"})");
  CHECK(reply.status == 202);
  CHECK(parsed(reply).at("from") == "n1");
  CHECK(parsed(reply).at("epoch") == 10);
  CHECK(owner(0) == "n3");
}

TEST_CASE("http: nodes are drained, taken back and restarted", "[unit][http]") {
  server_fixture f;
  auto state = [&] { return parsed(f.get("/v1/nodes")).at("nodes")[0]; };
  auto reply = f.post("/v1/nodes/n1/drain");
  CHECK(reply.status == 202);
  CHECK(parsed(reply)
        == json({{"node", "n1"}, {"status", "draining"}, {"partitions", 2}}));
  CHECK(state().at("status") == "draining");
  CHECK(f.post("/v1/nodes/n1/undrain").status == 202);
  CHECK(state().at("status") == "up");
  CHECK(f.post("/v1/nodes/n1/restart").status == 202);
  CHECK(state().at("status") == "restarting");
}
