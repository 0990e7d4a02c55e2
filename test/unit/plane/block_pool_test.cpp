#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include <test/catch.hpp>

#include <troupe/actors/block_pool.hpp>

namespace {

std::atomic<std::int64_t> allocated{0}; // and not freed, by anybody here

} // namespace

#ifndef __SANITIZE_ADDRESS__ // which has its own
void* operator new(std::size_t size) {
  if (auto* x = std::malloc(size)) {
    ++allocated;
    return x;
  }
  throw std::bad_alloc{};
}

void operator delete(void* x) noexcept {
  allocated -= x != nullptr;
  std::free(x);
}

void operator delete(void* x, std::size_t) noexcept {
  operator delete(x);
}
#endif

using troupe::block_pool_bytes_max;
using troupe::blocks_are_pooled;
using troupe::give_block;
using troupe::take_block;

TEST_CASE("blocks: a thread gets back what it gave, of the same size",
          "[unit][plane]") {
  for (std::size_t bytes : {std::size_t{1}, std::size_t{400}, std::size_t{900},
                            block_pool_bytes_max}) {
    auto* first = take_block(bytes);
    auto* second = take_block(bytes);
    CHECK(first != second);
    std::memset(first, 1, bytes);
    std::memset(second, 2, bytes);
    give_block(first);
    auto* third = take_block(bytes);
    if (blocks_are_pooled)
      CHECK(third == first);
    give_block(third);
    give_block(second);
  }
}

TEST_CASE("blocks: larger ones than it keeps are good too", "[unit][plane]") {
  auto* x = take_block(1 << 20);
  std::memset(x, 1, 1 << 20);
  give_block(x);
}

TEST_CASE(
    "blocks: what another thread ends comes home, but no more than may be "
    "kept",
    "[unit][plane]") {
  if (!blocks_are_pooled)
    return;
  constexpr std::size_t count = 100'000;
  std::vector<void*> given(count);
  auto before = allocated.load();
  for (auto& x : given)
    x = take_block(400);
  auto most = allocated.load();
  CHECK(most - before > 90'000); // the rest was there from earlier
  std::thread{[&] {
    for (auto* x : given)
      give_block(x);
  }}.join();
  auto kept = allocated.load() - before;
  CHECK(kept < 10'000); // of 512 bytes
  CHECK(kept > 5'000);
  std::vector<void*> again(5'000);
  for (auto& x : again)
    x = take_block(400);
  CHECK(allocated.load() - before <= kept);
  for (auto* x : again)
    give_block(x);
}

TEST_CASE("blocks: large ones that are kept take no room from small ones",
          "[unit][plane]") {
  if (!blocks_are_pooled)
    return;
  for (std::size_t bytes : {std::size_t{1500}, std::size_t{400}}) {
    std::vector<void*> given(20'000);
    for (auto& x : given)
      x = take_block(bytes);
    for (auto* x : given)
      give_block(x);
    auto before = allocated.load();
    std::vector<void*> again(1000);
    auto vectors = allocated.load() - before;
    for (auto& x : again)
      x = take_block(bytes);
    CHECK(allocated.load() - before == vectors);
    for (auto* x : again)
      give_block(x);
  }
}

TEST_CASE("blocks: threads come and go while blocks are under way",
          "[unit][plane]") {
  struct queue {
    std::mutex mutex;
    std::deque<unsigned char*> blocks;
    bool over = false;
  } q;
  std::atomic<int> wrong{0};
  auto size_of = [](unsigned i) -> std::size_t { return 16 + i * 37 % 3000; };
  auto maker = [&](unsigned seed) {
    for (unsigned i = 0; i < 20'000; ++i) {
      auto size = size_of(i);
      auto* x = static_cast<unsigned char*>(take_block(size));
      auto mark = static_cast<unsigned char>(seed + i);
      std::memset(x, mark, size);
      std::memcpy(x, &size, sizeof size);
      std::lock_guard guard{q.mutex};
      q.blocks.push_back(x);
    }
  };
  auto ender = [&] {
    for (;;) {
      unsigned char* x = nullptr;
      {
        std::lock_guard guard{q.mutex};
        if (q.blocks.empty() && q.over)
          return;
        if (!q.blocks.empty()) {
          x = q.blocks.front();
          q.blocks.pop_front();
        }
      }
      if (!x) {
        std::this_thread::yield();
        continue;
      }
      std::size_t size;
      std::memcpy(&size, x, sizeof size);
      for (auto i = sizeof size; i < size; ++i)
        wrong += x[i] != x[size - 1];
      give_block(x);
    }
  };
  std::vector<std::thread> enders;
  for (int i = 0; i < 2; ++i)
    enders.emplace_back(ender);
  for (unsigned round = 0; round < 3; ++round) {
    std::vector<std::thread> makers;
    for (unsigned i = 0; i < 3; ++i)
      makers.emplace_back(maker, round * 3 + i);
    for (auto& one : makers)
      one.join();
  }
  {
    std::lock_guard guard{q.mutex};
    q.over = true;
  }
  for (auto& one : enders)
    one.join();
  CHECK(wrong == 0);
}
