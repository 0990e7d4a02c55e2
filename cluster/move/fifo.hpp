#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <troupe/cluster/move/rare.hpp>

namespace troupe {

/// A queue that costs a pointer and no memory while it is empty, as it is in
/// nearly every partition at nearly every time (std::deque takes 600 bytes).
template <class T>
class fifo {
public:
  bool empty() const { return !queue_; }
  std::size_t size() const {
    return queue_ ? queue_->items.size() - queue_->head : 0;
  }
  T& front() { return queue_->items[queue_->head]; }

  template <class... Ts>
  void emplace_back(Ts&&... xs) {
    queue_.own().items.emplace_back(std::forward<Ts>(xs)...);
  }
  void push_back(T x) { queue_.own().items.push_back(std::move(x)); }

  void push_front(T x) {
    auto& [items, head] = queue_.own();
    if (head > 0)
      items[--head] = std::move(x);
    else
      items.insert(items.begin(), std::move(x));
  }

  T pop_front() {
    auto& [items, head] = *queue_;
    T x = std::move(items[head++]);
    if (head == items.size()) {
      queue_.reset();
    } else if (head >= 64 && head * 2 >= items.size()) {
      items.erase(items.begin(),
                  items.begin() + static_cast<std::ptrdiff_t>(head));
      head = 0;
    }
    return x;
  }

  T* begin() { return queue_ ? queue_->items.data() + queue_->head : nullptr; }
  T* end() {
    return queue_ ? queue_->items.data() + queue_->items.size() : nullptr;
  }

private:
  struct queue {
    std::vector<T> items;
    std::size_t head = 0;
  };

  rare<queue> queue_; // never there without items
};

} // namespace troupe
