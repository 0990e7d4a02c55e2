#pragma once

#include <cstdint>
#include <string_view>

namespace troupe {

/// Mixes 64 bits (the finaliser of splitmix64). What is placed by hash depends
/// on these two functions: changing them moves partitions.
constexpr std::uint64_t placement_hash(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr std::uint64_t placement_hash(std::string_view text) {
  std::uint64_t x = text.size();
  for (unsigned char c : text)
    x = placement_hash(x ^ (std::uint64_t{c} << 56));
  return x;
}

} // namespace troupe
