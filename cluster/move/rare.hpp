#pragma once

#include <memory>
#include <utility>

namespace troupe {

/// An optional for what is nearly never there: it costs a pointer then, where
/// std::optional takes the room of the value. A copy has a value of its own.
template <class T>
class rare {
public:
  rare() = default;
  rare(T x) : value_(std::make_unique<T>(std::move(x))) {}
  rare(rare&&) noexcept = default;
  rare(const rare& other)
      : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  rare& operator=(rare&&) noexcept = default;
  rare& operator=(const rare& other) { return *this = rare{other}; }

  explicit operator bool() const { return value_ != nullptr; }
  bool has_value() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  /// Null: there is none.
  T* get() { return value_.get(); }
  void reset() { value_.reset(); }

  /// The value, made if there is none.
  T& own() {
    if (!value_)
      value_ = std::make_unique<T>();
    return *value_;
  }

private:
  std::unique_ptr<T> value_;
};

} // namespace troupe
