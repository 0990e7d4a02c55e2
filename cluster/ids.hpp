#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace troupe {

/// A number that means one thing: ids, terms and indexes do not mix. Zero is
/// "none" for every one of them.
template <class Tag, class Rep = std::uint64_t>
struct strong_id {
  Rep value = 0;

  constexpr strong_id() = default;
  constexpr explicit strong_id(Rep v) : value(v) {}

  constexpr explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(strong_id, strong_id) = default;
  friend constexpr bool operator==(strong_id, strong_id) = default;
};

/// A node's stable number in its cluster: the lowest free one when it joined.
using node_id = strong_id<struct node_id_tag>;

/// Counts the starts of one node on one data directory.
using incarnation = strong_id<struct incarnation_tag>;

/// The fencing token of an assignment: the raft index of its entry.
using epoch = strong_id<struct epoch_tag>;

/// A partition of a region, counted from 0. Here zero is a partition.
using partition_id = std::uint32_t;

} // namespace troupe

template <class Tag, class Rep>
struct std::hash<troupe::strong_id<Tag, Rep>> {
  std::size_t operator()(troupe::strong_id<Tag, Rep> x) const noexcept {
    return std::hash<Rep>{}(x.value);
  }
};
