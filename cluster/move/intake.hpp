#pragma once

#include <utility>
#include <variant>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/map/types.hpp>
#include <troupe/cluster/move/fifo.hpp>

namespace troupe {

/// A router's question: has all that I sent at this epoch been dealt with?
struct fence {
  node_id origin;
  troupe::epoch epoch;
  /// Which start of the origin asked: set where the fence arrives, so that the
  /// answer does not go to a later one.
  incarnation asked_by{};
};

/// The owner's side of a partition: what arrives goes into the actor's mailbox,
/// waits behind the marker of a stopping actor, or goes back.
///
/// View:       cluster; one per partition on every node, closed on most.
/// In:         messages and fences with their epoch; the actor's life.
/// Out:        calls of `Port`: deliver, give_back, answer, marker.
/// Invariants: [INV-INTAKE-1..4] in cluster/README.md.
/// Errors:     none; another epoch than the actor's goes back.
/// Threads:    none of its own; the owner locks.
///
/// `Port` has:
///   void deliver(Message&&, epoch);   // into the mailbox
///   void deliver(const fence&);       // the same, answered from there
///   void marker(epoch);               // the same
///   void give_back(Message&&, epoch); // to the router it came from
///   void answer(const fence&);
template <class Message>
class intake {
public:
  enum class state : std::uint8_t { closed, open, closing };
  using parcel = std::variant<Message, fence>;

  state current() const { return state_; }
  epoch at() const { return epoch_; }

  /// The actor has started with this epoch.
  void open(epoch at) {
    TROUPE_ASSERT(state_ == state::closed, "open in state {}", int(state_));
    TROUPE_ASSERT(at > epoch_, "epoch {} after {}", at, epoch_);
    state_ = state::open;
    epoch_ = at;
  }

  /// The actor is to work up what it has and stop.
  template <class Port>
  void close(Port& port) {
    if (state_ != state::open)
      return;
    state_ = state::closing;
    port.marker(epoch_);
  }

  template <class Port>
  void arrive(Message&& msg, epoch at, Port& port) {
    if (at != epoch_ || state_ == state::closed)
      port.give_back(std::move(msg), at);
    else if (state_ == state::closing)
      parked_.emplace_back(std::move(msg));
    else
      port.deliver(std::move(msg), at);
  }

  template <class Port>
  void arrive(const fence& f, Port& port) {
    if (f.epoch != epoch_ || state_ == state::closed)
      port.answer(f);
    else if (state_ == state::closing)
      parked_.emplace_back(f);
    else
      port.deliver(f);
  }

  /// The actor is gone; `left` is what it did not begin, in order. That goes
  /// back first, then what was parked, fences answered in their places.
  template <class Port>
  void stopped(fifo<parcel> left, Port& port) {
    if (state_ == state::closed)
      return;
    state_ = state::closed;
    give_back(std::move(left), port);
    give_back(std::exchange(parked_, {}), port);
  }

private:
  template <class Port>
  void give_back(fifo<parcel> parcels, Port& port) {
    for (auto& one : parcels) {
      if (auto* f = std::get_if<fence>(&one))
        port.answer(*f);
      else
        port.give_back(std::move(std::get<Message>(one)), epoch_);
    }
  }

  state state_ = state::closed;
  epoch epoch_; // of the current or last actor here
  fifo<parcel> parked_;
};

} // namespace troupe
