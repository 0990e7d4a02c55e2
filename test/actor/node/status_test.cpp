// What a node says of itself over HTTP: its books, and what runs on without a
// lease.
#include <test/catch.hpp>

#include <filesystem>
#include <sstream>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <nlohmann/json.hpp>

#include <caf/scoped_actor.hpp>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

caf::behavior twice(partition*) {
  return {[](const std::string&, int x) { return x * 2; }};
}

std::string get(const node& from, const std::string& path) {
  auto at = from.http_address();
  auto colon = at.rfind(':');
  boost::asio::ip::tcp::iostream s{at.substr(0, colon), at.substr(colon + 1)};
  s << "GET " << path << " HTTP/1.1\r\nHost: " << at
    << "\r\nConnection: close\r\n\r\n"
    << std::flush;
  std::stringstream all;
  all << s.rdbuf();
  auto text = all.str();
  auto body = text.find("\r\n\r\n");
  return body == text.npos ? "" : text.substr(body + 4);
}

json status(const node& of) {
  return json::parse(get(of, "/v1/status"), nullptr, false);
}

bool has_line(const node& of, const std::string& line) {
  return get(of, "/metrics").find("\n" + line + "\n") != std::string::npos;
}

template <class F>
bool eventually(F check) {
  auto until = std::chrono::steady_clock::now() + 30s;
  while (!check()) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::yield();
  }
  return true;
}

node_options local(const std::string& name) {
  node_options out;
  out.name = name;
  out.listen = "127.0.0.1:0";
  out.http = "127.0.0.1:0";
  return out;
}

} // namespace

TEST_CASE("node: its status and its metrics tell what became of messages",
          "[actor][node]") {
  node n{local("a")};
  auto r = n.spawn_region("r", twice);
  REQUIRE_FALSE(n.start());
  caf::scoped_actor self{n.system()};
  for (int i = 0; i < 5; ++i)
    self->request(r.router(), 10s, "k" + std::to_string(i), i)
        .receive([&](int x) { CHECK(x == 2 * i); },
                 [&](const caf::error&) { FAIL("no answer"); });
  self->send(r.router(), std::string(70'000, 'k'), 1);
  CHECK(eventually([&] { return status(n)["messages"]["settled"] == 6; }));
  auto messages = status(n)["messages"];
  CHECK(messages["accepted"] == 6);
  CHECK(messages["processed"] == 5);
  CHECK(messages["answered"] == 5);
  CHECK(messages["unknown"] == 0);
  CHECK(messages["under_way"] == 0);
  CHECK(messages["dropped"] == json{{"key_too_long", 1}});
  CHECK(has_line(n, "troupe_messages_accepted 6"));
  CHECK(has_line(n, "troupe_messages_answered 5"));
  CHECK(has_line(n, "troupe_messages_dropped{reason=\"key_too_long\"} 1"));
  CHECK(status(n)["degraded"].empty());
}

TEST_CASE("node: [AR-11] a region that runs on without a lease is degraded in "
          "status and metrics",
          "[actor][node]") {
  node a{local("a")};
  region_options loose;
  loose.keep_running = true;
  a.spawn_region("loose", twice, loose);
  a.spawn_region("strict", twice);
  REQUIRE_FALSE(a.start());
  {
    auto options = local("b");
    options.join = {a.address()};
    node b{options};
    b.spawn_region("loose", twice, loose);
    b.spawn_region("strict", twice);
    REQUIRE_FALSE(b.start());
    REQUIRE(eventually([&] { return status(a)["voters"].size() == 2; }));
    b.stop(node::stop_kind::now);
  }
  // One of two voters is no majority.
  REQUIRE(eventually([&] { return !status(a)["degraded"].empty(); }));
  auto rows = status(a)["degraded"];
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["region"] == "loose");
  CHECK(rows[0]["level"] == "notice");
  CHECK(rows[0]["seconds"] >= 0);
  CHECK(has_line(a, "troupe_degraded_level{region=\"loose\"} 1"));
  auto events = get(a, "/v1/events?local=true&follow=false&since=0");
  CHECK(events.find("\"degraded\"") != events.npos);
  a.stop(node::stop_kind::now);
}
