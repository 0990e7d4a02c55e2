#include <troupe/runtime/log/crc32c.hpp>

#include <array>
#include <cstring>

namespace troupe::disk {

namespace {

using table = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[k][b]: the remainder of byte b followed by k zero bytes.
constexpr table make_tables() {
  table t{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    auto x = b;
    for (int bit = 0; bit < 8; ++bit)
      x = (x & 1) != 0 ? (x >> 1) ^ 0x82f63b78u : x >> 1;
    t[0][b] = x;
  }
  for (std::uint32_t b = 0; b < 256; ++b)
    for (std::size_t k = 1; k < 8; ++k)
      t[k][b] = (t[k - 1][b] >> 8) ^ t[0][t[k - 1][b] & 255];
  return t;
}

constexpr table tables = make_tables();

#if defined(__x86_64__)
#define TROUPE_CRC32C_INSTRUCTION

bool has_instruction() {
  return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) std::uint32_t
with_instruction(std::uint32_t crc, std::string_view bytes) {
  std::uint64_t x = ~crc;
  auto* at = bytes.data();
  auto left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    x = __builtin_ia32_crc32di(x, word);
  }
  auto y = static_cast<std::uint32_t>(x);
  for (; left > 0; ++at, --left)
    y = __builtin_ia32_crc32qi(y, static_cast<unsigned char>(*at));
  return ~y;
}
#endif

} // namespace

std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view bytes) {
  auto x = ~crc;
  auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  auto left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    x ^= at[0] | at[1] << 8 | at[2] << 16
         | static_cast<std::uint32_t>(at[3]) << 24;
    x = tables[7][x & 255] ^ tables[6][x >> 8 & 255] ^ tables[5][x >> 16 & 255]
        ^ tables[4][x >> 24] ^ tables[3][at[4]] ^ tables[2][at[5]]
        ^ tables[1][at[6]] ^ tables[0][at[7]];
  }
  for (; left > 0; ++at, --left)
    x = (x >> 8) ^ tables[0][(x ^ *at) & 255];
  return ~x;
}

std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) {
#ifdef TROUPE_CRC32C_INSTRUCTION
  static const bool fast = has_instruction();
  if (fast)
    return with_instruction(crc, bytes);
#endif
  return crc32c_portable(crc, bytes);
}

} // namespace troupe::disk
