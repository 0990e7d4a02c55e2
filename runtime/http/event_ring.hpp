#pragma once

#include <troupe/runtime/http/api_types.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace troupe::http {

/// The last events of one sequence, for readers that pull.
///
/// In:      events with growing numbers; a jump (after a snapshot) is a gap.
/// Out:     pages after a number, and a wake-up after each change.
/// Errors:  a number that does not grow is ignored: said twice, known already.
/// Threads: any. Wakers run in the thread that appends, outside of the lock.
class event_ring {
public:
  explicit event_ring(std::size_t count_max);

  void append(event_row event);

  /// Appends under the next number, and returns that.
  std::uint64_t append_next(event_row event);

  event_page after(std::uint64_t since, std::size_t count_max) const;

  /// As `api_backend::on_events`.
  std::shared_ptr<void> on_change(std::function<void()> wake);

  std::uint64_t last() const;

private:
  struct waker {
    std::mutex mutex; // held while `wake` runs
    std::function<void()> wake;
  };

  void push(event_row event);
  void wake_all();

  const std::size_t count_max_;
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::deque<event_row> events_;
  std::vector<std::weak_ptr<waker>> wakers_;
};

} // namespace troupe::http
