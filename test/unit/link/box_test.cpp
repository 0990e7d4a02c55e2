#include <troupe/cluster/link/inbox.hpp>
#include <troupe/cluster/link/outbox.hpp>

#include <cstring>
#include <string>
#include <vector>

#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::link;

namespace {

settings small() {
  settings x;
  x.frame_bytes_max = 300000;
  x.unacknowledged_bytes_max = 400000;
  x.control_bytes_max = 400000;
  return x;
}

send_result put(outbox& to, frame_class how, std::string_view payload,
                std::uint8_t kind = 1) {
  std::string_view parts[] = {payload.substr(0, payload.size() / 2),
                              std::string_view{},
                              payload.substr(payload.size() / 2)};
  return to.append(how, kind, parts);
}

std::string collect(outbox& from, const outbox::signals& what = {}) {
  batch x;
  from.collect(x, what);
  std::string result;
  for (auto slice : x.slices)
    result += slice;
  CHECK(result.size() == x.bytes);
  return result;
}

std::vector<piece> pieces_of(const std::string& bytes) {
  std::vector<piece> result;
  for (std::size_t at = 0; at < bytes.size();) {
    piece x{read_header(bytes.data() + at), {}};
    x.payload =
        std::string_view{bytes}.substr(at + header_bytes, x.header.length);
    at += header_bytes + x.header.length;
    result.push_back(x);
  }
  return result;
}

piece data_piece(std::uint64_t number, std::string_view payload,
                 std::uint8_t flags = flag_first) {
  return {{.length = static_cast<std::uint32_t>(payload.size()),
           .type = piece_type::data,
           .kind = 1,
           .flags = flags,
           .number = number},
          payload};
}

struct taker {
  std::vector<std::string> frames;
  std::optional<malformed_reason> take(inbox& to, const piece& x) {
    return to.take(x, [&](lane, std::uint8_t, std::string_view payload) {
      frames.emplace_back(payload);
    });
  }
};

} // namespace

TEST_CASE("outbox: without a session nothing is taken", "[unit][link]") {
  settings what;
  outbox box{what};
  CHECK(put(box, frame_class::data, "x") == send_result::unknown_peer);
  box.open(1);
  CHECK(put(box, frame_class::data, "x") == send_result::accepted);
  box.close();
  CHECK(put(box, frame_class::data, "x") == send_result::unknown_peer);
}

TEST_CASE("outbox: data waits for a connection, control does not",
          "[unit][link]") {
  settings what;
  outbox box{what};
  box.open(1);
  CHECK(put(box, frame_class::data, "data") == send_result::accepted);
  CHECK(put(box, frame_class::control, "beat") == send_result::not_connected);
  CHECK(collect(box).empty());
  REQUIRE(box.connect(0));
  auto bytes = collect(box);
  auto out = pieces_of(bytes);
  REQUIRE(out.size() == 1);
  CHECK(out[0].payload == "data");
  CHECK(out[0].header.number == 1);
}

TEST_CASE("outbox: control goes first, the ack before it", "[unit][link]") {
  settings what;
  outbox box{what};
  box.open(1);
  REQUIRE(box.connect(0));
  put(box, frame_class::data, "data");
  put(box, frame_class::control, "beat");
  auto bytes = collect(box, {.received = 7});
  auto out = pieces_of(bytes);
  REQUIRE(out.size() == 3);
  CHECK(out[0].header.type == piece_type::ack);
  CHECK(out[0].header.number == 7);
  CHECK(out[1].payload == "beat");
  CHECK(out[2].payload == "data");
  SECTION("the same ack is not said twice") {
    CHECK(collect(box, {.received = 7, .ack_due = true}).empty());
  }
  SECTION("an ack alone waits until it is due") {
    CHECK(collect(box, {.received = 8}).empty());
    CHECK(collect(box, {.received = 8, .ack_due = true}).size()
          == header_bytes);
  }
  SECTION("a ping is said when there is nothing else") {
    bytes = collect(box, {.received = 7, .ping_due = true});
    REQUIRE(bytes.size() == header_bytes);
    CHECK(pieces_of(bytes)[0].header.type == piece_type::ping);
  }
}

