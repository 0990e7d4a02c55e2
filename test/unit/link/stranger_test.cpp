#include <test/unit/link/transport_fixture.hpp>

#include <random>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <test/catch.hpp>

#include <troupe/cluster/link/hello_codec.hpp>
#include <troupe/cluster/link/wire.hpp>
#include <troupe/runtime/link/net.hpp>

using namespace troupe;
using namespace troupe::link;
using namespace troupe::link::test;

namespace {

/// Somebody with a socket.
struct stranger {
  explicit stranger(const std::string& address) : socket(io.get_executor()) {
    auto where = *parse_address(address);
    socket.connect({asio::ip::make_address(where.host), where.port});
  }

  void say(std::string_view bytes) {
    error_code ignored; // it may be closed already
    asio::write(socket, asio::buffer(bytes.data(), bytes.size()), ignored);
  }

  void hang_up() { socket.shutdown(tcp::socket::shutdown_send); }

  /// All that comes until the other side ends the connection.
  std::string hear() {
    std::string result;
    error_code e;
    asio::read(socket, asio::dynamic_buffer(result), e);
    return result;
  }

  /// Waits for one whole piece and gives its payload.
  std::string hear_piece(piece_type& type) {
    std::string bytes(header_bytes, '\0');
    if (!greeted) {
      std::string first(preamble.size(), '\0');
      asio::read(socket, asio::buffer(first));
      greeted = true;
    }
    asio::read(socket, asio::buffer(bytes));
    auto header = read_header(bytes.data());
    type = header.type;
    std::string payload(header.length, '\0');
    asio::read(socket, asio::buffer(payload));
    return payload;
  }

  asio::io_context io;
  tcp_socket socket;
  bool greeted = false;
};

std::string framed(piece_type type, std::string_view payload) {
  std::string result;
  append_frame(result, type, payload);
  return result;
}

std::string header(piece_header x) {
  std::string result(header_bytes, '\0');
  write_header(x, result.data());
  return result;
}

hello hello_to(const test_node& to, std::uint64_t attempt = 1) {
  hello x;
  x.from = who(9);
  x.to = to.self.node;
  x.resume.attempt = attempt;
  x.resume.session = 1;
  return x;
}

std::uint64_t count(const test_node& x, malformed_reason why) {
  return x.transport.metrics().malformed[static_cast<std::size_t>(why)];
}

/// Two nodes that must not notice anything of what happens at a's port.
struct bystanders {
  bystanders() {
    acquaint(a, b);
    REQUIRE(a.wait_connected(b));
    REQUIRE(b.wait_connected(a));
  }

  void check_unharmed() {
    REQUIRE(b.send(a, "still here") == send_result::accepted);
    REQUIRE(a.wait([&] {
      return !a.frames.empty() && a.frames.back().payload == "still here";
    }));
    std::scoped_lock guard{a.mutex, b.mutex};
    CHECK(a.connected.count(b.self.node) == 1);
    CHECK(a.connections[b.self.node] == b.connections[a.self.node]);
    CHECK(b.closed.empty());
    CHECK(a.ended.empty());
  }

  test_node a{who(1)};
  test_node b{who(2)};
};

} // namespace

TEST_CASE("stranger: random bytes are closed and counted, nobody notices "
          "[R-21]",
          "[unit][link]") {
  bystanders x;
  std::mt19937_64 engine{1};
  for (int i = 0; i < 100; ++i) {
    stranger s{x.a.address};
    std::string noise{i % 2 == 0 ? "" : preamble};
    for (int k = 0; k < 2000; ++k)
      noise += static_cast<char>(engine());
    s.say(noise);
    CHECK(s.hear().empty());
  }
  REQUIRE(x.a.wait([&] { return x.a.malformed_sum() == 100; }));
  CHECK(count(x.a, malformed_reason::magic) == 50);
  CHECK(x.a.transport.metrics().strangers_closed >= 100);
  x.check_unharmed();
}

