#include <test/unit/http/server_fixture.hpp>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

using namespace troupe::http;
using std::chrono::milliseconds;

namespace {

const std::string get_status = "GET /v1/status HTTP/1.1\r\n\r\n";

std::string ping(int partition) {
  return "POST /v1/regions/counter/ping?partition=" + std::to_string(partition)
         + " HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
}

} // namespace

TEST_CASE("http: a connection serves one request after another",
          "[unit][http]") {
  server_fixture f;
  raw_client client(f.port);
  for (int i = 0; i < 20; ++i) {
    CHECK(client.get("/v1/status").status == 200);
    CHECK(client.get("/nowhere").status == 404);
    CHECK(client.post("/v1/regions/counter/ping?key=k").status == 200);
  }
}

TEST_CASE("http: pipelined requests are answered in their order",
          "[unit][http]") {
  server_fixture f;
  raw_client client(f.port);
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += ping(i % 4);
  SECTION("sent at once") {
    client.send(all);
  }
  SECTION("sent byte by byte") {
    all.resize(ping(0).size() * 8);
    for (char c : all)
      client.send(std::string(1, c));
  }
  auto count = all.size() / ping(0).size();
  for (std::size_t i = 0; i < count; ++i)
    CHECK(parsed(client.read()).at("partition") == i % 4);
}

TEST_CASE("http: answers that come late keep the order of their requests",
          "[unit][http]") {
  server_fixture f;
  std::thread answering;
  f.backend.on_send = [&](send_request x, callback<send_reply> done) {
    if (answering.joinable())
      answering.join();
    answering = std::thread([x, done] {
      done(send_reply{"",
                      "",
                      "n1",
                      std::get<troupe::partition_id>(x.target),
                      troupe::epoch(1),
                      {}});
    });
  };
  raw_client client(f.port);
  std::string body = R"({"type":"google.protobuf.SourceContext","message":{}})";
  std::string all;
  for (int i = 0; i < 40; ++i)
    all += "POST /v1/regions/counter/send?partition=" + std::to_string(i % 4)
           + " HTTP/1.1\r\nContent-Length: " + std::to_string(body.size())
           + "\r\n\r\n" + body;
  client.send(all);
  for (int i = 0; i < 40; ++i)
    CHECK(parsed(client.read()).at("partition") == i % 4);
  answering.join();
}

TEST_CASE("http: a client that wants to close gets its answer first",
          "[unit][http]") {
  server_fixture f;
  raw_client client(f.port);
  SECTION("by header") {
    client.send("GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n");
    auto reply = client.read();
    CHECK(reply.status == 200);
    CHECK(reply.headers["connection"] == "close");
  }
  SECTION("as HTTP/1.0") {
    client.send("GET /v1/status HTTP/1.0\r\n\r\n");
    CHECK(client.read().status == 200);
  }
  SECTION("by closing its half") {
    client.send(get_status);
    client.finish();
    CHECK(client.read().status == 200);
  }
  CHECK(client.closed());
}

TEST_CASE("http: HEAD gives the header of GET alone", "[unit][http]") {
  server_fixture f;
  raw_client client(f.port);
  auto length = client.get("/v1/settings").headers["content-length"];
  client.send("HEAD /v1/settings HTTP/1.1\r\n\r\n");
  auto reply = client.read(true);
  CHECK(reply.status == 200);
  CHECK(reply.headers["content-length"] == length);
  client.send("HEAD /v1/events HTTP/1.1\r\n\r\n");
  CHECK(client.read(true).status == 200);
  CHECK(client.get("/healthz").body == "ok\n");
}

TEST_CASE("http: a client that asks first is told to go on", "[unit][http]") {
  server_fixture f;
  raw_client client(f.port);
  std::string body = R"({"region":"counter","partition":0,"to":"n2"})";
  client.send("POST /v1/moves HTTP/1.1\r\nExpect: 100-continue\r\n"
              "Content-Length: "
              + std::to_string(body.size()) + "\r\n\r\n");
  CHECK(client.read().status == 100);
  client.send(body);
  CHECK(client.read().status == 202);
}

TEST_CASE("http: random bytes close that connection and nothing else [R-21]",
          "[unit][http]") {
  server_fixture f;
  raw_client bystander(f.port);
  CHECK(bystander.get("/healthz").status == 200);
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::string bytes(1 + random() % 4000, '\0');
    for (auto& c : bytes)
      c = static_cast<char>(random());
    raw_client client(f.port);
    client.send(bytes);
    client.finish();
    CHECK(client.closed());
  }
  CHECK(bystander.get("/healthz").status == 200);
  auto metrics = bystander.get("/metrics").body;
  CHECK(metrics.find("troupe_http_closed_total{reason=\"malformed\"}")
        != std::string::npos);
}

