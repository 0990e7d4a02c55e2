#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <google/protobuf/message_lite.h>

namespace troupe::raft {

/// Takes the bytes of a snapshot, in order.
class byte_sink {
public:
  virtual ~byte_sink() = default;
  /// False: they cannot be kept, and neither can what follows.
  virtual bool write(std::string_view bytes) = 0;
};

/// Gives the bytes of a snapshot back.
class byte_source {
public:
  virtual ~byte_source() = default;
  /// As many as there are, up to the size of `to`: 0 only at the end. -1: they
  /// cannot be read.
  virtual std::ptrdiff_t read(std::span<char> to) = 0;
};

/// A message behind its length (four bytes, little endian).
inline bool write_message(byte_sink& to,
                          const google::protobuf::MessageLite& x) {
  auto text = x.SerializeAsString();
  char head[4];
  for (int i = 0; i < 4; ++i)
    head[i] = static_cast<char>(text.size() >> (8 * i));
  return to.write({head, 4}) && to.write(text);
}

/// True once `to` is full.
inline bool read_fully(byte_source& from, std::span<char> to) {
  while (!to.empty()) {
    auto n = from.read(to);
    if (n <= 0)
      return false;
    to = to.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

enum class read_message_result { message, end, damaged };

inline read_message_result read_message(byte_source& from,
                                        google::protobuf::MessageLite& x) {
  char head[4];
  auto n = from.read({head, 1});
  if (n == 0)
    return read_message_result::end;
  if (n < 0 || !read_fully(from, {head + 1, 3}))
    return read_message_result::damaged;
  std::uint32_t size = 0;
  for (int i = 0; i < 4; ++i)
    size |= std::uint32_t{static_cast<unsigned char>(head[i])} << (8 * i);
  // Grows with what is there, not with what the length says.
  std::string text;
  constexpr std::size_t step = 1u << 16;
  while (text.size() < size) {
    auto at = text.size();
    text.resize(at + std::min<std::size_t>(step, size - at));
    if (!read_fully(from, {text.data() + at, text.size() - at}))
      return read_message_result::damaged;
  }
  return x.ParseFromString(text) ? read_message_result::message
                                 : read_message_result::damaged;
}

} // namespace troupe::raft