TEST_CASE("outbox: large frames leave in fragments, control between them",
          "[unit][link]") {
  auto what = small();
  what.batch_bytes_max = 1;
  outbox box{what};
  box.open(1);
  REQUIRE(box.connect(0));
  std::string large(200000, 'x');
  REQUIRE(put(box, frame_class::data, large) == send_result::accepted);
  std::string bytes = collect(box);
  put(box, frame_class::control, "beat");
  auto next = collect(box);
  CHECK(pieces_of(next)[0].header.type == piece_type::control);
  bytes += next.substr(header_bytes + 4);
  for (auto x = collect(box); !x.empty(); x = collect(box))
    bytes += x;
  inbox in{what};
  taker got;
  for (auto& x : pieces_of(bytes))
    REQUIRE(!got.take(in, x));
  REQUIRE(got.frames.size() == 1);
  CHECK(got.frames[0] == large);
  CHECK(in.received() == 4);
}

TEST_CASE("outbox: over the window data is refused and reserved is not "
          "[R-22]",
          "[unit][link]") {
  auto what = small();
  outbox box{what};
  box.open(1);
  REQUIRE(box.connect(0));
  std::string frame(10000, 'x');
  std::size_t taken = 0;
  while (put(box, frame_class::data, frame) == send_result::accepted)
    ++taken;
  CHECK(taken == what.unacknowledged_bytes_max / (10000 + header_bytes));
  CHECK(put(box, frame_class::data, frame) == send_result::overloaded);
  CHECK(put(box, frame_class::reserved, "fence") == send_result::accepted);
  CHECK(put(box, frame_class::data, frame) == send_result::overloaded);
  while (!collect(box).empty()) {
  }
  REQUIRE(box.acknowledge(taken + 1));
  CHECK(box.unacknowledged_bytes() == 0);
  CHECK(box.idle());
  CHECK(put(box, frame_class::data, frame) == send_result::accepted);
  CHECK(box.count().overloaded == 3);
  CHECK(put(box, frame_class::data, std::string(300001, 'x'))
        == send_result::too_large);
}

TEST_CASE("outbox: the control lane is bounded and dies with its connection",
          "[unit][link]") {
  auto what = small();
  outbox box{what};
  box.open(1);
  REQUIRE(box.connect(0));
  std::string frame(100000, 'x');
  std::size_t taken = 0;
  while (put(box, frame_class::control, frame) == send_result::accepted)
    ++taken;
  CHECK(taken == 3);
  box.disconnect();
  CHECK(box.count().control_dropped == 3);
  REQUIRE(box.connect(0));
  CHECK(collect(box).empty());
}

TEST_CASE("outbox: a new connection goes on behind what the peer has",
          "[unit][link]") {
  settings what;
  outbox box{what};
  box.open(1);
  REQUIRE(box.connect(0));
  for (int i = 1; i <= 9; ++i)
    put(box, frame_class::data, std::to_string(i));
  collect(box);
  put(box, frame_class::data, "10");
  REQUIRE(box.acknowledge(2));
  std::uint64_t has = GENERATE(2, 3, 5, 8, 9);
  REQUIRE(box.connect(has));
  auto bytes = collect(box);
  auto out = pieces_of(bytes);
  REQUIRE(out.size() == 10 - has);
  for (auto& x : out)
    CHECK(x.payload == std::to_string(++has));
}

TEST_CASE("outbox: the peer cannot have what was never written",
          "[unit][link]") {
  settings what;
  outbox box{what};
  box.open(1);
  REQUIRE(box.connect(0));
  put(box, frame_class::data, "1");
  put(box, frame_class::data, "2");
  CHECK(!box.acknowledge(1));
  collect(box);
  CHECK(!box.acknowledge(3));
  CHECK(box.acknowledge(1));
  CHECK(box.acknowledge(1));
  CHECK(!box.connect(3));
  CHECK(!box.connect(0));
  REQUIRE(box.connect(1));
  // On this connection 2 was not written yet.
  CHECK(!box.acknowledge(2));
}

