#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace troupe {

/// A count that many threads add to without sharing a cache line. Reading sums
/// up: exact once nobody adds.
///
/// Threads: any.
class sharded_counter {
public:
  void add(std::uint64_t n) {
    shards_[shard()].count.fetch_add(n, std::memory_order_relaxed);
  }

  std::uint64_t value() const {
    std::uint64_t sum = 0;
    for (auto& one : shards_)
      sum += one.count.load(std::memory_order_relaxed);
    return sum;
  }
  operator std::uint64_t() const { return value(); }

private:
  static constexpr std::size_t shards = 8;

  static std::size_t shard() {
    static std::atomic<std::size_t> threads{0};
    thread_local const auto mine =
        threads.fetch_add(1, std::memory_order_relaxed) % shards;
    return mine;
  }

  struct alignas(64) cell {
    std::atomic<std::uint64_t> count{0};
  };
  std::array<cell, shards> shards_;
};

} // namespace troupe
