#pragma once

#include <troupe/actors/data_plane.hpp>

namespace troupe {

/// How one slot's decisions are performed, with its lock held. Private to
/// data_plane's sources.
struct data_plane::env {
  data_plane& plane;
  region_plane& region;
  partition_id p;
  slot& at;
  caf::execution_unit* ctx = nullptr;
  errc refused = errc::none;  // why the last message was dropped
  bool keeps_refused = false; // its sender does, if there is no room

  node_id self() const { return plane.config_.self; }
  partition* actor() const {
    return at.actor ? static_cast<partition*>(at.actor->get()) : nullptr;
  }

  void reach(node_id owner, incarnation started) {
    plane.links_.load(std::memory_order_acquire)->expect(owner, started);
  }
  std::optional<envelope> send(node_id owner, epoch e, envelope&& msg) {
    return plane.send_message(*this, owner, e, std::move(msg));
  }
  void send(node_id owner, const fence& f);
  void add_row(proto::Fences& to, const fence& f) const;
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
  bool room(std::uint64_t messages, std::uint64_t bytes) const {
    auto& limits = plane.config_.settings;
    return messages < limits.stream_messages_max
           && bytes < limits.stream_bytes_max;
  }
  /// So much waits for the actor that this node's senders have to wait.
  bool is_crowded();
  bool hold(envelope& msg);
  void unhold(const envelope& msg);
  void drop(envelope&& msg, errc why) {
    refused = why;
    if (why != errc::overloaded || !keeps_refused)
      plane.refuse(msg, region, p, why);
  }
  void lost(node_id owner, epoch e, std::uint64_t messages);
  void settled(std::uint64_t messages);
};

/// A slot's decisions, one thread at a time: the door is shut meanwhile.
class data_plane::access {
public:
  access(data_plane& plane, region_plane& region, partition_id p, slot& at,
         caf::execution_unit* ctx = nullptr)
      : guard_(at.mutex), here{plane, region, p, at, ctx} {
    at.door.shut();
  }
  ~access() {
    auto& at = here.at;
    if (!at.actor || here.plane.stopped_.load(std::memory_order_relaxed)
        || !at.core.passes(here.self()) || (at.crowded && here.is_crowded()))
      return;
    at.core.passes_unseen();
    at.door.open();
  }
  access(const access&) = delete;
  access& operator=(const access&) = delete;

private:
  std::unique_lock<std::mutex> guard_;

public:
  env here;
};

template <class F>
void data_plane::with_slot(partition_key key, F f) {
  region_plane* region = nullptr;
  auto* at = find_slot(key, &region);
  if (!at)
    return;
  access a{*this, *region, key.partition, *at};
  f(*at, a.here);
}

template <class F>
void data_plane::each_slot(F f) {
  std::vector<region_plane*> regions;
  {
    std::shared_lock guard{regions_mutex_};
    regions = by_slot_;
  }
  for (auto* region : regions)
    for (partition_id p = 0; p < region->slots.size(); ++p) {
      auto& at = region->slots[p];
      access a{*this, *region, p, at};
      f(at, a.here);
    }
}

} // namespace troupe