TEST_CASE("outbox: the end of a session counts whole frames", "[unit][link]") {
  auto what = small();
  outbox box{what};
  box.open(1);
  REQUIRE(box.connect(0));
  put(box, frame_class::data, "1");
  put(box, frame_class::data, std::string(200000, 'x')); // pieces 2 to 5
  put(box, frame_class::data, "3");
  while (!collect(box).empty()) {
  }
  std::uint64_t number = GENERATE(0, 1, 2, 4, 5, 6);
  REQUIRE(box.acknowledge(number));
  auto totals = box.close();
  CHECK(totals.frames_accepted == 3);
  CHECK(totals.frames_acknowledged
        == (number == 0   ? 0U
            : number < 5  ? 1U
            : number == 5 ? 2U
                          : 3U));
}

TEST_CASE("outbox: chunks under way are not written over", "[unit][link]") {
  settings what;
  outbox box{what};
  box.open(1);
  REQUIRE(box.connect(0));
  put(box, frame_class::data, "first");
  batch under_way;
  box.collect(under_way, {});
  std::string before{under_way.slices.at(0)};
  REQUIRE(box.acknowledge(1));
  CHECK(box.unacknowledged_bytes() == 0);
  put(box, frame_class::data, "second");
  CHECK(std::string{under_way.slices.at(0)} == before);
  box.collect(under_way, {});
  REQUIRE(under_way.slices.size() == 1);
  CHECK(under_way.slices[0].ends_with("second"));
}

TEST_CASE("inbox: numbers are taken once and in order [R-5]", "[unit][link]") {
  settings what;
  inbox in{what};
  taker got;
  CHECK(!got.take(in, data_piece(1, "a")));
  CHECK(!got.take(in, data_piece(1, "a")));
  CHECK(!got.take(in, data_piece(2, "b")));
  CHECK(!got.take(in, data_piece(1, "a")));
  CHECK(got.take(in, data_piece(4, "d")) == malformed_reason::sequence);
  CHECK(!got.take(in, data_piece(3, "c")));
  CHECK(got.frames == std::vector<std::string>{"a", "b", "c"});
  CHECK(in.count().pieces_duplicate == 2);
  CHECK(in.received() == 3);
}

TEST_CASE("inbox: fragments survive a reconnect, control ones do not",
          "[unit][link]") {
  settings what;
  inbox in{what};
  taker got;
  CHECK(!got.take(in, data_piece(1, "ab", flag_first | flag_more)));
  piece part{{.length = 1,
              .type = piece_type::control,
              .kind = 1,
              .flags = flag_first | flag_more},
             "x"};
  CHECK(!got.take(in, part));
  in.connect();
  CHECK(!got.take(in, data_piece(1, "ab", flag_first | flag_more)));
  CHECK(!got.take(in, data_piece(2, "cd", 0)));
  part.header.flags = 0;
  CHECK(got.take(in, part) == malformed_reason::fragment);
  CHECK(got.frames == std::vector<std::string>{"abcd"});
}

TEST_CASE("inbox: fragments out of place and frames that grow are refused "
          "[R-21]",
          "[unit][link]") {
  auto what = small();
  inbox in{what};
  taker got;
  CHECK(got.take(in, data_piece(1, "x", 0)) == malformed_reason::fragment);
  CHECK(got.take(in, data_piece(1, "x", flag_more))
        == malformed_reason::fragment);
  CHECK(!got.take(in, data_piece(1, "x", flag_first | flag_more)));
  CHECK(got.take(in, data_piece(2, "x", flag_first))
        == malformed_reason::fragment);
  auto other = data_piece(2, "x", 0);
  other.header.kind = 2;
  CHECK(got.take(in, other) == malformed_reason::fragment);
  CHECK(got.take(in, data_piece(2, "", flag_more))
        == malformed_reason::fragment);
  std::string part(60000, 'x');
  for (std::uint64_t i = 2; i <= 5; ++i)
    CHECK(!got.take(in, data_piece(i, part, flag_more)));
  CHECK(got.take(in, data_piece(6, part, flag_more))
        == malformed_reason::oversized);
  CHECK(got.frames.empty());
}
