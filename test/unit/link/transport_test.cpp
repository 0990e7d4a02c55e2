#include <test/unit/link/transport_fixture.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <unistd.h>

#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::link;
using namespace troupe::link::test;

TEST_CASE("transport: three nodes that all dial each other are linked once",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)}, c{who(3)};
  std::vector<peer_address> all{a.at(), b.at(), c.at()};
  test_node* nodes[] = {&a, &b, &c};
  for (auto* x : nodes)
    x->transport.set_peers(all);
  for (auto* x : nodes)
    for (auto* y : nodes)
      if (x != y) {
        REQUIRE(x->send(*y, "from " + x->self.name) == send_result::accepted);
      }
  for (auto* x : nodes) {
    REQUIRE(x->wait([&] { return x->frames.size() == 2; }));
    REQUIRE(x->wait([&] { return x->connected.size() == 2; }));
    for (auto& frame : x->frames)
      CHECK(frame.payload == "from n" + std::to_string(frame.from.value));
    REQUIRE(x->wait(
        [&] { return x->transport.metrics().unacknowledged_bytes == 0; }));
    auto m = x->transport.metrics();
    CHECK(m.connections == 2);
    CHECK(m.sessions == 2);
    CHECK(m.data_frames_out == 2);
    CHECK(m.data_frames_in == 2);
    CHECK(x->malformed_sum() == 0);
  }
}

TEST_CASE("transport: crossing dials end in one connection, many times over",
          "[unit][link]") {
  for (int round = 0; round < 50; ++round) {
    test_node a{who(1)}, b{who(2)};
    std::thread first{[&] { a.transport.set_peers({b.at()}); }};
    b.transport.set_peers({a.at()});
    first.join();
    REQUIRE(a.wait_connected(b));
    REQUIRE(b.wait_connected(a));
    REQUIRE(a.send(b, "1") == send_result::accepted);
    REQUIRE(b.send(a, "2") == send_result::accepted);
    REQUIRE(a.wait([&] { return a.frames.size() == 1; }));
    REQUIRE(b.wait([&] { return b.frames.size() == 1; }));
    CHECK(a.transport.metrics().connections == 1);
    CHECK(b.transport.metrics().connections == 1);
    CHECK(a.ended.empty());
    CHECK(b.ended.empty());
  }
}

TEST_CASE("transport: frames before the first connection wait for it",
          "[unit][link]") {
  test_node a{who(1)};
  test_node b{who(2)};
  CHECK(a.send(b, "nobody") == send_result::unknown_peer);
  CHECK(a.send(a, "self") == send_result::unknown_peer);
  a.transport.set_peers({b.at()});
  CHECK(a.send(b, "waits") == send_result::accepted);
  REQUIRE(b.wait([&] { return b.frames.size() == 1; }));
  CHECK(b.frames[0].payload == "waits");
  CHECK(b.frames[0].way == lane::data);
  // b does not dial, and may answer all the same.
  REQUIRE(b.wait_connected(a));
  CHECK(b.send(a, "answer") == send_result::accepted);
  REQUIRE(a.wait([&] { return a.frames.size() == 1; }));
}

TEST_CASE("transport: parts, kinds and lanes arrive as they were sent",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  std::string_view parts[] = {"one", "", " two", " three"};
  CHECK(a.transport.send(b.self.node, frame_class::control, 200, parts)
        == send_result::accepted);
  CHECK(a.transport.send(b.self.node, frame_class::reserved, 7, {})
        == send_result::accepted);
  CHECK(a.transport.send_if(b.self.node, frame_class::data, 8, parts, [] {
    return false;
  }) == send_result::rejected);
  CHECK(a.send(b, std::string((16 << 20) + 1, 'x')) == send_result::too_large);
  REQUIRE(b.wait([&] { return b.frames.size() == 2; }));
  std::ranges::sort(b.frames, {}, &test_node::frame::kind);
  CHECK(b.frames[0].way == lane::data);
  CHECK(b.frames[0].kind == 7);
  CHECK(b.frames[0].payload.empty());
  CHECK(b.frames[1].way == lane::control);
  CHECK(b.frames[1].kind == 200);
  CHECK(b.frames[1].payload == "one two three");
}

