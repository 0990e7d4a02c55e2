#pragma once

#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

namespace troupe::sim {

inline std::uint64_t number_from(const std::string& name,
                                 std::uint64_t otherwise) {
  auto* text = std::getenv(name.c_str());
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// The seeds of a run. With <name>_SEED=<n> that one alone, with
/// <name>_SEEDS=<n> so many from <name>_FIRST on. Else the first `fixed` ones,
/// and `fresh` more where TROUPE_FRESH_SEEDS=<n> says which part of all seeds
/// they are from: `test/run` says what the commit says.
inline std::vector<std::uint64_t>
seeds_of(const std::string& name, std::uint64_t fixed, std::uint64_t fresh) {
  std::vector<std::uint64_t> out;
  auto add = [&](std::uint64_t first, std::uint64_t count) {
    auto old = out.size();
    out.resize(old + count);
    std::iota(out.begin() + static_cast<std::ptrdiff_t>(old), out.end(), first);
  };
  auto count = number_from(name + "_SEEDS", 0);
  auto part = number_from("TROUPE_FRESH_SEEDS", 0);
  if (auto one = number_from(name + "_SEED", 0); one != 0) {
    add(one, 1);
  } else if (count != 0) {
    add(number_from(name + "_FIRST", 1), count);
  } else {
    add(1, fixed);
    if (part != 0)
      add(part * 10000, fresh);
  }
  return out;
}

} // namespace troupe::sim
