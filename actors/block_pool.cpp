#include <troupe/actors/block_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace troupe {

namespace {

// Of each size at home, and of all on the way there.
constexpr std::size_t kept_bytes_max = 4 << 20;

// Sizes of blocks, with their heads.
constexpr std::array<std::size_t, 3> sizes = {512, 1024, 2048};

std::size_t class_of(std::size_t size) {
  return size <= sizes[0] ? 0 : size <= sizes[1] ? 1 : 2;
}

struct pool;

/// In front of each block's bytes.
struct alignas(std::max_align_t) block {
  pool* home;       // null: the allocator
  std::size_t size; // with this
};
static_assert(block_pool_bytes_max + sizeof(block) == sizes.back());

/// Blocks of one size on their way home, written into one of them. Whoever gets
/// it need not look into the others, which another processor has in its cache.
struct parcel {
  static constexpr std::size_t most =
      (sizes[0] - sizeof(block) - 3 * sizeof(void*)) / sizeof(void*);

  parcel* next = nullptr;
  std::size_t size = 0; // of each
  std::size_t count = 0;
  std::array<block*, most> blocks;
};
static_assert(sizeof(parcel) + sizeof(block) <= sizes[0]);

void end(block* x) {
  ::operator delete(x);
}

/// One thread's; those that are gone leave theirs to later ones.
struct pool {
  pool() {
    for (std::size_t i = 0; i < sizes.size(); ++i)
      free[i].reserve(kept_bytes_max / sizes[i]);
  }

  // Its own.
  std::array<std::vector<block*>, sizes.size()> free;
  pool* to = nullptr; // whom what is about to be given back belongs to
  std::array<parcel*, sizes.size()> out{};
  // What others gave back.
  alignas(64) std::atomic<parcel*> returned{nullptr};
  std::atomic<std::size_t> returned_bytes{0};

  static std::size_t room_of(const std::vector<block*>& list) {
    return list.capacity() - list.size(); // as reserved: it never grows
  }

  void keep(block* x) {
    auto& list = free[class_of(x->size)];
    if (room_of(list) == 0)
      return end(x);
    list.push_back(x);
  }

  void take_returned() {
    auto* p = returned.exchange(nullptr, std::memory_order_acquire);
    returned_bytes.store(0, std::memory_order_relaxed);
    while (p) {
      auto* next = p->next;
      auto count = p->count;
      auto& list = free[class_of(p->size)];
      auto kept = std::min(count, room_of(list));
      for (std::size_t i = kept; i < count; ++i)
        end_later.push_back(p->blocks[i]);
      list.insert(list.end(), p->blocks.begin(), p->blocks.begin() + kept);
      p = next;
    }
    for (auto* x : end_later) // one of them held the parcel
      end(x);
    end_later.clear();
  }

  // The bound is kept roughly: others may give back at the same time.
  void send(parcel*& p) {
    if (!p)
      return;
    auto bytes = p->count * p->size;
    if (to->returned_bytes.fetch_add(bytes, std::memory_order_relaxed)
        > kept_bytes_max) {
      auto blocks = p->blocks;
      for (std::size_t i = 0, count = p->count; i < count; ++i)
        end(blocks[i]);
    } else {
      p->next = to->returned.load(std::memory_order_relaxed);
      while (!to->returned.compare_exchange_weak(
          p->next, p, std::memory_order_release, std::memory_order_relaxed))
        ;
    }
    p = nullptr;
  }

  void send_all() {
    for (auto& p : out)
      send(p);
  }

  void give_back(block* x) {
    if (to != x->home) {
      send_all();
      to = x->home;
    }
    auto& p = out[class_of(x->size)];
    if (!p) {
      p = new (x + 1) parcel;
      p->size = x->size;
    }
    p->blocks[p->count] = x;
    if (++p->count == parcel::most)
      send(p);
  }

  std::vector<block*> end_later;
};

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
    mine->send_all();
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
  auto* p = blocks_are_pooled && size <= sizes.back() ? own_pool() : nullptr;
  if (p) {
    auto i = class_of(size);
    size = sizes[i];
    auto& list = p->free[i];
    if (list.empty() && p->returned.load(std::memory_order_relaxed))
      p->take_returned();
    if (!list.empty()) {
      auto* x = list.back();
      list.pop_back();
      if (!list.empty()) // the next one is in another processor's cache
        for (std::size_t line = 0; line < sizes[0]; line += 64)
          __builtin_prefetch(reinterpret_cast<char*>(list.back()) + line, 1);
      return x + 1;
    }
  }
  auto* x = static_cast<block*>(::operator new(size));
  x->home = p;
  x->size = size;
  return x + 1;
}

void give_block(void* bytes) noexcept {
  auto* x = static_cast<block*>(bytes) - 1;
  pool* p = nullptr;
  try {
    p = x->home ? own_pool() : nullptr;
  } catch (const std::bad_alloc&) {
    // Without one it can be ended all the same.
  }
  if (!p)
    end(x);
  else if (x->home == p)
    p->keep(x);
  else
    p->give_back(x);
}

} // namespace troupe
