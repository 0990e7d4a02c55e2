#include <troupe/actors/block_pool.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace troupe {

namespace {

constexpr std::size_t kept_bytes_max = 4 << 20; // at home, and on the way there
constexpr std::uint32_t batch = 64;             // blocks

struct pool;

/// In front of each block's bytes.
struct alignas(std::max_align_t) block {
  pool* home;         // null: the allocator
  std::uint32_t size; // with this
  block* next;
};

// Sizes of blocks, with their heads.
constexpr std::array<std::size_t, 3> sizes = {512, 1024, 2048};
static_assert(block_pool_bytes_max + sizeof(block) == sizes.back());

std::size_t class_of(std::size_t size) {
  return size <= sizes[0] ? 0 : size <= sizes[1] ? 1 : 2;
}

struct list {
  block* first = nullptr;

  void push(block* x) {
    x->next = first;
    first = x;
  }
  block* pop() {
    auto* x = first;
    first = x->next;
    return x;
  }
};

/// One thread's; those that are gone leave theirs to later ones.
struct pool {
  // Its own.
  std::array<list, sizes.size()> free;
  std::size_t free_bytes = 0;
  // What it is about to give back, all to one.
  pool* to = nullptr;
  list out;
  block* out_last = nullptr;
  std::uint32_t out_count = 0;
  std::size_t out_bytes = 0;
  // What others gave back.
  alignas(64) std::atomic<block*> returned{nullptr};
  std::atomic<std::size_t> returned_bytes{0};
};

void end(block* x) {
  ::operator delete(x);
}

void keep(pool& p, block* x) {
  if (p.free_bytes + x->size > kept_bytes_max)
    return end(x);
  p.free_bytes += x->size;
  p.free[class_of(x->size)].push(x);
}

void take_returned(pool& p) {
  auto* x = p.returned.exchange(nullptr, std::memory_order_acquire);
  p.returned_bytes.store(0, std::memory_order_relaxed);
  while (x) {
    auto* next = x->next;
    keep(p, x);
    x = next;
  }
}

// The bound is kept roughly: others may give back at the same time.
void give_back(pool& p) {
  auto* first = p.out.first;
  if (!first)
    return;
  if (p.to->returned_bytes.fetch_add(p.out_bytes, std::memory_order_relaxed)
      > kept_bytes_max) {
    while (p.out.first)
      end(p.out.pop());
  } else {
    auto* seen = p.to->returned.load(std::memory_order_relaxed);
    do
      p.out_last->next = seen;
    while (!p.to->returned.compare_exchange_weak(
        seen, first, std::memory_order_release, std::memory_order_relaxed));
  }
  p.out = {};
  p.out_last = nullptr;
  p.out_count = 0;
  p.out_bytes = 0;
}

/// All there ever were; blocks find their homes as long as the process lives.
struct pools {
  std::mutex mutex;
  std::vector<std::unique_ptr<pool>> all;
  std::vector<pool*> left; // by threads that are gone

  pool* enter() {
    std::lock_guard guard{mutex};
    if (left.empty()) {
      all.push_back(std::make_unique<pool>());
      return all.back().get();
    }
    auto* p = left.back();
    left.pop_back();
    return p;
  }
  void leave(pool* p) {
    std::lock_guard guard{mutex};
    left.push_back(p);
  }
};

pools& every_pool() {
  static auto* x = new pools;
  return *x;
}

thread_local pool* mine = nullptr;
thread_local bool ending = false; // the thread: blocks are the allocator's

struct membership {
  ~membership() {
    give_back(*mine);
    every_pool().leave(mine);
    mine = nullptr;
    ending = true;
  }
};

pool* own_pool() {
  if (!mine && !ending) {
    mine = every_pool().enter();
    thread_local membership until_the_end_of_the_thread;
  }
  return mine;
}

} // namespace

void* take_block(std::size_t bytes) {
  auto size = bytes + sizeof(block);
  auto* p = size <= sizes.back() ? own_pool() : nullptr;
  block* x = nullptr;
  if (p) {
    auto i = class_of(size);
    size = sizes[i];
    auto& from = p->free[i];
    if (!from.first && p->returned.load(std::memory_order_relaxed))
      take_returned(*p);
    if (from.first) {
      x = from.pop();
      p->free_bytes -= size;
      return x + 1;
    }
  }
  x = static_cast<block*>(::operator new(size));
  x->home = p;
  x->size = static_cast<std::uint32_t>(size);
  return x + 1;
}

void give_block(void* bytes) noexcept {
  auto* x = static_cast<block*>(bytes) - 1;
  auto* p = x->home ? own_pool() : nullptr;
  if (!p)
    return end(x);
  if (x->home == p)
    return keep(*p, x);
  if (p->to != x->home) {
    give_back(*p);
    p->to = x->home;
  }
  if (!p->out.first)
    p->out_last = x;
  p->out.push(x);
  p->out_bytes += x->size;
  if (++p->out_count == batch)
    give_back(*p);
}

} // namespace troupe
