#include <troupe/cluster/placement/rendezvous.hpp>

#include <algorithm>
#include <array>
#include <bit>

#include <troupe/cluster/placement/fair_shares.hpp>
#include <troupe/cluster/placement/hash.hpp>

namespace troupe {
namespace {

constexpr int step_bits = 10;

/// log2(1 + i / 2^step_bits) in units of 2^-32, by repeated squaring. Integers,
/// because std::log may differ in its last bit from one machine to another.
constexpr auto log2_table = [] {
  std::array<std::uint64_t, (1u << step_bits) + 1> result{};
  for (std::uint64_t i = 0; i < result.size() - 1; ++i) {
    auto x = (std::uint64_t{1} << 31) + (i << (31 - step_bits)); // 2^31 is 1
    for (int bit = 0; bit < 32; ++bit) {
      x = (x * x) >> 31;
      result[i] <<= 1;
      if (x >= std::uint64_t{1} << 32) {
        x >>= 1;
        result[i] |= 1;
      }
    }
  }
  result.back() = std::uint64_t{1} << 32;
  return result;
}();

/// -log2(hash / 2^64) in units of 2^-32; at least 1.
std::uint64_t minus_log2(std::uint64_t hash) {
  hash |= 1;
  auto zeros = std::countl_zero(hash);
  auto fraction = hash << zeros << 1;
  auto at = fraction >> (64 - step_bits);
  auto rest = (fraction << step_bits) >> 32;
  auto low = log2_table[at];
  auto log2 = low + (((log2_table[at + 1] - low) * rest) >> 32);
  return ((std::uint64_t{1} + static_cast<unsigned>(zeros)) << 32) - log2;
}

} // namespace

std::vector<node_id>
rendezvous_strategy::place(const placement_input& in) const {
  auto result = current_owners(in);
  fair_shares shares{in};
  if (shares.nodes.empty())
    return result;
  auto need = [&](std::size_t i) {
    return static_cast<wide_int>(shares.cost(in.partitions[i]))
           * shares.capacity;
  };
  wide_int heaviest = 0;
  for (auto i : shares.free)
    heaviest = std::max(heaviest, need(i));
  struct seat {
    node_id id;
    std::uint64_t salt;
    std::uint64_t weight;
    wide_int room; // times `capacity`
  };
  std::vector<seat> seats;
  for (const auto& x : shares.nodes) {
    auto slack = std::max(shares.total * x.weight / 10, heaviest);
    seats.push_back({x.id, placement_hash(x.id.value), x.weight,
                     slack - shares.surplus(x)});
  }
  auto region = placement_hash(in.region);
  for (auto i : shares.free) {
    auto salt = placement_hash(region ^ in.partitions[i].partition);
    seat* best = nullptr; // found, as not all can be above their share
    std::uint64_t best_log = 0;
    for (auto& x : seats) {
      if (x.room < need(i))
        continue;
      // The score is weight / -log(hash).
      auto log = minus_log2(placement_hash(salt ^ x.salt));
      if (best == nullptr
          || static_cast<wide_int>(x.weight) * best_log
                 > static_cast<wide_int>(best->weight) * log) {
        best = &x;
        best_log = log;
      }
    }
    best->room -= need(i);
    result[i] = best->id;
  }
  return result;
}

} // namespace troupe
