#include <test/unit/http/server_fixture.hpp>

#include <set>

using namespace troupe::http;
using nlohmann::json;

namespace {

std::string source_context(const std::string& name = "x") {
  return R"({"type":"google.protobuf.SourceContext","message":{"fileName":")"
         + name + "\"}}";
}

const std::string send_path = "/v1/regions/counter/send";
const std::string ping_path = "/v1/regions/counter/ping";

} // namespace

TEST_CASE("http: every error code has a name, a status and a hint",
          "[unit][http]") {
  std::set<std::string_view> names;
  for (int i = 0; i < api_errc_count; ++i) {
    auto code = static_cast<api_errc>(i);
    names.insert(to_string(code));
    CHECK_FALSE(default_hint(code).empty());
    CHECK(status_of(code) >= 400);
    CHECK(status_of(code) <= 504);
  }
  CHECK(names.size() == api_errc_count);
}

TEST_CASE("http: what is unknown is 404 and says so [SF-9]", "[unit][http]") {
  server_fixture f;
  auto check = [&](raw_reply reply, const char* code) {
    CHECK(reply.status == 404);
    CHECK(error_of(reply) == code);
  };
  check(f.get("/nowhere"), "unknown_path");
  check(f.get("/v1/nodes/"), "unknown_path");
  check(f.get("//"), "unknown_path");
  check(f.get("/v1/regions/none"), "unknown_region");
  check(f.post("/v1/regions/none/ping?key=k"), "unknown_region");
  check(f.post("/v1/regions/none/send?key=k", source_context()),
        "unknown_region");
  check(f.post("/v1/plan?region=none"), "unknown_region");
  check(f.post("/v1/rebalance?region=none"), "unknown_region");
  check(f.post("/v1/nodes/none/drain"), "unknown_node");
  check(f.post("/v1/nodes/none/restart"), "unknown_node");
  check(
      f.post("/v1/moves", R"({"region":"counter","partition":0,"to":"none"})"),
      "unknown_node");
  check(f.post(send_path + "?key=k", R"({"type":"no.Type","message":{}})"),
        "unknown_type");
  check(f.post(ping_path + "?partition=4"), "partition_out_of_range");
  check(f.post(ping_path + "?partition=99999999999999999999"),
        "partition_out_of_range");
  check(f.post("/v1/regions/proxied/ping?partition=0"),
        "partition_out_of_range");
  check(f.post("/v1/moves", R"({"region":"counter","partition":4,"to":"n1"})"),
        "partition_out_of_range");
}

TEST_CASE("http: a wrong method is 405 and names the right ones",
          "[unit][http]") {
  server_fixture f;
  auto reply = f.get(ping_path);
  CHECK(reply.status == 405);
  CHECK(reply.headers["allow"] == "POST");
  CHECK(error_of(reply) == "method_not_allowed");
  reply = f.post("/v1/status");
  CHECK(reply.status == 405);
  CHECK(reply.headers["allow"] == "GET, HEAD");
  raw_client client(f.port);
  client.send("HEAD /v1/nodes/n1/drain HTTP/1.1\r\n\r\n");
  CHECK(client.read(true).status == 405);
  CHECK(parsed(f.get("/v1/nodes")).at("nodes")[0].at("status") == "up");
}

