#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace troupe {

/// A queue that costs three words and no memory while it is empty, as it is in
/// nearly every partition at nearly every time (std::deque takes 600 bytes).
template <class T>
class fifo {
public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  T& front() { return items_[head_]; }

  template <class... Ts>
  void emplace_back(Ts&&... xs) {
    items_.emplace_back(std::forward<Ts>(xs)...);
  }
  void push_back(T x) { items_.push_back(std::move(x)); }

  void push_front(T x) {
    if (head_ > 0)
      items_[--head_] = std::move(x);
    else
      items_.insert(items_.begin(), std::move(x));
  }

  T pop_front() {
    T x = std::move(items_[head_++]);
    if (empty()) {
      std::vector<T>{}.swap(items_);
      head_ = 0;
    } else if (head_ >= 64 && head_ * 2 >= items_.size()) {
      items_.erase(items_.begin(),
                   items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return x;
  }

  auto begin() { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() { return items_.end(); }

private:
  std::vector<T> items_;
  std::size_t head_ = 0;
};

} // namespace troupe
