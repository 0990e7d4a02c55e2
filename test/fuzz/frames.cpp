#include "fuzz.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <troupe/cluster/link/hello_codec.hpp>
#include <troupe/cluster/link/inbox.hpp>
#include <troupe/cluster/link/wire.hpp>

namespace troupe::fuzz {

namespace {

using namespace link;

/// What came of the bytes of one connection.
struct heard {
  std::vector<std::string> frames; // lane, kind, payload
  bool malformed = false;
  malformed_reason why{};
  friend bool operator==(const heard&, const heard&) = default;
};

/// Whatever decodes is encoded to what decodes to the same.
template <class T>
void check_same(const std::optional<T>& x, auto decode) {
  if (!x)
    return;
  auto bytes = encode(*x);
  auto again = decode(bytes);
  must(again.has_value());
  must(encode(*again) == bytes);
}

void look_at(const piece& x) {
  switch (x.header.type) {
  case piece_type::hello:
  case piece_type::welcome:
    return check_same(decode_hello(x.payload), decode_hello);
  case piece_type::refused:
    return check_same(decode_refusal(x.payload), decode_refusal);
  default:
    return;
  }
}

heard hear(std::string_view bytes, std::size_t portion) {
  heard out;
  link::settings what;
  what.frame_bytes_max = 1 << 18;
  frame_reader reader{256 << 10};
  inbox in{what};
  auto fail = [&](malformed_reason why) {
    out.malformed = true;
    out.why = why;
  };
  auto deliver = [&](lane way, std::uint8_t kind, std::string_view payload) {
    must(payload.size() <= what.frame_bytes_max);
    out.frames.push_back(std::string{way == lane::data ? "d" : "c"}
                         + static_cast<char>(kind) + std::string{payload});
  };
  while (!bytes.empty() && !out.malformed) {
    auto room = reader.space();
    must(!room.empty());
    auto n = std::min({room.size(), bytes.size(), portion});
    std::memcpy(room.data(), bytes.data(), n);
    reader.commit(n);
    bytes.remove_prefix(n);
    piece x;
    frame_reader::status now{};
    while (!out.malformed
           && (now = reader.next(x)) == frame_reader::status::piece) {
      must(x.payload.size() == x.header.length);
      must(x.payload.size() <= piece_payload_max);
      look_at(x);
      bool frame = x.header.type == piece_type::control
                   || x.header.type == piece_type::data;
      auto before = in.received();
      if (frame)
        if (auto wrong = in.take(x, deliver))
          fail(*wrong);
      must(in.received() == before || in.received() == before + 1);
    }
    if (now == frame_reader::status::malformed)
      fail(reader.reason());
  }
  return out;
}

} // namespace

void frames(std::string_view input) {
  if (input.empty())
    return;
  auto portion = 1 + std::size_t{static_cast<unsigned char>(input[0])} * 37;
  input.remove_prefix(1);
  // In what portions it comes must not matter.
  must(hear(input, portion) == hear(input, input.size() + 1));
}

} // namespace troupe::fuzz
