#include <troupe/actors/sender_table.hpp>

#include <array>
#include <atomic>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/remote_sender.hpp>

namespace troupe {

namespace {

constexpr std::size_t stand_ins_max = 1 << 16;

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

} // namespace

sender_table::sender_table() : serial_(next_serial()) {
}

caf::strong_actor_ptr sender_table::stand_in(caf::actor_system& sys,
                                             data_plane& plane, node_id node,
                                             incarnation started,
                                             std::uint64_t sender) {
  std::lock_guard guard{mutex_};
  if (stand_ins_.size() > stand_ins_max)
    stand_ins_.clear(); // those in use live on without being listed
  auto& found = stand_ins_[{node, started, sender}];
  if (!found) {
    caf::actor_config cfg;
    found = caf::make_actor<remote_sender, caf::strong_actor_ptr>(
        sys.next_actor_id(), sys.node(), &sys, cfg, plane, node, started,
        sender);
  }
  return found;
}

void sender_table::remember(const caf::strong_actor_ptr& who) {
  // Neither actor ids nor our serials are used again: whom this thread has once
  // remembered it need not look up.
  thread_local std::array<std::pair<std::uint64_t, std::uint64_t>, 16> lately{};
  auto& last = lately[who->id() % lately.size()];
  if (last == std::pair{serial_, std::uint64_t{who->id()}})
    return;
  last = {serial_, who->id()};
  {
    std::lock_guard guard{mutex_};
    auto& known = senders_[who->id()];
    if (known)
      return;
    known = caf::weak_actor_ptr{who->get()->ctrl()};
  }
  // Runs at once for an actor that is gone already: not under the lock.
  who->get()->attach_functor([weak = weak_from_this(), id = who->id()] {
    if (auto table = weak.lock()) {
      std::lock_guard guard{table->mutex_};
      table->senders_.erase(id);
    }
  });
}

caf::strong_actor_ptr sender_table::find(std::uint64_t sender) {
  std::lock_guard guard{mutex_};
  auto i = senders_.find(sender);
  return i == senders_.end() ? nullptr : i->second.lock();
}

} // namespace troupe
