#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

namespace troupe {

/// The short way of local senders into a partition's mailbox, past the slot's
/// lock. Open while nothing has to be decided: the stream leads to this node,
/// the actor takes messages, and nobody waits in front of it.
///
/// In:      `enter`, `leave` and `turn_back` by senders; the rest with the
///          slot's lock held.
/// Threads: any number of senders. After `shut` none is inside, and all that
///          they put into the mailbox lies in front of what comes next.
class slot_door {
public:
  /// A value: the sender may go in, must leave or turn back, and is the so
  /// manieth. The count wraps at 2^43.
  std::optional<std::uint64_t> enter() {
    if ((word_.load(std::memory_order_relaxed) & opened) == 0)
      return std::nullopt;
    auto before = word_.fetch_add(inside + entry, std::memory_order_acquire);
    if ((before & opened) != 0)
      return before / entry;
    turn_back();
    return std::nullopt;
  }
  void leave() { word_.fetch_sub(inside, std::memory_order_release); }
  /// Without having put anything into the mailbox.
  void turn_back() {
    word_.fetch_sub(inside + entry, std::memory_order_release);
  }

  void open() { word_.fetch_or(opened, std::memory_order_release); }

  /// Waits for those inside, which is for as long as putting one message into a
  /// mailbox takes.
  void shut() {
    if ((word_.load(std::memory_order_relaxed) & opened) == 0)
      return;
    word_.fetch_and(~opened, std::memory_order_acq_rel);
    while (word_.load(std::memory_order_acquire) % entry != 0)
      std::this_thread::yield();
  }

  /// Who went in so far.
  std::uint64_t entered() const {
    return word_.load(std::memory_order_relaxed) / entry;
  }

private:
  static constexpr std::uint64_t opened = 1;
  static constexpr std::uint64_t inside = 2;
  static constexpr std::uint64_t entry = 1 << 21;

  // From the lowest bit: opened, how many are inside, how many ever were.
  std::atomic<std::uint64_t> word_{0};
};

} // namespace troupe
