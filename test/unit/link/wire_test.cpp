#include <troupe/cluster/link/wire.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include <test/catch.hpp>

#include <troupe/cluster/link/hello_codec.hpp>

using namespace troupe;
using namespace troupe::link;

namespace {

constexpr std::size_t capacity = 2 * (header_bytes + piece_payload_max);

struct seen {
  piece_header header;
  std::string payload;
};

/// Feeds `bytes`, at most `step` at a time. What was wrong, if anything.
std::optional<malformed_reason> feed(frame_reader& to, std::string_view bytes,
                                     std::size_t step, std::vector<seen>& out) {
  while (!bytes.empty()) {
    auto space = to.space();
    REQUIRE(!space.empty());
    auto n = std::min({step, space.size(), bytes.size()});
    std::copy_n(bytes.begin(), n, space.begin());
    to.commit(n);
    bytes.remove_prefix(n);
    piece x;
    for (;;) {
      auto status = to.next(x);
      if (status == frame_reader::status::malformed)
        return to.reason();
      if (status == frame_reader::status::more)
        break;
      out.push_back({x.header, std::string{x.payload}});
    }
  }
  return std::nullopt;
}

std::string one(piece_header x, std::string_view payload = {}) {
  char header[header_bytes];
  write_header(x, header);
  return std::string{header, header_bytes}.append(payload);
}

std::optional<malformed_reason> reason_of(const std::string& bytes) {
  frame_reader reader{capacity};
  std::vector<seen> out;
  return feed(reader, std::string{preamble} + bytes, 1 << 20, out);
}

hello some_hello() {
  hello x;
  x.protocol = {1, 3};
  x.from.cluster.fill(7);
  x.from.node = node_id{3};
  x.from.incarnation = incarnation{9};
  x.from.boot = 0xfedcba9876543210;
  x.from.uuid.fill(200);
  x.from.name = "n\xc3\xa9"
                "3";
  x.from.address = "[::1]:7400";
  x.to = node_id{1};
  x.resume = {5, 4, 3, 2, 1, 99};
  return x;
}

} // namespace

TEST_CASE("wire: a header is 16 bytes, little endian", "[unit][link]") {
  char bytes[header_bytes];
  write_header({.length = 0x01020304,
                .type = piece_type::data,
                .kind = 5,
                .flags = 3,
                .number = 0x1122334455667788},
               bytes);
  CHECK(std::string_view{bytes, 16}
        == std::string_view{
            "\x04\x03\x02\x01\x09\x05\x03\x00\x88\x77\x66\x55\x44\x33\x22\x11",
            16});
  auto back = read_header(bytes);
  CHECK(back.length == 0x01020304);
  CHECK(back.type == piece_type::data);
  CHECK(back.kind == 5);
  CHECK(back.first());
  CHECK(back.more());
  CHECK(back.number == 0x1122334455667788);
}

TEST_CASE("wire: pieces come out whole however the bytes are cut",
          "[unit][link]") {
  std::string bytes{preamble};
  std::mt19937_64 engine{1};
  std::vector<std::string> payloads;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    auto size = i % 10 == 0 ? piece_payload_max : engine() % 200;
    payloads.emplace_back(size, static_cast<char>('a' + i % 26));
    bytes += one({.length = static_cast<std::uint32_t>(size),
                  .type = piece_type::data,
                  .kind = static_cast<std::uint8_t>(i),
                  .flags = flag_first,
                  .number = i},
                 payloads.back());
  }
  auto step = GENERATE(1, 2, 7, 15, 16, 17, 1000, 70000, 1000000);
  frame_reader reader{capacity};
  std::vector<seen> out;
  REQUIRE(!feed(reader, bytes, step, out));
  REQUIRE(out.size() == payloads.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    CHECK(out[i].payload == payloads[i]);
    CHECK(out[i].header.number == i + 1);
    CHECK(out[i].header.kind == i + 1);
  }
}