TEST_CASE("http: a bad target or query is 400, each with its own code [SF-9]",
          "[unit][http]") {
  server_fixture f;
  auto check = [&](const std::string& path, const char* code) {
    INFO(path);
    auto reply = f.post(path);
    CHECK(reply.status == 400);
    CHECK(error_of(reply) == code);
  };
  check(ping_path, "missing_target");
  check(ping_path + "?", "missing_target");
  check(ping_path + "?key=k&partition=1", "ambiguous_target");
  for (auto text : {"", "x", "-1", "1.0", "0x1", "+1", "%201", "1%20"})
    check(ping_path + "?partition=" + text, "malformed_partition");
  check(ping_path + "?key=a&key=b", "duplicate_parameter");
  check(ping_path + "?key=a&%6bey=b", "duplicate_parameter");
  for (auto text : {"%", "%4", "%zz", "%4g", "abc%"})
    check(ping_path + "?key=" + text, "bad_percent_encoding");
  check("/v1/regions/%zz/ping?key=k", "bad_percent_encoding");
  check(ping_path + "?key=a&kye=b", "unknown_parameter");
  check(ping_path + "?key=a&timeout_ms=0", "malformed");
  check(ping_path + "?key=a&timeout_ms=1e3", "malformed");
  check(ping_path + "?key=a&timeout_ms=600001", "malformed");
  auto reply = f.get("/v1/events?since=-1");
  CHECK(reply.status == 400);
  CHECK(error_of(reply) == "malformed");
  CHECK(f.get("/v1/events?follow=yes").status == 400);
  CHECK(f.get("/v1/events?since=1&since=2").status == 400);
}