TEST_CASE("transport: control frames overtake a large frame on its way",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  std::vector<std::pair<lane, std::size_t>> order; // under b's lock
  b.on_each = [&](node_id, lane way, std::uint8_t, std::string_view x) {
    std::lock_guard guard{b.mutex};
    order.emplace_back(way, x.size());
    b.changed.notify_all();
  };
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  std::string large(16 << 20, 'x');
  REQUIRE(a.send(b, large) == send_result::accepted);
  REQUIRE(a.send(b, large) == send_result::accepted);
  REQUIRE(a.send(b, "beat", frame_class::control) == send_result::accepted);
  REQUIRE(b.wait([&] { return order.size() == 3; }));
  // At least the second large frame was behind it.
  CHECK(order.back().first == lane::data);
  CHECK(order.back().second == large.size());
}

TEST_CASE("transport: appends of many threads keep the order of their checks",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  std::uint64_t expected = 0, wrong = 0;
  b.on_each = [&](node_id, lane, std::uint8_t, std::string_view x) {
    std::lock_guard guard{b.mutex};
    wrong += std::stoull(std::string{x}) != expected++;
    b.changed.notify_all();
  };
  acquaint(a, b);
  constexpr std::uint64_t each = 5000;
  std::uint64_t next = 0; // guarded by the link's own lock
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (std::uint64_t k = 0; k < each; ++k) {
        char digits[20];
        std::string_view parts[] = {{digits, sizeof digits}};
        auto result =
            a.transport.send_if(b.self.node, frame_class::data, 1, parts, [&] {
              auto text = std::to_string(next++);
              text.insert(0, sizeof digits - text.size(), '0');
              std::ranges::copy(text, digits);
              return true;
            });
        if (result != send_result::accepted)
          --k;
      }
    });
  for (auto& x : threads)
    x.join();
  REQUIRE(b.wait([&] { return expected == 4 * each; }));
  CHECK(wrong == 0);
}

TEST_CASE("transport: a full link refuses data, finds room for reserved "
          "frames and recovers [R-22]",
          "[unit][link]") {
  auto what = quick();
  what.frame_bytes_max = 100000;
  what.unacknowledged_bytes_max = 1 << 20;
  what.control_bytes_max = 1 << 20;
  test_node a{who(1), what}, b{who(2), what};
  a.transport.set_peers({{b.self.node, b.self.incarnation, "127.0.0.1:1"}});
  std::string payload(10000, 'x');
  std::uint64_t taken = 0;
  while (a.send(b, payload) == send_result::accepted)
    ++taken;
  CHECK(taken == (1 << 20) / 10016);
  CHECK(a.send(b, payload) == send_result::overloaded);
  CHECK(a.send(b, payload, frame_class::reserved) == send_result::accepted);
  auto m = a.transport.metrics();
  CHECK(m.sends_overloaded == 2);
  CHECK(m.unacknowledged_bytes <= (1 << 20) + 10016);
  a.transport.set_peers({b.at()});
  REQUIRE(b.wait([&] { return b.frames.size() == taken + 1; }));
  REQUIRE(
      a.wait([&] { return a.transport.metrics().unacknowledged_bytes == 0; }));
  CHECK(a.send(b, payload) == send_result::accepted);
}

TEST_CASE("transport: a dropped peer's frames are void and it may come back",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  REQUIRE(b.wait_connected(a));
  a.send(b, "1");
  b.send(a, "2");
  REQUIRE(b.wait([&] { return b.frames.size() == 1; }));
  REQUIRE(a.wait([&] { return a.frames.size() == 1; }));
  a.transport.drop_peer(b.self.node);
  CHECK(a.send(b, "void") == send_result::unknown_peer);
  REQUIRE(a.wait([&] { return a.ended.size() == 1; }));
  CHECK(a.ended[0].reason == end_reason::dropped);
  CHECK(a.ended[0].incarnation == b.self.incarnation);
  CHECK(a.ended[0].frames_accepted == 1);
  CHECK(a.ended[0].frames_received == 1);
  // b still dials; a's handler lets it in, so b finds a new session.
  REQUIRE(b.wait([&] { return b.ended.size() == 1; }));
  CHECK(b.ended[0].reason == end_reason::peer_forgot);
  REQUIRE(b.wait_connected(a));
  REQUIRE(b.send(a, "3") == send_result::accepted);
  REQUIRE(a.wait([&] { return a.frames.size() == 2; }));
  CHECK(a.frames[1].payload == "3");
}

