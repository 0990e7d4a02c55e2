#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace troupe {

/// A place in a `timer_wheel`. Must not move, or end, while it is in one.
struct timer_link {
  timer_link* prev = nullptr;
  timer_link* next = nullptr; // null: it is in no wheel
  std::uint64_t due = 0;      // in ticks
};

/// Timers in wheels of 64 places, each of which turns once while the next one
/// goes on by a place: a timer waits in the coarsest wheel in which it is not
/// at the place of this moment, and is moved to a finer one when its turn comes
/// (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987). To add
/// or to remove one costs the same however many there are.
///
/// Threads: none of its own; the owner locks.
class timer_wheel {
public:
  explicit timer_wheel(std::uint64_t now = 0) : now_(now) {}
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  std::size_t size() const { return size_; }
  std::uint64_t now() const { return now_; }

  /// What is due already is due with the next tick.
  void add(timer_link& x, std::uint64_t due) {
    x.due = due > now_ ? due : now_ + 1;
    place(x);
    ++size_;
  }

  void remove(timer_link& x) {
    auto level = level_of(x.due);
    auto at = slot_of(x.due, level);
    unlink(x);
    auto& head = slots_[level][at];
    if (head.next == &head)
      filled_[level] &= ~(std::uint64_t{1} << at);
    --size_;
  }

  /// The first tick at which `advance` has anything to do, which may be less
  /// than the first at which a timer is due. None: there are no timers.
  std::optional<std::uint64_t> next() const {
    for (std::size_t level = 0; level < levels; ++level)
      if (filled_[level] != 0)
        return begin_of(level, first_of(level));
    return std::nullopt;
  }

  /// Goes on to this tick. Takes out what is due by then, earlier ones first,
  /// and hands it to `f`, which must not change the wheel.
  template <class F>
  void advance(std::uint64_t to, F f) {
    for (auto at = next(); at && *at <= to; at = next()) {
      std::size_t level = 0;
      while (filled_[level] == 0)
        ++level;
      auto slot = first_of(level);
      now_ = *at;
      filled_[level] &= ~(std::uint64_t{1} << slot);
      auto& head = slots_[level][slot];
      while (head.next != &head) {
        auto& x = *head.next;
        unlink(x);
        if (x.due > now_) {
          place(x);
        } else {
          --size_;
          f(x);
        }
      }
    }
    if (to > now_)
      now_ = to;
  }

private:
  static constexpr unsigned bits = 6;
  static constexpr std::size_t places = 1 << bits;
  static constexpr std::size_t levels = (64 + bits - 1) / bits;

  struct list : timer_link {
    list() { prev = next = this; }
  };

  // The wheel in which this tick and now are at different places, but not in
  // any coarser one.
  std::size_t level_of(std::uint64_t due) const {
    return static_cast<std::size_t>(std::bit_width((due ^ now_) | 1) - 1)
           / bits;
  }
  static std::size_t slot_of(std::uint64_t due, std::size_t level) {
    return (due >> (bits * level)) & (places - 1);
  }
  std::size_t first_of(std::size_t level) const {
    return static_cast<std::size_t>(std::countr_zero(filled_[level]));
  }
  // The first tick at that place.
  std::uint64_t begin_of(std::size_t level, std::size_t slot) const {
    auto upper = bits * (level + 1);
    auto base = upper >= 64 ? 0 : now_ >> upper << upper;
    return base | std::uint64_t{slot} << (bits * level);
  }

  void place(timer_link& x) {
    auto level = level_of(x.due);
    auto at = slot_of(x.due, level);
    auto& head = slots_[level][at];
    x.prev = head.prev;
    x.next = &head;
    head.prev->next = &x;
    head.prev = &x;
    filled_[level] |= std::uint64_t{1} << at;
  }
  static void unlink(timer_link& x) {
    x.prev->next = x.next;
    x.next->prev = x.prev;
    x.prev = x.next = nullptr;
  }

  std::uint64_t now_;
  std::size_t size_ = 0;
  std::array<std::uint64_t, levels> filled_{}; // a bit for each place
  std::array<std::array<list, places>, levels> slots_;
};

} // namespace troupe
