#include <test/unit/http/server_fixture.hpp>

#include <thread>

using namespace troupe::http;

TEST_CASE("http: starting and stopping twice does no harm", "[unit][http]") {
  fake_backend backend;
  http_server server({}, backend, backend.metrics);
  server.stop();
  auto port = server.start();
  REQUIRE(port);
  CHECK(*port != 0);
  CHECK(server.port() == *port);
  CHECK(server.address() == "127.0.0.1:" + std::to_string(*port));
  CHECK(*server.start() == *port);
  server.stop();
  server.stop();
  CHECK(server.port() == 0);
  CHECK_FALSE(raw_client(*port).connected());
  auto again = server.start();
  REQUIRE(again);
  CHECK(raw_client(*again).get("/healthz").status == 200);
}

TEST_CASE("http: a taken port is refused by its address", "[unit][http]") {
  server_fixture f;
  fake_backend backend;
  http_settings settings;
  settings.port = f.port;
  http_server other(settings, backend, backend.metrics);
  auto started = other.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == api_errc::refused);
  CHECK(started.error().detail.find("127.0.0.1:" + std::to_string(f.port))
        != std::string::npos);
  CHECK(started.error().detail.find("in use") != std::string::npos);
  CHECK(f.get("/healthz").status == 200);
  f.server.stop();
  CHECK(other.start());
}

TEST_CASE("http: a host that is none is refused", "[unit][http]") {
  fake_backend backend;
  http_settings settings;
  settings.host = "300.1.2.3.";
  http_server server(settings, backend, backend.metrics);
  auto started = server.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().detail.find("300.1.2.3.") != std::string::npos);
}

TEST_CASE("http: a server without threads is refused", "[unit][http]") {
  fake_backend backend;
  http_settings settings;
  settings.threads = 0;
  http_server server(settings, backend, backend.metrics);
  CHECK_FALSE(server.start());
}

TEST_CASE("http: a stop ends idle clients at once", "[unit][http]") {
  http_settings settings;
  settings.stop_grace = std::chrono::hours(1);
  server_fixture f(settings);
  raw_client idle(f.port);
  CHECK(idle.get("/healthz").status == 200);
  raw_client following(f.port);
  following.send("GET /v1/events HTTP/1.1\r\n\r\n");
  CHECK(following.read_head().status == 200);
  f.server.stop();
  CHECK(idle.closed());
  CHECK(following.closed());
}

TEST_CASE("http: a stop lets what is under way finish", "[unit][http]") {
  http_settings settings;
  settings.stop_grace = std::chrono::hours(1);
  server_fixture f(settings);
  std::thread stopping;
  f.backend.on_send = [&](send_request, callback<send_reply> done) {
    stopping = std::thread([&f] { f.server.stop(); });
    std::thread([done, port = f.port] {
      while (raw_client(port).connected()) {
      }
      done(send_reply{});
    }).detach();
  };
  raw_client client(f.port);
  auto reply =
      client.post("/v1/regions/counter/send?key=k",
                  R"({"type":"google.protobuf.SourceContext","message":{}})");
  CHECK(reply.status == 200);
  CHECK(reply.headers["connection"] == "close");
  CHECK(client.closed());
  stopping.join();
}

TEST_CASE("http: a stop cuts off what takes too long", "[unit][http]") {
  http_settings settings;
  settings.stop_grace = std::chrono::milliseconds(1);
  server_fixture f(settings);
  callback<send_reply> kept;
  f.backend.on_send = [&](send_request, callback<send_reply> done) {
    kept = std::move(done);
  };
  raw_client waiting(f.port);
  waiting.send("POST /v1/regions/counter/send?key=k HTTP/1.1\r\n"
               "Content-Length: 57\r\n\r\n"
               R"({"type":"google.protobuf.SourceContext","message":{}    })");
  raw_client halfway(f.port);
  halfway.send("POST /v1/moves HTTP/1.1\r\nContent-Length: 9\r\n\r\n{");
  f.get("/healthz");
  f.server.stop();
  CHECK(waiting.closed());
  CHECK(halfway.closed());
}