TEST_CASE("transport: a new incarnation ends the session with the old one",
          "[unit][link]") {
  test_node a{who(1)};
  auto b = std::make_unique<test_node>(who(2, 1));
  acquaint(a, *b);
  REQUIRE(a.wait_connected(*b));
  a.send(*b, "old");
  REQUIRE(b->wait([&] { return b->frames.size() == 1; }));
  // It dies without a goodbye, as far as the peer can see.
  bool dials = GENERATE(true, false);
  {
    auto dead = who(2, 1);
    a.transport.set_peers({{dead.node, dead.incarnation, "127.0.0.1:1"}});
    std::lock_guard guard{b->mutex};
    b->judge = [](const hello&) {
      return refusal{refusal_code::owner, "dying"};
    };
  }
  test_node again{who(2, 2)};
  if (dials)
    again.transport.set_peers({a.at()});
  else
    a.transport.set_peers({again.at()});
  REQUIRE(a.wait([&] { return a.ended.size() == 1; }));
  CHECK(a.ended[0].reason == end_reason::new_incarnation);
  CHECK(a.ended[0].incarnation == incarnation{1});
  CHECK(a.ended[0].frames_accepted == 1);
  REQUIRE(a.wait([&] {
    auto i = a.connected.find(node_id{2});
    return i != a.connected.end() && i->second.incarnation == incarnation{2};
  }));
  CHECK(a.send(again, "new") == send_result::accepted);
  REQUIRE(again.wait([&] { return again.frames.size() == 1; }));
  CHECK(again.frames[0].payload == "new");
}

TEST_CASE("transport: stop flushes, and its goodbye says what was taken",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  REQUIRE(b.wait_connected(a));
  constexpr std::size_t count = 20000;
  for (std::size_t i = 0; i < count; ++i)
    REQUIRE(a.send(b, std::to_string(i)) == send_result::accepted);
  REQUIRE(b.send(a, "last") == send_result::accepted);
  a.transport.stop(patience);
  CHECK(a.send(b, "too late") == send_result::stopped);
  REQUIRE(a.ended.size() == 1);
  CHECK(a.ended[0].reason == end_reason::stopped);
  CHECK(a.ended[0].frames_accepted == count);
  CHECK(a.ended[0].frames_acknowledged == count);
  REQUIRE(b.wait([&] { return b.ended.size() == 1; }));
  CHECK(b.frames.size() == count);
  CHECK(b.closed.back() == close_reason::goodbye);
  CHECK(b.ended[0].reason == end_reason::goodbye);
  CHECK(b.ended[0].frames_received == count);
  CHECK(b.ended[0].frames_acknowledged == a.frames.size());
  // It is gone until it is started anew.
  CHECK(b.send(a, "gone") == send_result::unknown_peer);
  b.transport.set_peers({a.at()});
  CHECK(b.send(a, "gone") == send_result::unknown_peer);
}

