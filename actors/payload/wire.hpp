#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe {

constexpr std::size_t varint_bytes_max = 10;

/// Writes `x`, seven bits a byte, the lowest first. Returns the bytes used.
inline std::size_t put_varint(std::uint64_t x, std::uint8_t* out) {
  std::size_t n = 0;
  for (; x > 0x7f; x >>= 7)
    out[n++] = static_cast<std::uint8_t>(x) | 0x80;
  out[n++] = static_cast<std::uint8_t>(x);
  return n;
}

/// Takes one varint off `from`. False when it is cut off or over 64 bits.
inline bool take_varint(std::string_view& from, std::uint64_t& x) {
  x = 0;
  for (std::size_t n = 0; n < varint_bytes_max && n < from.size(); ++n) {
    auto byte = static_cast<std::uint8_t>(from[n]);
    if (n == varint_bytes_max - 1 && byte > 1)
      return false;
    x |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * n);
    if (byte < 0x80) {
      from.remove_prefix(n + 1);
      return true;
    }
  }
  return false;
}

/// Takes `size` bytes off `from`. False when it has fewer.
inline bool take_bytes(std::string_view& from, std::uint64_t size,
                       std::string_view& x) {
  if (size > from.size())
    return false;
  x = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

/// Takes a varint and as many bytes off `from`.
inline bool take_text(std::string_view& from, std::string_view& x) {
  std::uint64_t size;
  return take_varint(from, size) && take_bytes(from, size, x);
}

} // namespace troupe
