#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace troupe::boot {

/// SipHash-2-4 with 128 bits of output.
std::array<std::uint8_t, 16> siphash128(std::uint64_t key0, std::uint64_t key1,
                                        std::string_view bytes);

/// The fixed hash behind cluster ids: it must never change.
inline std::array<std::uint8_t, 16> digest(std::string_view bytes) {
  return siphash128(0x74726f757065u, 0x666f756e64696e67u, bytes);
}

} // namespace troupe::boot
