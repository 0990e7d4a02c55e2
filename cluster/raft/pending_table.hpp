#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace troupe::raft {

/// Requests that wait for an answer from afar, each until its tick. Numbers
/// them from where it is told to: an answer to a number of an earlier life must
/// not meet a request of this one.
template <class T>
class pending_table {
public:
  explicit pending_table(std::uint64_t first_id) : next_id_(first_id) {}

  std::size_t size() const { return rows_.size(); }

  /// `deadline` never falls from one call to the next.
  std::uint64_t add(T x, std::uint64_t deadline) {
    rows_.push_back({next_id_, deadline, std::move(x)});
    return next_id_++;
  }

  std::optional<T> take(std::uint64_t id) {
    for (auto at = rows_.begin(); at != rows_.end(); ++at) {
      if (at->id != id)
        continue;
      auto out = std::move(at->value);
      rows_.erase(at);
      return out;
    }
    return std::nullopt;
  }

  /// What was due at `now` or earlier, in order.
  std::vector<T> take_expired(std::uint64_t now) {
    std::vector<T> out;
    while (!rows_.empty() && rows_.front().deadline <= now) {
      out.push_back(std::move(rows_.front().value));
      rows_.pop_front();
    }
    return out;
  }

  std::vector<T> take_all() {
    std::vector<T> out;
    for (auto& row : std::exchange(rows_, {}))
      out.push_back(std::move(row.value));
    return out;
  }

private:
  struct row {
    std::uint64_t id;
    std::uint64_t deadline; // tick
    T value;
  };

  std::uint64_t next_id_;
  std::deque<row> rows_;
};

} // namespace troupe::raft
