#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Numbers in files: unsigned, the lowest byte first.
namespace troupe::disk {

template <class T>
void put(char* to, T x) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    to[i] = static_cast<char>(x >> (8 * i));
}

template <class T>
void put(std::string& to, T x) {
  to.resize(to.size() + sizeof(T));
  put(to.data() + to.size() - sizeof(T), x);
}

template <class T>
T get(const char* from) {
  T x = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    x |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(from[i]))
                        << (8 * i));
  return x;
}

/// `to` must be a power of two.
constexpr std::uint64_t round_up(std::uint64_t x, std::uint64_t to) {
  return (x + to - 1) & ~(to - 1);
}

std::string to_hex(std::string_view bytes);
/// False if `text` is not pairs of lower case hexadecimal digits.
bool from_hex(std::string_view text, std::string& to);

} // namespace troupe::disk
