#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace troupe {

/// The short way of local senders into a partition's mailbox, past the slot's
/// lock. Open while nothing has to be decided: the stream leads to this node,
/// the actor takes messages, and nobody waits in front of it.
///
/// In:      `enter` and `leave` by senders; the rest with the slot's lock held.
/// Threads: any number of senders. After `shut` none is inside, and all that
///          they put into the mailbox lies in front of what comes next.
class slot_door {
public:
  /// True: the sender may go in, and must leave.
  bool enter() {
    if ((word_.load(std::memory_order_relaxed) & opened) == 0)
      return false;
    if ((word_.fetch_add(1, std::memory_order_acquire) & opened) != 0)
      return true;
    leave();
    return false;
  }
  void leave() { word_.fetch_sub(1, std::memory_order_release); }

  void open() { word_.fetch_or(opened, std::memory_order_release); }

  /// Waits for those inside, which is for as long as putting one message into a
  /// mailbox takes.
  void shut() {
    if ((word_.load(std::memory_order_relaxed) & opened) == 0)
      return;
    word_.fetch_and(~opened, std::memory_order_acq_rel);
    while (word_.load(std::memory_order_acquire) != 0)
      std::this_thread::yield();
  }

private:
  static constexpr std::uint64_t opened = 1ull << 63;

  std::atomic<std::uint64_t> word_{0}; // opened, and how many are inside
};

} // namespace troupe