TEST_CASE("http: a bad body is 400, each with its own code", "[unit][http]") {
  server_fixture f;
  auto check = [&](const std::string& body, const char* code) {
    INFO(body.substr(0, 100));
    auto reply = f.post(send_path + "?key=k", body);
    CHECK(reply.status == 400);
    CHECK(error_of(reply) == code);
  };
  check("", "invalid_json");
  check("{", "invalid_json");
  check("{\"type\": \"\xff\"}", "invalid_json");
  check("{} {}", "invalid_json");
  check("[]", "malformed");
  check("\"text\"", "malformed");
  check("{}", "malformed");
  check(R"({"type": "google.protobuf.SourceContext"})", "malformed");
  check(R"({"type": 1, "message": {}})", "malformed");
  check(R"({"type": "", "message": {}})", "malformed");
  check(R"({"type": "a", "type": "b", "message": {}})", "malformed");
  check(R"({"type": "a", "message": {}, "mesage": {}})", "malformed");
  check(R"({"type": "a", "message": {}, "mode": "shout"})", "malformed");
  check(R"({"type": "a", "message": {}, "timeout_ms": -1})", "malformed");
  check(R"({"type": "google.protobuf.SourceContext", "message": {"no": 1}})",
        "wrong_message");
  check(R"({"type": "google.protobuf.SourceContext", "message": 7})",
        "wrong_message");
  check("{\"message\":" + std::string(100'000, '[') + std::string(100'000, ']')
            + "}",
        "malformed");
  auto move = [&](const char* body, const char* code) {
    INFO(body);
    auto reply = f.post("/v1/moves", body);
    CHECK(reply.status == 400);
    CHECK(error_of(reply) == code);
  };
  move("nonsense", "invalid_json");
  move(R"({"partition":0,"to":"n1"})", "malformed");
  move(R"({"region":"counter","partition":0})", "malformed");
  move(R"({"region":"counter","to":"n1"})", "missing_target");
  move(R"({"region":"counter","partition":"0","to":"n1"})",
       "malformed_partition");
  move(R"({"region":"counter","partition":0,"to":"n1","now":true})",
       "malformed");
}

TEST_CASE("http: each of the cluster's refusals has its status",
          "[unit][http]") {
  server_fixture f;
  struct row {
    api_errc code;
    int status;
  };
  auto x = GENERATE(
      row{api_errc::refused, 409}, row{api_errc::handler_failed, 409},
      row{api_errc::overloaded, 429}, row{api_errc::no_quorum, 503},
      row{api_errc::no_owner, 503}, row{api_errc::stopping, 503},
      row{api_errc::deadline, 504}, row{api_errc::outcome_unknown, 504},
      row{api_errc::internal, 500});
  f.backend.fail(api_error{x.code, "because"});
  for (auto path : {"/v1/plan", "/v1/rebalance", "/v1/nodes/n1/drain",
                    "/v1/nodes/n1/undrain", "/v1/nodes/n1/restart",
                    "/v1/regions/counter/ping?key=k"}) {
    auto reply = f.post(path);
    CHECK(reply.status == x.status);
    CHECK(error_of(reply) == to_string(x.code));
    CHECK(parsed(reply).at("detail") == "because");
    CHECK(reply.headers.count("retry-after")
          == (x.status == 429 || x.status == 503 ? 1 : 0));
  }
  auto reply = f.post(send_path + "?key=k", source_context());
  CHECK(reply.status == x.status);
}

TEST_CASE("http: what is over a limit is refused and says which",
          "[unit][http]") {
  http_settings settings;
  settings.body_bytes_max = 100'000;
  server_fixture f(settings);
  SECTION("a key of 64 KiB passes, encoded to three times that") {
    std::string key;
    for (int i = 0; i < 64 * 1024; ++i)
      key += "%20";
    CHECK(f.post(ping_path + "?key=" + key).status == 200);
    auto reply = f.post(ping_path + "?key=x" + key);
    CHECK(reply.status == 413);
    CHECK(error_of(reply) == "key_too_large");
  }
  SECTION("a body by its length") {
    CHECK(f.post(send_path + "?key=k", source_context(std::string(90'000, 'x')))
              .status
          == 200);
    raw_client client(f.port);
    auto reply = client.post(send_path + "?key=k",
                             source_context(std::string(5'000'000, 'x')));
    CHECK(reply.status == 413);
    CHECK(error_of(reply) == "body_too_large");
    CHECK(client.closed());
  }
  SECTION("a body in chunks") {
    raw_client client(f.port);
    client.send("POST " + send_path
                + "?key=k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; ++i)
      client.send("2000\r\n" + std::string(0x2000, 'x') + "\r\n");
    CHECK(client.read().status == 413);
  }
  SECTION("headers") {
    raw_client client(f.port);
    client.send("GET / HTTP/1.1\r\nX: " + std::string(300'000, 'x')
                + "\r\n\r\n");
    auto reply = client.read();
    CHECK(reply.status == 431);
    CHECK(error_of(reply) == "header_too_large");
  }
  CHECK(f.get("/healthz").status == 200);
}

TEST_CASE("http: a page of another origin may look but not give commands",
          "[unit][http]") {
  server_fixture f;
  auto drain = [&](const std::string& origin) {
    raw_client client(f.port);
    client.send("POST /v1/nodes/n1/drain HTTP/1.1\r\nHost: node:8101\r\n"
                "Origin: "
                + origin + "\r\n\r\n");
    return client.read();
  };
  for (auto origin : {"http://evil.example", "null", "http://node:8102"}) {
    auto reply = drain(origin);
    CHECK(reply.status == 403);
    CHECK(error_of(reply) == "cross_origin");
  }
  CHECK(parsed(f.get("/v1/nodes")).at("nodes")[0].at("status") == "up");
  CHECK(drain("http://node:8101").status == 202);
}

TEST_CASE("http: an exception of the backend is an internal error, no more",
          "[unit][http]") {
  server_fixture f;
  f.backend.on_send = [](send_request, callback<send_reply>) {
    throw std::runtime_error("broken");
  };
  auto reply = f.post(send_path + "?key=k", source_context());
  CHECK(reply.status == 500);
  CHECK(error_of(reply) == "internal");
  CHECK(f.get("/healthz").status == 200);
}

TEST_CASE("http: a backend that never answers costs its client a 504",
          "[unit][http]") {
  http_settings settings;
  settings.answer_grace = std::chrono::milliseconds(1);
  server_fixture f(settings);
  callback<send_reply> kept;
  f.backend.on_send = [&](send_request, callback<send_reply> done) {
    kept = std::move(done);
  };
  raw_client client(f.port);
  json body = json::parse(source_context());
  body["timeout_ms"] = 1;
  auto reply = client.post(send_path + "?key=k", body.dump());
  CHECK(reply.status == 504);
  CHECK(error_of(reply) == "outcome_unknown");
  kept(send_reply{}); // too late, and not taken for the next request's answer
  CHECK(client.get("/v1/status").status == 200);
  f.server.stop();
  kept(send_reply{}); // after the server's end
}
