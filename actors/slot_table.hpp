#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/ids.hpp>

namespace troupe {

/// The slots of one region's partitions. There may come more; slots never move
/// and never go, so that a reference stays good.
///
/// Each slot has a number among all of the node's: a page of slots takes the
/// next free ones. The first page is as large as the region was at first, and
/// each further one doubles what there is.
///
/// Threads: any reads; one grows at a time.
template <class Slot>
class slot_table {
public:
  /// At least so many. `numbers` is what the node has given out.
  void grow(std::uint32_t count, std::atomic<std::uint32_t>& numbers) {
    for (auto size = this->size(); size < count;) {
      auto more = size == 0 ? count : size;
      auto& page = pages_[page_of(size)];
      page.first = size;
      page.count = more;
      page.first_number = numbers.fetch_add(more);
      page.slots = std::make_unique<Slot[]>(more);
      if (size == 0)
        base_ = more;
      size += more;
      size_.store(size, std::memory_order_release);
    }
  }

  std::uint32_t size() const { return size_.load(std::memory_order_acquire); }

  Slot& operator[](partition_id p) const {
    auto& page = pages_[page_of(p)];
    return page.slots[p - page.first];
  }

  std::uint32_t number_of(partition_id p) const {
    auto& page = pages_[page_of(p)];
    return page.first_number + (p - page.first);
  }

  /// Whose number that is, if it is one of these.
  std::optional<partition_id> find(std::uint32_t number) const {
    auto size = this->size();
    std::uint32_t seen = 0; // pages behind are being made, or there are none
    for (auto& page : pages_) {
      if (seen >= size)
        break;
      seen += page.count;
      if (number >= page.first_number
          && number - page.first_number < page.count)
        return page.first + (number - page.first_number);
    }
    return std::nullopt;
  }

private:
  struct page {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t first_number = 0;
    std::unique_ptr<Slot[]> slots;
  };

  std::size_t page_of(partition_id p) const {
    return p < base_ || base_ == 0
               ? 0
               : static_cast<std::size_t>(std::bit_width(p / base_));
  }

  std::array<page, 33> pages_; // enough for all numbers of partitions
  std::uint32_t base_ = 0;     // slots of the first page
  std::atomic<std::uint32_t> size_{0};
};

} // namespace troupe
