#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::model {

/// Stands for a value: equal values have equal digests, and two of a hundred
/// million unequal ones have one with a probability below 1 : 10^22.
struct digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const digest&, const digest&) = default;
};

/// Makes the digest of a sequence of numbers.
class digester {
public:
  template <class... Ts>
  digester& add(const Ts&... xs) {
    (put(xs), ...);
    return *this;
  }

  digest get() const { return {mix(high_ ^ low_), mix(low_ + 0x9e3779b9)}; }

private:
  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 31)) * 0x7fb5d329728ea185;
    x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44d;
    return x ^ (x >> 33);
  }

  template <class T>
  void put(const T& x) {
    if constexpr (requires { x.value; })
      word(static_cast<std::uint64_t>(x.value));
    else if constexpr (requires { x.count(); })
      word(static_cast<std::uint64_t>(x.count()));
    else
      word(static_cast<std::uint64_t>(x));
  }
  void put(std::string_view x) {
    word(x.size());
    for (auto c : x)
      word(static_cast<unsigned char>(c));
  }
  void put(const digest& x) {
    word(x.high);
    word(x.low);
  }

  void word(std::uint64_t x) {
    high_ = mix(high_ ^ x) + 0x632be59bd9b4e019;
    low_ = mix(low_ + x * 0x9fb21c651e98df25) ^ high_ >> 17;
  }

  std::uint64_t high_ = 0x243f6a8885a308d3;
  std::uint64_t low_ = 0x13198a2e03707344;
};

struct digest_hash {
  std::size_t operator()(const digest& x) const {
    return static_cast<std::size_t>(x.low);
  }
};

} // namespace troupe::model
