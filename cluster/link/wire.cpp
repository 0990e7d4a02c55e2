#include <troupe/cluster/link/wire.hpp>

#include <algorithm>
#include <cstring>
#include <optional>

#include <troupe/cluster/assert.hpp>

namespace troupe::link {

namespace {

template <class T>
void put(char* to, T x) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    to[i] = static_cast<char>(x >> (8 * i));
}

template <class T>
T get(const char* from) {
  T result = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    result |= static_cast<T>(static_cast<unsigned char>(from[i])) << (8 * i);
  return result;
}

/// What is wrong with a header on its own.
std::optional<malformed_reason> check(const piece_header& x, char zero) {
  constexpr std::uint8_t whole = flag_first;
  if (x.length > piece_payload_max)
    return malformed_reason::length;
  if (zero != 0)
    return malformed_reason::flags;
  switch (x.type) {
  case piece_type::data:
  case piece_type::control:
    if ((x.flags & ~(flag_first | flag_more)) != 0)
      return malformed_reason::flags;
    if ((x.type == piece_type::data) != (x.number != 0))
      return malformed_reason::sequence;
    return std::nullopt;
  case piece_type::introduce:
  case piece_type::introduced:
    if ((x.flags & ~(flag_first | flag_more)) != 0 || x.kind != 0)
      return malformed_reason::flags;
    return x.number == 0 ? std::nullopt
                         : std::optional{malformed_reason::sequence};
  case piece_type::hello:
  case piece_type::welcome:
  case piece_type::refused:
    if (x.flags != whole || x.kind != 0 || x.number != 0)
      return malformed_reason::flags;
    return std::nullopt;
  case piece_type::ping:
  case piece_type::ack:
  case piece_type::goodbye:
    if (x.flags != whole || x.kind != 0)
      return malformed_reason::flags;
    if (x.length != 0)
      return malformed_reason::length;
    if (x.type == piece_type::ping && x.number != 0)
      return malformed_reason::sequence;
    return std::nullopt;
  }
  return malformed_reason::type;
}

} // namespace

void write_header(const piece_header& from, char* to) {
  put<std::uint32_t>(to, from.length);
  to[4] = static_cast<char>(from.type);
  to[5] = static_cast<char>(from.kind);
  to[6] = static_cast<char>(from.flags);
  to[7] = 0;
  put<std::uint64_t>(to + 8, from.number);
}

piece_header read_header(const char* from) {
  return {.length = get<std::uint32_t>(from),
          .type = static_cast<piece_type>(from[4]),
          .kind = static_cast<std::uint8_t>(from[5]),
          .flags = static_cast<std::uint8_t>(from[6]),
          .number = get<std::uint64_t>(from + 8)};
}

void append_frame(std::string& to, piece_type type, std::string_view payload) {
  std::uint8_t flags = flag_first;
  do {
    auto part = payload.substr(0, piece_payload_max);
    payload.remove_prefix(part.size());
    if (!payload.empty())
      flags |= flag_more;
    char header[header_bytes];
    write_header({.length = static_cast<std::uint32_t>(part.size()),
                  .type = type,
                  .flags = flags},
                 header);
    to.append(header, header_bytes).append(part);
    flags = 0;
  } while (!payload.empty());
}

frame_reader::frame_reader(std::size_t capacity)
    : capacity_(capacity),
      bytes_(std::make_unique_for_overwrite<char[]>(capacity)) {
  TROUPE_ASSERT(capacity >= 2 * (header_bytes + piece_payload_max),
                "a read buffer of {} bytes", capacity);
}

std::span<char> frame_reader::space() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ > 0 && capacity_ - end_ < capacity_ / 2) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {bytes_.get() + end_, capacity_ - end_};
}

void frame_reader::commit(std::size_t count) {
  TROUPE_ASSERT(count <= capacity_ - end_, "{} bytes into {}", count,
                capacity_ - end_);
  end_ += count;
}

frame_reader::status frame_reader::next(piece& out) {
  if (!greeted_) {
    // A stranger is found out by its first wrong byte.
    auto seen = std::min(preamble.size(), end_ - begin_);
    if (preamble.substr(0, seen)
        != std::string_view{bytes_.get() + begin_, seen})
      return fail(malformed_reason::magic);
    if (seen < preamble.size())
      return status::more;
    begin_ += seen;
    greeted_ = true;
  }
  const char* at = bytes_.get() + begin_;
  if (end_ - begin_ < header_bytes)
    return status::more;
  out.header = read_header(at);
  if (auto why = check(out.header, at[7]))
    return fail(*why);
  if (end_ - begin_ < header_bytes + out.header.length)
    return status::more;
  out.payload = {at + header_bytes, out.header.length};
  begin_ += header_bytes + out.header.length;
  return status::piece;
}

frame_reader::status frame_reader::fail(malformed_reason why) {
  reason_ = why;
  return status::malformed;
}

} // namespace troupe::link
