#pragma once

#include <troupe/actors/data_plane.hpp>

namespace troupe {

// A request's number for its owner: its partition's slot, and one of the
// slot's.
inline constexpr std::uint32_t sequence_bits = 28;
inline constexpr std::uint32_t slot_bits = 32;

inline std::uint32_t sequence_of(std::uint64_t request) {
  return static_cast<std::uint32_t>(request & ((1u << sequence_bits) - 1));
}

/// How one slot's decisions are performed, with its lock held. Private to
/// data_plane's sources.
struct data_plane::env {
  data_plane& plane;
  region_plane& region;
  partition_id p;
  slot& at;
  caf::execution_unit* ctx = nullptr;

  node_id self() const { return plane.config_.self; }
  partition* actor() const {
    return at.actor ? static_cast<partition*>(at.actor->get()) : nullptr;
  }

  void send(node_id owner, epoch e, envelope&& msg) {
    plane.send_message(region, p, at, owner, e, std::move(msg));
  }
  void send(node_id owner, const fence& f);
  void give_back(node_id origin, epoch e, const route& known, envelope&& msg);
  void answer(node_id origin, const fence& f);
  void deliver(envelope&& msg, epoch e);
  void deliver(const fence& f) {
    if (auto* a = actor())
      a->deliver(f);
  }
  void marker(epoch) {
    if (auto* a = actor())
      a->stop();
  }
  bool hold(envelope& msg);
  void unhold(const envelope& msg);
  void drop(envelope&& msg, errc why) { plane.refuse(msg, region, p, why); }
  void lost(node_id owner, epoch e, std::uint64_t messages);
};

// A tick looks at the slot again while it holds something.
template <class F>
void data_plane::with_slot(partition_key key, F f) {
  region_plane* region = nullptr;
  auto* at = find_slot(key, &region);
  if (!at)
    return;
  std::lock_guard guard{at->mutex};
  env e{*this, *region, key.partition, *at};
  f(*at, e);
}

} // namespace troupe
