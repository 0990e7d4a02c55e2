#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/message_id.hpp>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/ids.hpp>

namespace troupe {

/// Who waits for the answer to a request that went to another node.
struct open_request {
  caf::strong_actor_ptr source;
  caf::message_id mid;
  std::vector<caf::strong_actor_ptr> stages;
  node_id owner;
  incarnation owner_started;
  troupe::epoch epoch;
};

/// The open requests of one router to one partition, by numbers of its own from
/// 1 up, none of which comes again before 2^NumberBits others. So an answer
/// that comes late finds nothing, not somebody else.
///
/// A request lies at its number modulo the table's size, which is twice what is
/// open; a number whose place is still taken is left out.
///
/// Threads: none of its own; the owner locks.
template <unsigned NumberBits>
class basic_request_table {
public:
  static constexpr unsigned number_bits = NumberBits;

  std::uint32_t add(open_request x) {
    if (!table_)
      table_ = std::make_unique<table>();
    auto& [places, count, last] = *table_;
    if (count * 2 >= places.size())
      grow();
    place* at;
    do {
      last = (last + 1) & mask;
      at = &place_of(last);
    } while (last == 0 || at->number != 0);
    at->number = last;
    at->what = std::move(x);
    ++count;
    return last;
  }

  /// Null: there is none.
  open_request* find(std::uint32_t number) {
    if (number == 0 || size() == 0)
      return nullptr;
    auto& at = place_of(number);
    return at.number == number ? &at.what : nullptr;
  }

  /// The one that `find` has found.
  open_request take(std::uint32_t number) {
    TROUPE_ASSERT(find(number), "no request {}", number);
    auto& at = place_of(number);
    auto out = std::exchange(at.what, {});
    at.number = 0;
    if (--table_->count == 0 && table_->places.size() > kept_max)
      table_->places = {};
    return out;
  }

  /// Takes out all that `which` says, in no order, and hands them to `f`.
  template <class Which, class F>
  void take_if(Which which, F f) {
    if (size() == 0)
      return;
    auto& places = table_->places;
    for (std::size_t i = 0; i < places.size(); ++i)
      if (places[i].number != 0 && which(places[i].what))
        f(take(places[i].number));
  }

  std::size_t size() const { return table_ ? table_->count : 0; }

private:
  static constexpr std::uint32_t mask = (1u << number_bits) - 1;
  static constexpr std::size_t kept_max = 64; // places of an empty table

  struct place {
    std::uint32_t number = 0; // 0: free
    open_request what;
  };
  struct table {
    std::vector<place> places; // a power of two of them
    std::size_t count = 0;
    std::uint32_t last = 0;
  };

  place& place_of(std::uint32_t number) {
    return table_->places[number & (table_->places.size() - 1)];
  }

  // No two that are open meet: their numbers differ in the lower bits already.
  void grow() {
    auto& places = table_->places;
    std::vector<place> larger(places.empty() ? 2 : places.size() * 2);
    larger.swap(places);
    for (auto& one : larger)
      if (one.number != 0)
        place_of(one.number) = std::move(one);
  }

  std::unique_ptr<table> table_; // null: there never was a request
};

using request_table = basic_request_table<28>;

} // namespace troupe
