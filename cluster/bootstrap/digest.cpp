#include <troupe/cluster/bootstrap/digest.hpp>

#include <bit>
#include <cstddef>

namespace troupe::boot {

namespace {

struct sip_state {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int n) {
    while (n-- > 0) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }

  void word(std::uint64_t m) {
    v3 ^= m;
    rounds(2);
    v0 ^= m;
  }

  std::uint64_t result() const { return v0 ^ v1 ^ v2 ^ v3; }
};

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t x = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    x |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return x;
}

} // namespace

std::array<std::uint8_t, 16> siphash128(std::uint64_t key0, std::uint64_t key1,
                                        std::string_view bytes) {
  sip_state s{key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du ^ 0xee,
              key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u};
  auto length = std::uint64_t{bytes.size()};
  for (; bytes.size() >= 8; bytes.remove_prefix(8))
    s.word(little_endian(bytes.substr(0, 8)));
  s.word(little_endian(bytes) | length << 56);
  s.v2 ^= 0xee;
  s.rounds(4);
  auto low = s.result();
  s.v1 ^= 0xdd;
  s.rounds(4);
  auto high = s.result();
  std::array<std::uint8_t, 16> out;
  for (int i = 0; i < 8; ++i) {
    out[i] = static_cast<std::uint8_t>(low >> (8 * i));
    out[8 + i] = static_cast<std::uint8_t>(high >> (8 * i));
  }
  return out;
}

} // namespace troupe::boot
