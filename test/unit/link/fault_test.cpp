#include <test/unit/link/faulty_proxy.hpp>
#include <test/unit/link/transport_fixture.hpp>

#include <cstring>
#include <thread>

#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::link;
using namespace troupe::link::test;

namespace {

/// Payloads that tell their number and are filled accordingly.
std::string numbered(std::uint64_t number, std::size_t size) {
  std::string x(std::max(size, sizeof number),
                static_cast<char>('a' + number % 26));
  std::memcpy(x.data(), &number, sizeof number);
  return x;
}

/// Checks that the data lane brings 0, 1, 2 and so on, unharmed.
struct checker {
  explicit checker(test_node& x) : node(x) {
    node.on_each = [this](node_id, lane way, std::uint8_t,
                          std::string_view payload) {
      if (way != lane::data)
        return;
      std::uint64_t number = 0;
      std::memcpy(&number, payload.data(), sizeof number);
      auto letter = static_cast<char>('a' + number % 26);
      bool sound =
          number == next
          && payload.substr(8).find_first_not_of(letter) == payload.npos;
      next = number + 1;
      wrong += !sound;
    };
  }

  test_node& node;
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> wrong{0};
};

} // namespace

TEST_CASE("fault: a link cut in the middle of frames, a thousand times under "
          "load, loses, doubles and reorders nothing [R-20]",
          "[unit][link]") {
  auto what = quick();
  what.unacknowledged_bytes_max = 4 << 20;
  what.frame_bytes_max = 1 << 20;
  what.seed = 7;
  test_node a{who(1), what}, b{who(2), what};
  checker of_a{a}, of_b{b};
  faulty_proxy to_b{b.address, 11}, to_a{a.address, 13};
  to_b.cut_after(25000);
  to_a.cut_after(25000);
  a.transport.set_peers({b.at(to_b.address())});
  b.transport.set_peers({a.at(to_a.address())});

  constexpr std::uint64_t cuts = 1000;
  std::atomic<bool> enough{false};
  auto load = [&](test_node& from, test_node& to, std::uint64_t seed) {
    std::mt19937_64 engine{seed};
    std::uint64_t number = 0;
    while (!enough) {
      auto size = engine() % 500 == 0 ? engine() % 200000 : engine() % 300;
      auto payload = numbered(number, size);
      if (from.send(to, payload) == send_result::accepted)
        ++number;
      else
        from.pause();
      if (number % 50 == 0)
        from.send(to, "beat", frame_class::control);
    }
    return number;
  };
  std::uint64_t sent_by_a = 0, sent_by_b = 0;
  std::thread first{[&] { sent_by_a = load(a, b, 1); }};
  std::thread second{[&] { sent_by_b = load(b, a, 2); }};
  CHECK(a.wait([&] { return to_a.cuts() + to_b.cuts() >= cuts; }));
  enough = true;
  first.join();
  second.join();
  to_a.cut_after(0);
  to_b.cut_after(0);
  REQUIRE(b.wait([&] { return of_b.next == sent_by_a; }));
  REQUIRE(a.wait([&] { return of_a.next == sent_by_b; }));
  CHECK(of_a.wrong == 0);
  CHECK(of_b.wrong == 0);
  CHECK(a.wait([&] {
    return a.transport.metrics().unacknowledged_bytes == 0
           && b.transport.metrics().unacknowledged_bytes == 0;
  }));
  auto m = a.transport.metrics();
  CHECK(m.data_frames_in == sent_by_b);
  CHECK(m.data_frames_out == sent_by_a);
  CHECK(m.pieces_resent + b.transport.metrics().pieces_resent > 0);
  CHECK(m.connections_opened > 100);
  CHECK(a.complaints() == "");
  CHECK(b.complaints() == "");
  CHECK(a.ended.empty());
  CHECK(b.ended.empty());
}

TEST_CASE("fault: a blackholed connection is noticed, closed and replaced",
          "[unit][link]") {
  auto what = quick();
  what.ping_interval = 20ms;
  what.silence_timeout = 200ms;
  what.handshake_timeout = 200ms;
  test_node a{who(1), what}, b{who(2), what};
  faulty_proxy to_b{b.address, 1};
  a.transport.set_peers({b.at(to_b.address())});
  REQUIRE(a.wait_connected(b));
  REQUIRE(b.wait_connected(a));
  to_b.swallow(true);
  a.send(b, "swallowed");
  REQUIRE(a.wait([&] { return !a.closed.empty(); }));
  REQUIRE(b.wait([&] { return !b.closed.empty(); }));
  // Whoever noticed first hung up on the other.
  CHECK((a.closed[0] == close_reason::silent
         || b.closed[0] == close_reason::silent));
  to_b.swallow(false);
  REQUIRE(b.wait([&] { return b.frames.size() == 1; }));
  CHECK(b.frames[0].payload == "swallowed");
  CHECK(a.ended.empty());
}

TEST_CASE("fault: an idle link lives on its pings", "[unit][link]") {
  auto what = quick();
  what.ping_interval = 10ms;
  what.silence_timeout = 200ms;
  test_node a{who(1), what}, b{who(2), what};
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  REQUIRE(b.wait_connected(a));
  // Several times the silence that would end it.
  auto writes = [&] { return a.transport.metrics().writes; };
  REQUIRE(a.wait([&] { return writes() >= 60; }));
  CHECK(a.closed.empty());
  CHECK(b.closed.empty());
}

TEST_CASE("fault: an address that leads nowhere does not stop the dialling",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  a.transport.set_peers({b.at("no such host at all:1")});
  a.transport.set_peers({b.at("nonsense")});
  REQUIRE(a.send(b, "later") == send_result::accepted);
  a.transport.set_peers({b.at()});
  REQUIRE(b.wait([&] { return b.frames.size() == 1; }));
}

TEST_CASE("fault: crashing peers leave the others alone", "[unit][link]") {
  test_node a{who(1)}, b{who(2)}, c{who(3)};
  checker of_b{b};
  faulty_proxy to_c{c.address, 1};
  a.transport.set_peers({b.at(), c.at(to_c.address())});
  b.transport.set_peers({a.at()});
  for (std::uint64_t i = 0; i < 20000; ++i) {
    while (a.send(b, numbered(i, 50)) != send_result::accepted)
      a.pause();
    if (i % 500 == 0) {
      a.send(c, "x");
      to_c.cut_now();
    }
  }
  REQUIRE(b.wait([&] { return of_b.next == 20000; }));
  CHECK(of_b.wrong == 0);
  CHECK(b.closed.empty());
}
