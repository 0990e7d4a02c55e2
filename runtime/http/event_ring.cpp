#include <troupe/runtime/http/event_ring.hpp>

#include <troupe/cluster/assert.hpp>

#include <algorithm>

namespace troupe::http {

event_ring::event_ring(std::size_t count_max) : count_max_(count_max) {
  TROUPE_ASSERT(count_max > 0, "a ring of {} events", count_max);
}

void event_ring::push(event_row event) {
  if (event.seq <= last_)
    return;
  last_ = event.seq;
  events_.push_back(std::move(event));
  if (events_.size() > count_max_)
    events_.pop_front();
}

void event_ring::append(event_row event) {
  {
    std::lock_guard guard(mutex_);
    push(std::move(event));
  }
  wake_all();
}

std::uint64_t event_ring::append_next(event_row event) {
  std::uint64_t seq;
  {
    std::lock_guard guard(mutex_);
    seq = event.seq = last_ + 1;
    push(std::move(event));
  }
  wake_all();
  return seq;
}

event_page event_ring::after(std::uint64_t since, std::size_t count_max) const {
  event_page page;
  std::lock_guard guard(mutex_);
  auto i = std::upper_bound(
      events_.begin(), events_.end(), since,
      [](std::uint64_t n, const event_row& x) { return n < x.seq; });
  if (i == events_.end())
    return page;
  if (i->seq != since + 1)
    page.gap = event_gap{since + 1, i->seq - 1};
  auto next = i->seq;
  for (; i != events_.end() && i->seq == next && page.events.size() < count_max;
       ++i, ++next)
    page.events.push_back(*i);
  return page;
}

std::shared_ptr<void> event_ring::on_change(std::function<void()> wake) {
  auto x = std::make_shared<waker>();
  x->wake = std::move(wake);
  {
    std::lock_guard guard(mutex_);
    std::erase_if(wakers_, [](auto& w) { return w.expired(); });
    wakers_.push_back(x);
  }
  return std::shared_ptr<void>(x.get(), [x](void*) mutable {
    {
      std::lock_guard guard(x->mutex);
      x->wake = nullptr;
    }
    x.reset();
  });
}

void event_ring::wake_all() {
  std::vector<std::shared_ptr<waker>> wakers;
  {
    std::lock_guard guard(mutex_);
    for (auto& w : wakers_)
      if (auto x = w.lock())
        wakers.push_back(std::move(x));
  }
  for (auto& x : wakers) {
    std::lock_guard guard(x->mutex);
    if (x->wake)
      x->wake();
  }
}

std::uint64_t event_ring::last() const {
  std::lock_guard guard(mutex_);
  return last_;
}

} // namespace troupe::http
