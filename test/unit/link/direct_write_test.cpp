// Senders that write to a quiet link by themselves.
#include <test/unit/link/transport_fixture.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <semaphore>
#include <thread>
#include <vector>

#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::link;
using namespace troupe::link::test;

TEST_CASE(
    "transport: senders that write by themselves keep the order, when the "
    "peer does not read for a while too",
    "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  std::mutex gate;
  std::vector<std::uint32_t> got; // under b's lock
  b.on_each = [&](node_id, lane, std::uint8_t, std::string_view x) {
    std::lock_guard slow{gate};
    std::lock_guard guard{b.mutex};
    std::uint32_t number = ~0u;
    std::memcpy(&number, x.data(), std::min(sizeof number, x.size()));
    bool whole =
        x.size() > sizeof number
        && std::all_of(x.begin() + sizeof number, x.end(),
                       [&](char c) { return c == static_cast<char>(number); });
    got.push_back(whole ? number : ~0u);
    b.changed.notify_all();
  };
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  constexpr std::uint32_t count = 1500; // 12 MB: more than sockets take
  std::uint32_t sent = 0;
  {
    std::unique_lock closed{gate};
    std::mt19937 random{1};
    while (sent < count) {
      std::string text(8000 + random() % 1000, static_cast<char>(sent));
      std::memcpy(text.data(), &sent, sizeof sent);
      if (a.send(b, text, frame_class::reserved) != send_result::accepted)
        break;
      ++sent;
      std::this_thread::sleep_for(30us); // longer than between writes at load
    }
  }
  CHECK(sent == count);
  REQUIRE(b.wait([&] { return got.size() == sent; }));
  for (std::uint32_t i = 0; i < sent; ++i)
    REQUIRE(got[i] == i);
  CHECK(a.ended.empty());
  CHECK(b.malformed_sum() == 0);
}

TEST_CASE("transport: a frame now and then costs no wake-up of the sending "
          "side's thread, and several senders share a link",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  std::map<std::uint8_t, std::uint32_t> next; // by sender; under b's lock
  std::uint32_t wrong = 0;
  b.on_each = [&](node_id, lane, std::uint8_t kind, std::string_view x) {
    std::lock_guard guard{b.mutex};
    std::uint32_t number;
    std::memcpy(&number, x.data(), sizeof number);
    wrong += number != next[kind]++;
    b.changed.notify_all();
  };
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  constexpr std::uint32_t each = 3000;
  std::vector<std::thread> senders;
  for (std::uint8_t kind = 1; kind <= 3; ++kind)
    senders.emplace_back([&, kind] {
      std::mt19937 random{kind};
      for (std::uint32_t i = 0; i < each; ++i) {
        std::string text(100, 'x');
        std::memcpy(text.data(), &i, sizeof i);
        a.send(b, text, frame_class::reserved, kind);
        if (random() % 3 == 0)
          std::this_thread::sleep_for(std::chrono::microseconds{random() % 80});
      }
    });
  for (auto& one : senders)
    one.join();
  REQUIRE(b.wait(
      [&] { return next[1] == each && next[2] == each && next[3] == each; }));
  CHECK(wrong == 0);
  auto sum = a.transport.metrics();
  CHECK(sum.direct_writes > 0);
  CHECK(sum.direct_writes < sum.writes);
}

TEST_CASE("transport: what a sender wrote a part of is whole before a goodbye",
          "[unit][link]") {
  test_node b{who(2)};
  std::counting_semaphore<> gate{0}; // shut at first
  std::uint32_t got = 0;             // under b's lock
  b.on_each = [&](node_id, lane, std::uint8_t, std::string_view x) {
    gate.acquire();
    gate.release();
    std::lock_guard guard{b.mutex};
    got += x == std::string(8000, 'x');
    b.changed.notify_all();
  };
  std::uint32_t sent = 0;
  {
    test_node a{who(1)};
    acquaint(a, b);
    REQUIRE(a.wait_connected(b));
    REQUIRE(b.wait_connected(a));
    std::string text(8000, 'x');
    while (a.send(b, text, frame_class::control) == send_result::accepted) {
      ++sent;
      std::this_thread::sleep_for(30us);
    }
    std::thread opens{[&] {
      std::this_thread::sleep_for(20ms);
      gate.release();
    }};
    a.transport.stop(20s);
    opens.join();
  }
  CHECK(sent > 100);
  REQUIRE(b.wait([&] { return !b.ended.empty(); }));
  CHECK(got == sent);
  CHECK(b.ended[0].reason == end_reason::goodbye);
  CHECK(b.malformed_sum() == 0);
}