TEST_CASE("transport: with the goodbye comes back what was not taken, in order",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  REQUIRE(b.wait_connected(a));
  std::atomic<bool> over{false};
  std::size_t sent = 0;
  std::thread sender{[&] {
    std::string large(200'000, 'x'); // several pieces
    while (!over) {
      auto text = std::to_string(sent) + (sent % 50 == 0 ? large : "");
      if (b.send(a, text) == send_result::accepted)
        ++sent;
      else
        std::this_thread::yield();
    }
  }};
  REQUIRE(a.wait([&] { return a.frames.size() > 1000; }));
  a.transport.stop(patience);
  REQUIRE(b.wait([&] { return b.ended.size() == 1; }));
  over = true;
  sender.join();
  CHECK(b.ended[0].reason == end_reason::goodbye);
  auto& untaken = b.ended[0].untaken;
  CHECK(a.frames.size() + untaken.size() == sent);
  for (std::size_t i = 0; i < untaken.size(); ++i)
    CHECK(std::stoul(untaken[i].payload) == a.frames.size() + i);
}

TEST_CASE("transport: one that is abandoned says no goodbye", "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  acquaint(a, b);
  REQUIRE(b.wait_connected(a));
  a.transport.abandon();
  REQUIRE(b.wait([&] { return !b.closed.empty(); }));
  CHECK(b.closed.back() == close_reason::lost);
  CHECK(b.ended.empty());
  CHECK(b.send(a, "kept") == send_result::accepted);
}

TEST_CASE("transport: stop gives up at its deadline", "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  a.transport.set_peers({{b.self.node, b.self.incarnation, "127.0.0.1:1"}});
  REQUIRE(a.send(b, "nobody listens") == send_result::accepted);
  a.transport.stop(10ms);
  REQUIRE(a.ended.size() == 1);
  CHECK(a.ended[0].frames_accepted == 1);
  CHECK(a.ended[0].frames_acknowledged == 0);
}

TEST_CASE("transport: both ends may stop at once", "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  acquaint(a, b);
  REQUIRE(a.wait_connected(b));
  std::thread other{[&] { a.transport.stop(patience); }};
  b.transport.stop(patience);
  other.join();
  CHECK(a.ended.size() == 1);
  CHECK(b.ended.size() == 1);
}

TEST_CASE("transport: a port that is taken is named at the start",
          "[unit][link]") {
  test_node a{who(1)};
  test_node* handler = &a;
  asio_transport second{quick(), a.address, *handler};
  auto no = second.start();
  REQUIRE(no);
  CHECK(no->text.find(a.address) != std::string::npos);
  CHECK(no->text.find("choose another port") != std::string::npos);
  asio_transport third{quick(), "nonsense", *handler};
  REQUIRE(third.start());
}

TEST_CASE("transport: work runs on its thread, in order, and what it sends "
          "leaves with it",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  a.transport.set_peers({b.at()});
  REQUIRE(a.wait_connected(b));
  REQUIRE(b.wait_connected(a));
  std::thread::id where[2];
  std::atomic<int> refused = 0;
  auto send = [&](test_node& from, test_node& to, std::string_view text) {
    refused += from.send(to, text) != send_result::accepted;
  };
  a.transport.post([&] {
    where[0] = std::this_thread::get_id();
    send(a, b, "1");
    a.transport.flush();
    send(a, b, "2");
    send(a, b, "3");
  });
  a.transport.post([&] {
    where[1] = std::this_thread::get_id();
    send(a, b, "4");
  });
  REQUIRE(b.wait([&] { return b.frames.size() == 4; }));
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(b.frames[i].payload == std::to_string(i + 1));
  CHECK(where[0] == where[1]);
  CHECK(where[0] != std::this_thread::get_id());

  a.transport.every(1ms, [&] { send(a, b, "tick"); });
  REQUIRE(b.wait([&] { return b.frames.size() >= 7; }));
  auto event = b.transport.add_event([&] { send(b, a, "event"); });
  REQUIRE(event >= 0);
  for (std::size_t n = 1; n <= 2; ++n) {
    std::uint64_t one = 1;
    REQUIRE(::write(event, &one, sizeof(one)) == sizeof(one));
    REQUIRE(a.wait([&] { return a.frames.size() == n; }));
  }
  CHECK(refused == 0);
  a.transport.stop(0ms);
  bool late = false;
  a.transport.post([&] { late = true; });
  CHECK_FALSE(late);
}

TEST_CASE("settings: what cannot work is named", "[unit][link]") {
  settings x;
  REQUIRE(!check(x));
  SECTION("window") {
    x.unacknowledged_bytes_max = 1 << 20;
  }
  SECTION("control window") {
    x.control_bytes_max = 1 << 20;
  }
  SECTION("frame") {
    x.frame_bytes_max = 0;
  }
  SECTION("chunk") {
    x.chunk_bytes = 1000;
  }
  SECTION("batch") {
    x.batch_bytes_max = 0;
  }
  SECTION("read buffer") {
    x.read_buffer_bytes = 1000;
  }
  SECTION("introductions") {
    x.introductions_max = 0;
  }
  SECTION("silence") {
    x.silence_timeout = x.ping_interval;
  }
  SECTION("backoff") {
    x.backoff_max = 1ms;
  }
  SECTION("time") {
    x.ack_delay = 0ms;
  }
  SECTION("protocol") {
    x.protocol = {2, 1};
  }
  auto why = check(x);
  REQUIRE(why);
  CHECK(!why->empty());
}