TEST_CASE("stranger: what comes in the wrong place is closed and counted "
          "[R-21]",
          "[unit][link]") {
  bystanders x;
  auto closed_with = [&](const std::string& bytes, malformed_reason why) {
    auto before = count(x.a, why);
    stranger s{x.a.address};
    s.say(std::string{preamble} + bytes);
    s.hear();
    CHECK(x.a.wait([&] { return count(x.a, why) == before + 1; }));
  };
  using m = malformed_reason;
  closed_with(framed(piece_type::hello, "no hello"), m::handshake);
  closed_with(framed(piece_type::hello, ""), m::handshake);
  closed_with(framed(piece_type::welcome, encode(hello_to(x.a))), m::order);
  closed_with(header({.type = piece_type::ping, .flags = flag_first}),
              m::order);
  closed_with(
      header({.type = piece_type::data, .flags = flag_first, .number = 1}),
      m::order);
  closed_with(
      header(
          {.length = 1U << 31, .type = piece_type::hello, .flags = flag_first}),
      m::length);
  x.check_unharmed();
}

TEST_CASE("stranger: what a linked peer may not say ends its connection, "
          "not the node [R-21]",
          "[unit][link]") {
  bystanders x;
  std::uint64_t attempt = 0;
  auto closed_with = [&](const std::string& bytes, malformed_reason why) {
    auto before = count(x.a, why);
    stranger s{x.a.address};
    s.say(std::string{preamble}
          + framed(piece_type::hello, encode(hello_to(x.a, ++attempt))));
    piece_type type{};
    s.hear_piece(type);
    REQUIRE(type == piece_type::welcome);
    s.say(bytes);
    s.hear();
    CHECK(x.a.wait([&] { return count(x.a, why) == before + 1; }));
  };
  auto data = [](std::uint64_t number, std::uint8_t flags = flag_first) {
    return header({.length = 1,
                   .type = piece_type::data,
                   .flags = flags,
                   .number = number})
           + "x";
  };
  using m = malformed_reason;
  closed_with(data(2), m::sequence);
  closed_with(data(1, flag_more), m::fragment);
  closed_with(
      header({.type = piece_type::ack, .flags = flag_first, .number = 1}),
      m::ack);
  closed_with(
      header({.type = piece_type::goodbye, .flags = flag_first, .number = 99}),
      m::ack);
  closed_with(framed(piece_type::hello, encode(hello_to(x.a, 99))), m::order);
  closed_with(std::string(64, '\xff'), m::length);
  CHECK(x.a.frames.empty());
  x.check_unharmed();
}

TEST_CASE("stranger: replayed frames and hellos do nothing [R-21]",
          "[unit][link]") {
  bystanders x;
  auto greeting =
      std::string{preamble} + framed(piece_type::hello, encode(hello_to(x.a)));
  auto data = header({.length = 1,
                      .type = piece_type::data,
                      .flags = flag_first,
                      .number = 1})
              + "x";
  stranger s{x.a.address};
  piece_type type{};
  s.say(greeting);
  s.hear_piece(type);
  REQUIRE(type == piece_type::welcome);
  s.say(data + data + data);
  REQUIRE(
      x.a.wait([&] { return x.a.transport.metrics().pieces_duplicate == 2; }));
  CHECK(x.a.frames.size() == 1);
  // The same hello again, while its connection lives, takes nothing over.
  stranger again{x.a.address};
  again.say(greeting + data);
  auto no = decode_refusal(again.hear_piece(type));
  REQUIRE(no);
  CHECK(no->what.code == refusal_code::stale_hello);
  CHECK(x.a.closed.empty());
  s.say(header({.length = 1,
                .type = piece_type::data,
                .flags = flag_first,
                .number = 2})
        + "y");
  REQUIRE(x.a.wait([&] { return x.a.frames.size() == 2; }));
  x.check_unharmed();
}