TEST_CASE("wire: each kind of malformed bytes has its reason [R-21]",
          "[unit][link]") {
  using m = malformed_reason;
  using t = piece_type;
  frame_reader stranger{capacity};
  std::vector<seen> out;
  CHECK(feed(stranger, "GET / HTTP/1.1\r\n", 1, out) == m::magic);
  frame_reader almost{capacity};
  CHECK(feed(almost, "troupe\0\2", 1, out) == std::nullopt);
  CHECK(feed(almost, std::string_view{"\2", 1}, 1, out) == m::magic);

  CHECK(reason_of(one({.length = piece_payload_max + 1,
                       .type = t::data,
                       .flags = flag_first,
                       .number = 1}))
        == m::length);
  CHECK(reason_of(one({.length = 0xffffffff, .type = t::data})) == m::length);
  CHECK(reason_of(one({.length = 1, .type = t::ack, .flags = flag_first}))
        == m::length);
  CHECK(reason_of(one({.type = t{0}, .flags = flag_first})) == m::type);
  CHECK(reason_of(one({.type = t{11}, .flags = flag_first})) == m::type);
  CHECK(reason_of(one({.type = t::data, .flags = 4, .number = 1})) == m::flags);
  CHECK(reason_of(one({.type = t::hello, .flags = 3})) == m::flags);
  CHECK(reason_of(one({.type = t::ping, .kind = 1, .flags = flag_first}))
        == m::flags);
  auto reserved = one({.type = t::ping, .flags = flag_first});
  reserved[7] = 1;
  CHECK(reason_of(reserved) == m::flags);
  CHECK(reason_of(one({.type = t::data, .flags = flag_first})) == m::sequence);
  CHECK(reason_of(one({.type = t::control, .flags = flag_first, .number = 1}))
        == m::sequence);
  CHECK(!reason_of(one({.type = t::ping, .flags = flag_first})));
}

TEST_CASE("wire: random bytes behind the preamble end in a reason or wait",
          "[unit][link]") {
  std::mt19937_64 engine{1};
  for (int round = 0; round < 200; ++round) {
    std::string bytes{preamble};
    for (int i = 0; i < 4000; ++i)
      bytes += static_cast<char>(engine());
    frame_reader reader{capacity};
    std::vector<seen> out;
    // 16 random bytes that pass as a header are about one in 10^9.
    CHECK(feed(reader, bytes, 1 + engine() % 100, out));
    CHECK(out.empty());
  }
}

TEST_CASE("wire: append_frame fragments what is longer than a piece",
          "[unit][link]") {
  auto size = GENERATE(std::size_t{0}, std::size_t{1}, piece_payload_max,
                       piece_payload_max + 1, 3 * piece_payload_max);
  std::string bytes{preamble};
  append_frame(bytes, piece_type::introduce, std::string(size, 'x'));
  frame_reader reader{capacity};
  std::vector<seen> out;
  REQUIRE(!feed(reader, bytes, 100000, out));
  REQUIRE(out.size()
          == std::max<std::size_t>(1, (size + piece_payload_max - 1)
                                          / piece_payload_max));
  std::size_t sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    CHECK(out[i].header.first() == (i == 0));
    CHECK(out[i].header.more() == (i + 1 < out.size()));
    sum += out[i].payload.size();
  }
  CHECK(sum == size);
}

TEST_CASE("wire: hellos and refusals survive the wire", "[unit][link]") {
  auto x = some_hello();
  CHECK(decode_hello(encode(x)) == x);
  sent_refusal no{{refusal_code::cluster, "another cluster", 17},
                  incarnation{4}};
  auto back = decode_refusal(encode(no));
  REQUIRE(back);
  CHECK(back->what == no.what);
  CHECK(back->incarnation == no.incarnation);
}

TEST_CASE("wire: a hello that no correct node sends does not decode [R-21]",
          "[unit][link]") {
  auto x = some_hello();
  auto refused = [](const hello& y) { return !decode_hello(encode(y)); };
  SECTION("no node") {
    x.from.node = node_id{};
  }
  SECTION("no addressee") {
    x.to = node_id{};
  }
  SECTION("no incarnation") {
    x.from.incarnation = incarnation{};
  }
  SECTION("no boot") {
    x.from.boot = 0;
  }
  SECTION("no protocol") {
    x.protocol = {0, 1};
  }
  SECTION("empty protocol range") {
    x.protocol = {3, 2};
  }
  SECTION("control characters in the name") {
    x.from.name = "a\x1b[2J";
  }
  SECTION("an endless address") {
    x.from.address.assign(5000, 'a');
  }
  SECTION("no session") {
    x.resume.session = 0;
  }
  SECTION("no attempt") {
    x.resume.attempt = 0;
  }
  SECTION("a process without a session") {
    x.resume.peer_session = 0;
  }
  SECTION("received without a session") {
    x.resume.peer_session = x.resume.peer_boot = 0;
  }
  CHECK(refused(x));
}

TEST_CASE("wire: truncated and mutated hellos never do harm [R-21]",
          "[unit][link]") {
  auto bytes = encode(some_hello());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK(!decode_hello(std::string_view{bytes}.substr(0, n)));
  std::mt19937_64 engine{3};
  for (int i = 0; i < 20000; ++i) {
    auto x = bytes;
    for (auto k = 1 + engine() % 4; k > 0; --k)
      x[engine() % x.size()] = static_cast<char>(engine());
    if (auto y = decode_hello(x)) {
      CHECK(y->from.node);
      CHECK(y->from.name.size() <= 1024);
    }
    (void)decode_refusal(x);
  }
}
