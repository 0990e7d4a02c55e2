#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include <troupe/runtime/link/peer_link.hpp>

namespace troupe::link {

/// Finds a node's link. Node ids are the lowest free numbers of their cluster,
/// so a table by number is small; links are never removed.
///
/// Threads: any. `find` takes no lock.
class link_table {
public:
  static constexpr std::size_t block_size = 1024;
  static constexpr std::size_t node_ids_max = block_size * block_size;

  explicit link_table(context& in) : in_(in) {}

  peer_link* find(node_id x) const {
    if (x.value >= node_ids_max)
      return nullptr;
    auto* of = blocks_[x.value / block_size].load(std::memory_order_acquire);
    return of ? (*of)[x.value % block_size].load(std::memory_order_acquire)
              : nullptr;
  }

  /// Nothing for ids out of range.
  peer_link* obtain(node_id x) {
    if (!x || x.value >= node_ids_max)
      return nullptr;
    std::lock_guard guard{mutex_};
    if (auto* known = find(x))
      return known;
    auto& of = blocks_[x.value / block_size];
    if (of.load(std::memory_order_relaxed) == nullptr) {
      owned_blocks_.push_back(std::make_unique<block>());
      of.store(owned_blocks_.back().get(), std::memory_order_release);
    }
    links_.push_back(std::make_unique<peer_link>(in_, x));
    auto* result = links_.back().get();
    (*of.load(std::memory_order_relaxed))[x.value % block_size].store(
        result, std::memory_order_release);
    return result;
  }

  std::vector<peer_link*> all() const {
    std::lock_guard guard{mutex_};
    std::vector<peer_link*> result;
    result.reserve(links_.size());
    for (auto& x : links_)
      result.push_back(x.get());
    return result;
  }

private:
  using block = std::array<std::atomic<peer_link*>, block_size>;

  context& in_;
  std::array<std::atomic<block*>, block_size> blocks_{};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<block>> owned_blocks_;
  std::vector<std::unique_ptr<peer_link>> links_;
};

} // namespace troupe::link