TEST_CASE("stranger: a hello from before the last connection is out of date, "
          "not malformed",
          "[unit][link]") {
  test_node a{who(1)};
  auto nine = who(9);
  a.transport.set_peers({{nine.node, nine.incarnation, "127.0.0.1:1"}});
  auto greet = [&](stranger& s, const hello& x) {
    s.say(std::string{preamble} + framed(piece_type::hello, encode(x)));
    piece_type type{};
    auto bytes = s.hear_piece(type);
    return std::pair{type, bytes};
  };
  auto hi = hello_to(a);
  {
    stranger first{a.address};
    auto [type, bytes] = greet(first, hi);
    REQUIRE(type == piece_type::welcome);
    auto answer = decode_hello(bytes);
    REQUIRE(answer);
    hi.resume.peer_boot = answer->from.boot;
    hi.resume.peer_session = answer->resume.session;
    std::string_view parts[] = {"x"};
    REQUIRE(a.transport.send(nine.node, frame_class::data, 1, parts)
            == send_result::accepted);
    first.hear_piece(type);
    REQUIRE(type == piece_type::data);
    first.say(
        header({.type = piece_type::ack, .flags = flag_first, .number = 1}));
    REQUIRE(a.wait(
        [&] { return a.transport.metrics().unacknowledged_bytes == 0; }));
  }
  REQUIRE(a.wait([&] { return a.connected.empty(); }));
  hi.resume.attempt = 2; // and still nothing taken
  {
    stranger second{a.address};
    auto [type, bytes] = greet(second, hi);
    REQUIRE(type == piece_type::refused);
    CHECK(decode_refusal(bytes)->what.code == refusal_code::stale_hello);
  }
  CHECK(a.complaints() == "");
  hi.resume.attempt = 3;
  hi.resume.received = 1;
  stranger third{a.address};
  CHECK(greet(third, hi).first == piece_type::welcome);
  CHECK(a.ended.empty());
}

TEST_CASE("stranger: truncated handshakes are closed in time [R-21]",
          "[unit][link]") {
  auto what = quick();
  what.handshake_timeout = 50ms;
  test_node a{who(1), what};
  auto greeting =
      std::string{preamble} + framed(piece_type::hello, encode(hello_to(a)));
  for (std::size_t n = 0; n < greeting.size(); n += 7) {
    stranger s{a.address};
    s.say(std::string_view{greeting}.substr(0, n));
    if (n % 2 == 0)
      s.hang_up();
    CHECK(s.hear().empty());
  }
  CHECK(a.connected.empty());
  CHECK(a.malformed_sum() == 0);
}

TEST_CASE("stranger: no more than the limit are waited for", "[unit][link]") {
  auto what = quick();
  what.handshakes_max = 4;
  test_node a{who(1), what};
  std::vector<std::unique_ptr<stranger>> idle;
  for (int i = 0; i < 4; ++i)
    idle.push_back(std::make_unique<stranger>(a.address));
  stranger fifth{a.address};
  CHECK(fifth.hear().empty());
  CHECK(a.transport.metrics().strangers_closed == 1);
}

TEST_CASE("stranger: another cluster and another protocol are refused with a "
          "sentence [R-15]",
          "[unit][link]") {
  test_node a{who(1)};
  auto what = quick();
  auto self = who(2);
  refusal_code code{};
  SECTION("cluster") {
    self.cluster.fill(2);
    code = refusal_code::cluster;
  }
  SECTION("protocol") {
    what.protocol = {2, 5};
    code = refusal_code::protocol;
  }
  test_node b{self, what};
  b.transport.set_peers({a.at()});
  // Both sides know why, and dialling goes on.
  REQUIRE(b.wait([&] { return b.refused.size() >= 2; }));
  REQUIRE(a.wait([&] { return a.refused.size() >= 2; }));
  CHECK(b.refused[0].by_peer);
  CHECK(!a.refused[0].by_peer);
  CHECK(b.refused[0].what.code == code);
  CHECK(b.refused[0].what == a.refused[0].what);
  CHECK(b.refused[0].what.text.find("node 2 (n2)") == 0);
  CHECK(b.transport.metrics().hellos_refused_by_peer >= 2);
  CHECK(a.transport.metrics().hellos_refused_here >= 2);
  CHECK(a.connected.empty());
  CHECK(b.connected.empty());
}

