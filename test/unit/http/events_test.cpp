#include <test/unit/http/server_fixture.hpp>

#include <thread>

using namespace troupe::http;
using nlohmann::json;

namespace {

event_row moved(std::uint64_t seq) {
  event_row x;
  x.seq = seq;
  x.kind = "partition_started";
  x.time_ms = 1'700'000'000'000;
  x.region = "counter";
  x.partition = 0;
  x.epoch = troupe::epoch(20);
  x.node = "n1";
  x.cause = "join of n3";
  x.duration_ms = 1.5;
  x.more = {{"extra", "1"}, {"seq", "not this"}};
  return x;
}

json line(raw_client& client) {
  return json::parse(client.read_line(), nullptr, false);
}

} // namespace

TEST_CASE("http: events that are there are listed and end", "[unit][http]") {
  server_fixture f;
  for (std::uint64_t i = 1; i <= 5; ++i)
    f.backend.cluster_events.append(moved(i));
  raw_client client(f.port);
  auto reply = client.get("/v1/events?since=3&follow=false");
  CHECK(reply.status == 200);
  CHECK(reply.headers["content-type"] == "application/x-ndjson");
  CHECK(reply.headers["transfer-encoding"] == "chunked");
  auto end = reply.body.find('\n');
  CHECK(json::parse(reply.body.substr(0, end))
        == json({{"seq", 4},
                 {"event", "partition_started"},
                 {"time_ms", 1'700'000'000'000},
                 {"region", "counter"},
                 {"partition", 0},
                 {"epoch", 20},
                 {"node", "n1"},
                 {"cause", "join of n3"},
                 {"duration_ms", 1.5},
                 {"extra", "1"}}));
  CHECK(json::parse(reply.body.substr(end)).at("seq") == 5);
  // The connection goes on.
  CHECK(client.get("/v1/events?since=5&follow=false").body.empty());
  CHECK(client.get("/healthz").status == 200);
}

TEST_CASE("http: a request pipelined behind a list of events is answered",
          "[unit][http]") {
  server_fixture f;
  f.backend.cluster_events.append(moved(1));
  raw_client client(f.port);
  client.send("GET /v1/events?follow=false HTTP/1.1\r\n\r\n"
              "GET /healthz HTTP/1.1\r\n\r\n");
  CHECK(json::parse(client.read().body).at("seq") == 1);
  CHECK(client.read().body == "ok\n");
}

TEST_CASE("http: an HTTP/1.0 client gets events without chunks",
          "[unit][http]") {
  server_fixture f;
  f.backend.cluster_events.append(moved(1));
  raw_client client(f.port);
  client.send("GET /v1/events?follow=false HTTP/1.0\r\n\r\n");
  auto reply = client.read();
  CHECK(reply.headers.count("transfer-encoding") == 0);
  CHECK(json::parse(reply.body).at("seq") == 1);
}

TEST_CASE("http: followers get each event as it comes", "[unit][http]") {
  server_fixture f;
  f.backend.cluster_events.append(moved(1));
  raw_client client(f.port);
  client.send("GET /v1/events HTTP/1.1\r\n\r\n");
  CHECK(client.read_head().status == 200);
  CHECK(line(client).at("seq") == 1);
  for (std::uint64_t i = 2; i <= 60; ++i) {
    f.backend.cluster_events.append(moved(i));
    CHECK(line(client).at("seq") == i);
  }
}

TEST_CASE("http: the local sequence is another one", "[unit][http]") {
  server_fixture f;
  f.backend.cluster_events.append(moved(1));
  event_row x;
  x.kind = "node_suspected";
  f.backend.local_events.append_next(x);
  auto reply = f.get("/v1/events?local=true&follow=false");
  CHECK(json::parse(reply.body).at("event") == "node_suspected");
  reply = f.get("/v1/events?local=false&follow=false");
  CHECK(json::parse(reply.body).at("event") == "partition_started");
}

TEST_CASE("http: who asks for events that are gone gets one gap",
          "[unit][http]") {
  server_fixture f;
  for (std::uint64_t i = 1; i <= 150; ++i)
    f.backend.cluster_events.append(moved(i));
  raw_client client(f.port);
  client.send("GET /v1/events?since=10 HTTP/1.1\r\n\r\n");
  CHECK(client.read_head().status == 200);
  CHECK(line(client)
        == json({{"seq", 50},
                 {"event", "gap"},
                 {"first", 11},
                 {"last", 50},
                 {"lost", 40}}));
  CHECK(line(client).at("seq") == 51);
}

TEST_CASE("http: a follower that does not read is bounded and gets a gap "
          "[R-18]",
          "[unit][http]") {
  http_settings settings;
  settings.write_timeout = std::chrono::hours(1); // slow, but not too slow
  server_fixture f(settings);
  raw_client slow(f.port);
  slow.send("GET /v1/events HTTP/1.1\r\n\r\n");
  CHECK(slow.read_head().status == 200);
  // More than sockets and the ring of 100 hold together.
  constexpr std::uint64_t count = 400;
  for (std::uint64_t i = 1; i <= count; ++i) {
    auto x = moved(i);
    x.detail = std::string(64 * 1024, 'x');
    f.backend.cluster_events.append(x);
  }
  std::uint64_t next = 1;
  std::uint64_t lost = 0;
  while (next <= count) {
    auto x = line(slow);
    REQUIRE(x.is_object());
    if (x.at("event") == "gap") {
      CHECK(x.at("first") == next);
      lost += x.at("lost").get<std::uint64_t>();
    } else {
      CHECK(x.at("seq") == next);
    }
    next = x.at("seq").get<std::uint64_t>() + 1;
  }
  CHECK(lost > 0);
}

TEST_CASE("http: a follower that leaves is let go", "[unit][http]") {
  server_fixture f;
  raw_client looking(f.port);
  auto others = [&] {
    return looking.get("/metrics").body.find("\ntroupe_http_connections 1\n")
           == std::string::npos;
  };
  {
    raw_client client(f.port);
    client.send("GET /v1/events HTTP/1.1\r\n\r\n");
    CHECK(client.read_head().status == 200);
    CHECK(others());
  }
  while (others()) {
  }
}

TEST_CASE("http: followers come and go under load", "[unit][http]") {
  http_settings settings;
  settings.threads = 2;
  server_fixture f(settings);
  std::thread appending([&] {
    for (std::uint64_t i = 1; i <= 3000; ++i)
      f.backend.cluster_events.append(moved(i));
  });
  for (int round = 0; round < 20; ++round) {
    raw_client client(f.port);
    client.send("GET /v1/events HTTP/1.1\r\n\r\n");
    CHECK(client.read_head().status == 200);
    CHECK(line(client).is_object());
  }
  appending.join();
  CHECK(f.get("/healthz").status == 200);
}
