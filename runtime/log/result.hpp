#pragma once

#include <string>
#include <utility>
#include <variant>

#include <troupe/cluster/assert.hpp>

namespace troupe::disk {

/// Why the disk said no.
enum class errc {
  /// Another process holds the data directory.
  locked = 1,
  /// The file belongs to another cluster, node or program, or to a newer
  /// version of this one.
  foreign,
  /// A file does not hold what was once written and acknowledged.
  corrupt,
  /// The disk is full. Nothing was acknowledged; start again with more room.
  no_space,
  /// A system call failed. The state of the disk is unknown: the process has to
  /// end and to recover when it starts again.
  io,
  /// What was asked for does not exist.
  not_found,
  /// The caller's data cannot be stored: too long, out of order, out of date.
  invalid,
};

/// The code's name, as in logs: "no_space".
const char* to_string(errc code);

/// A code and a sentence for the operator that names the file and the next
/// step.
struct refusal {
  errc code{};
  std::string what;
};

/// A value, or why there is none.
template <class T>
class [[nodiscard]] result {
public:
  result(T value) : value_(std::move(value)) {}
  result(refusal error) : value_(std::move(error)) {}

  explicit operator bool() const { return value_.index() == 0; }

  T& operator*() {
    TROUPE_ASSERT(value_.index() == 0, "{}", std::get<1>(value_).what);
    return std::get<0>(value_);
  }
  const T& operator*() const { return const_cast<result&>(*this).operator*(); }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

  const refusal& error() const {
    TROUPE_ASSERT(value_.index() == 1, "asked a value, not an error ({})",
                  value_.index());
    return std::get<1>(value_);
  }

private:
  std::variant<T, refusal> value_;
};

struct done {};

template <>
class [[nodiscard]] result<void> : public result<done> {
public:
  result() : result<done>(done{}) {}
  result(refusal error) : result<done>(std::move(error)) {}
};

} // namespace troupe::disk
