#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::raft {

/// A map whose copies cost next to nothing: what a state machine needs to be
/// saved while it goes on. The keys are spread over buckets; a copy shares
/// them, and the owner copies a bucket before it first changes it afterwards.
///
/// Threads: a frozen copy may be read by another thread while the map it was
///          made of changes.
template <class Value>
class cow_map {
  using bucket = std::map<std::string, Value, std::less<>>;

public:
  explicit cow_map(std::size_t buckets = 1024) : buckets_(buckets) {}

  const Value* find(std::string_view key) const {
    auto& x = buckets_[place(key)].rows;
    if (!x)
      return nullptr;
    auto i = x->find(key);
    return i == x->end() ? nullptr : &i->second;
  }

  /// True: there was none.
  bool assign(std::string_view key, Value value) {
    auto& x = own(place(key));
    auto i = x.find(key);
    if (i != x.end()) {
      i->second = std::move(value);
      return false;
    }
    x.emplace(std::string{key}, std::move(value));
    ++size_;
    return true;
  }

  /// False: there was none.
  bool erase(std::string_view key) {
    if (find(key) == nullptr)
      return false;
    auto& x = own(place(key));
    x.erase(x.find(key));
    --size_;
    return true;
  }

  std::size_t size() const { return size_; }

  /// In an order that depends on the keys alone.
  template <class F>
  void for_each(F f) const {
    for (auto& x : buckets_)
      if (x.rows)
        for (auto& [key, value] : *x.rows)
          f(key, value);
  }

  /// Shares everything; for reading only.
  cow_map freeze() {
    ++generation_;
    return *this;
  }

private:
  struct slot {
    std::shared_ptr<bucket> rows;
    std::uint64_t generation = 0; // in which it was made or copied
  };

  std::size_t place(std::string_view key) const {
    std::uint64_t x = 0xcbf29ce484222325; // FNV-1a: the same everywhere
    for (unsigned char c : key)
      x = (x ^ c) * 0x100000001b3;
    return (x ^ (x >> 32)) % buckets_.size();
  }

  // Counting references instead would not tell when another thread has done
  // reading through the last one.
  bucket& own(std::size_t at) {
    auto& x = buckets_[at];
    if (!x.rows)
      x.rows = std::make_shared<bucket>();
    else if (x.generation < generation_)
      x.rows = std::make_shared<bucket>(*x.rows);
    x.generation = generation_;
    return *x.rows;
  }

  std::vector<slot> buckets_;
  std::size_t size_ = 0;
  std::uint64_t generation_ = 0;
};

} // namespace troupe::raft