TEST_CASE("stranger: the owner may refuse, and change its mind",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)};
  {
    std::lock_guard guard{a.mutex};
    a.judge = [](const hello& x) -> std::optional<refusal> {
      return refusal{{}, x.from.name + " has other regions", 42};
    };
  }
  bool ask_dialler = GENERATE(true, false);
  (ask_dialler ? a : b).transport.set_peers({(ask_dialler ? b : a).at()});
  auto& told = ask_dialler ? a : b;
  REQUIRE(told.wait([&] { return !told.refused.empty(); }));
  CHECK(told.refused[0].what.code == refusal_code::owner);
  CHECK(told.refused[0].what.owner_code == 42);
  CHECK(told.refused[0].what.text == "n2 has other regions");
  {
    std::lock_guard guard{a.mutex};
    a.judge = nullptr;
  }
  REQUIRE(a.wait_connected(b));
  REQUIRE(b.wait_connected(a));
}

TEST_CASE("stranger: an address that leads to another node is refused",
          "[unit][link]") {
  test_node a{who(1)}, b{who(2)}, c{who(3)};
  a.transport.set_peers({c.at(b.address)});
  REQUIRE(a.wait([&] { return !a.refused.empty(); }));
  CHECK(a.refused[0].peer == c.self.node);
  CHECK(a.refused[0].what.code == refusal_code::wrong_node);
  CHECK(a.refused[0].what.text.find("this is node 2 (n2), not node 3") == 0);
}

TEST_CASE("stranger: a node without an id is linked once it has one",
          "[unit][link]") {
  test_node a{who(1)};
  test_node nobody{identity{}};
  auto self = who(2);
  self.address = nobody.address;
  a.transport.set_peers({{self.node, self.incarnation, nobody.address}});
  REQUIRE(a.wait(
      [&] { return a.transport.metrics().hellos_refused_by_peer >= 1; }));
  CHECK(a.refused.empty());
  nobody.self = self;
  nobody.transport.set_identity(self);
  REQUIRE(a.wait_connected(nobody));
}

TEST_CASE("stranger: a goodbye says what was taken, and what is behind it "
          "comes back",
          "[unit][link]") {
  test_node a{who(1)};
  auto nine = who(9);
  a.transport.set_peers({{nine.node, nine.incarnation, "127.0.0.1:1"}});
  stranger s{a.address};
  s.say(std::string{preamble} + framed(piece_type::hello, encode(hello_to(a))));
  piece_type type{};
  s.hear_piece(type);
  REQUIRE(type == piece_type::welcome);
  for (std::string_view text : {"1", "2", "3"}) {
    std::string_view parts[] = {text};
    REQUIRE(a.transport.send(nine.node, frame_class::data, 1, parts)
            == send_result::accepted);
  }
  for (std::string heard; heard != "3";) // and acknowledges nothing
    if (auto payload = s.hear_piece(type); type == piece_type::data)
      heard = payload;
  s.say(
      header({.type = piece_type::goodbye, .flags = flag_first, .number = 2}));
  REQUIRE(a.wait([&] { return a.ended.size() == 1; }));
  CHECK(a.ended[0].reason == end_reason::goodbye);
  CHECK(a.ended[0].frames_acknowledged == 2);
  REQUIRE(a.ended[0].untaken.size() == 1);
  CHECK(a.ended[0].untaken[0].payload == "3");
}