TEST_CASE("http: mutated requests never harm the server [R-21]",
          "[unit][http]") {
  server_fixture f;
  std::mt19937 random(11);
  auto body = std::string(R"({"type":"google.protobuf.SourceContext",)")
              + R"("message":{"fileName":"x"}})";
  auto good = "POST /v1/regions/counter/send?key=k HTTP/1.1\r\nContent-Length: "
              + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (int round = 0; round < 300; ++round) {
    auto bytes = good;
    for (auto n = 1 + random() % 3; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    bytes.resize(1 + random() % bytes.size());
    raw_client client(f.port);
    client.send(bytes);
    client.finish();
    CHECK(client.closed());
  }
  CHECK(f.get("/healthz").status == 200);
}

TEST_CASE("http: what is not HTTP is told so", "[unit][http]") {
  server_fixture f;
  for (auto text : {"hello\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                    "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                    "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
    INFO(text);
    raw_client client(f.port);
    client.send(text);
    auto reply = client.read();
    CHECK(reply.status == 400);
    CHECK(error_of(reply) == "malformed");
    CHECK(client.closed());
  }
  raw_client client(f.port);
  client.send("GET nowhere HTTP/1.1\r\n\r\n");
  CHECK(client.read().status == 400);
}

TEST_CASE("http: slow clients are cut off", "[unit][http]") {
  http_settings settings;
  SECTION("before a request") {
    settings.header_timeout = milliseconds(20);
    server_fixture f(settings);
    CHECK(raw_client(f.port).closed());
  }
  SECTION("within a header") {
    settings.header_timeout = milliseconds(20);
    server_fixture f(settings);
    raw_client client(f.port);
    client.send("GET / HTTP/1.1\r\nX: ");
    CHECK(client.closed());
  }
  SECTION("within a body") {
    settings.body_timeout = milliseconds(20);
    server_fixture f(settings);
    raw_client client(f.port);
    client.send("POST /v1/moves HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
    CHECK(client.closed());
  }
  SECTION("between requests") {
    settings.idle_timeout = milliseconds(20);
    server_fixture f(settings);
    raw_client client(f.port);
    CHECK(client.get("/healthz").status == 200);
    CHECK(client.closed());
  }
  SECTION("while they do not read") {
    settings.write_timeout = milliseconds(20);
    server_fixture f(settings);
    // More than the sockets hold.
    f.backend.set_health({true, false, std::string(20'000'000, 'x')});
    raw_client client(f.port);
    client.send("GET /readyz HTTP/1.1\r\n\r\n");
    auto cut = [&] {
      return f.get("/v1/status").status == 200
             && f.backend.metrics
                        .count("troupe_http_closed_total",
                               "HTTP connections that were cut, by reason.",
                               {{"reason", "slow_reader"}})
                        .value()
                    == 1;
    };
    while (!cut()) {
    }
  }
}

TEST_CASE("http: connections are bounded", "[unit][http]") {
  http_settings settings;
  settings.connections_max = 2;
  server_fixture f(settings);
  auto first = std::make_unique<raw_client>(f.port);
  CHECK(first->get("/healthz").status == 200);
  raw_client second(f.port);
  CHECK(second.get("/healthz").status == 200);
  raw_client third(f.port);
  auto reply = third.read();
  CHECK(reply.status == 503);
  CHECK(error_of(reply) == "too_many_connections");
  CHECK(third.closed());
  first.reset();
  // The server sees the end of the first one sooner or later.
  while (raw_client(f.port).get("/healthz").status != 200) {
  }
  CHECK(second.get("/healthz").status == 200);
}

TEST_CASE("http: the bodies of all requests together are bounded",
          "[unit][http]") {
  http_settings settings;
  settings.body_bytes_max = 1000;
  settings.body_bytes_total_max = 1500;
  server_fixture f(settings);
  auto head = [](int bytes) {
    return "POST /v1/moves HTTP/1.1\r\nExpect: 100-continue\r\n"
           "Content-Length: "
           + std::to_string(bytes) + "\r\n\r\n";
  };
  raw_client first(f.port);
  first.send(head(1000));
  CHECK(first.read().status == 100);
  raw_client second(f.port);
  second.send(head(501));
  auto reply = second.read();
  CHECK(reply.status == 429);
  CHECK(reply.headers["retry-after"] == "1");
  first.send(std::string(1000, 'x'));
  CHECK(first.read().status == 400);
  raw_client third(f.port);
  third.send(head(1000));
  CHECK(third.read().status == 100);
}

TEST_CASE("http: many clients at once are all served", "[unit][http]") {
  http_settings settings;
  settings.threads = GENERATE(1, 3);
  server_fixture f(settings);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      raw_client client(f.port);
      for (int i = 0; i < 50; ++i) {
        auto reply = client.post("/v1/regions/counter/ping?partition="
                                 + std::to_string(t % 4));
        if (reply.status == 200
            && reply.body.find("\"partition\":" + std::to_string(t % 4))
                   != std::string::npos)
          ++good;
      }
    });
  for (auto& x : threads)
    x.join();
  CHECK(good == 400);
}
