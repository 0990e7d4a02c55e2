#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/map/error.hpp>
#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/move/fifo.hpp>
#include <troupe/cluster/move/route.hpp>

namespace troupe {

/// The way of one node's messages to one partition, through all its moves.
///
/// At most one stream is open at a time, to one (owner, epoch). Whatever says
/// that this pair is not the owner any more closes it: a fence follows what was
/// sent, and messages are held until the fence came back and the map names an
/// owner with a greater epoch. So nothing overtakes, is lost or runs twice.
///
/// View:       cluster; one per node and partition.
/// In:         messages, map changes, returns, answers to fences, ticks.
/// Out:        calls of `Port`: send, fence, hold, drop, lost.
/// Invariants: [INV-STREAM-1..5] in cluster/README.md.
/// Errors:     none; what comes late is ignored.
/// Threads:    none of its own; the owner locks.
///
/// `Message` has members `boot_time deadline` (zero: none) and
/// `std::size_t bytes`. `Port` has:
///   bool room(node_id owner, std::uint64_t messages, std::uint64_t bytes);
///                                      // for one more, when of so many sent
///                                      // the owner is not known to be done
///   void reach(node_id owner, incarnation); // what is sent there from now on
///                                      // goes to no earlier start of it
///   std::optional<Message> send(Message&&, node_id owner, epoch);
///                                      // itself: the owner has left; else its
///                                      // `bytes` are what was sent, 0: it was
///                                      // dropped
///   void fence(node_id owner, epoch);
///   bool hold(Message&);               // room for one more held message?
///   void unhold(const Message&);      // it is not held any more
///   void drop(Message&&, errc);
///   void lost(node_id owner, epoch, std::uint64_t messages); // fate unknown
///   void settled(node_id owner, std::uint64_t messages);     // not returned
template <class Message>
class stream {
public:
  enum class state : std::uint8_t { waiting, open, fencing };

  state current() const { return state_; }
  const route& known() const { return route_; }
  std::size_t held() const { return held_.size() + returned_.size(); }
  /// For time to pass: `expire` has something to look at.
  bool waits() const { return held() > 0 || state_ == state::fencing; }

  /// A message that this node's router accepted.
  template <class Port>
  void accept(Message&& msg, Port& port) {
    if (state_ == state::open) {
      if (port.room(owner_, under_way(), bytes_))
        send(std::move(msg), port);
      else
        port.drop(std::move(msg), errc::overloaded);
    } else if (route_.quarantined) {
      port.drop(std::move(msg), errc::quarantined);
    } else if (!port.hold(msg)) {
      port.drop(std::move(msg), errc::overloaded);
    } else {
      held_.push_back(std::move(msg));
    }
  }

  /// The map, or a refuser that knows a newer one, says where the partition is.
  template <class Port>
  void learn(const route& next, Port& port) {
    if (next.version <= route_.version)
      return;
    route_ = next;
    if (state_ == state::open && (!next.open() || next.epoch != epoch_))
      close(port);
    if (next.quarantined)
      drop_held(errc::quarantined, port);
    try_open(port);
  }

  /// The owner of the stream is down, gone or started anew. What was sent to it
  /// and not returned has an unknown fate; what it still says is ignored. Lost
  /// are its starts up to `upto` with what they were assigned up to `at`: no
  /// stream leads there any more, though the map may say so still.
  template <class Port>
  void give_up(incarnation upto, log_index at, Port& port) {
    if (state_ == state::waiting)
      return;
    make_void(port);
    if (route_.owner == owner_ && route_.owner_started <= upto
        && route_.epoch.value <= at.value)
      last_ = std::max(last_, route_.epoch);
    try_open(port);
  }

  /// The owner has left in order: all that it took it processed or returned,
  /// and what it did not take was returned by the link.
  template <class Port>
  void owner_left(Port& port) {
    if (state_ == state::waiting)
      return;
    settle(sent_ - settled_, port);
    end();
    try_open(port);
  }

  /// The owner did not take a message that was sent at epoch `at`.
  template <class Port>
  void returned(Message&& msg, epoch at, const route& refuser, Port& port) {
    if (at <= void_epoch_)
      return;
    if (state_ == state::open && at < epoch_) { // the way is clear since
      send(std::move(msg), port);
      return;
    }
    if (state_ != state::waiting && at == epoch_)
      done_with(1);
    returned_.push_back(std::move(msg));
    if (state_ == state::open)
      close(port);
    learn(refuser, port);
    if (route_.quarantined)
      drop_held(errc::quarantined, port);
    try_open(port);
  }

  /// The fence of epoch `at` came back: all that was sent before it has been
  /// processed or returned.
  template <class Port>
  void fence_answered(epoch at, Port& port) {
    if (state_ != state::fencing || at != epoch_)
      return;
    settle(sent_ - settled_, port);
    end();
    try_open(port);
  }

  /// The owner says that it is done with so many more of epoch `at`.
  template <class Port>
  void processed(node_id owner, epoch at, std::uint64_t messages, Port& port) {
    if (state_ != state::waiting && at == epoch_ && owner == owner_)
      settle(std::min(messages, sent_ - settled_), port);
  }

  /// Drops what waited longer than its deadline. A fence whose answer does not
  /// come is not waited for longer than `fence_limit` from when it is in the
  /// way of the next stream: its own is given up.
  template <class Port>
  void expire(boot_time now, boot_time fence_limit, Port& port) {
    if (state_ == state::fencing && route_.open() && route_.epoch > epoch_) {
      if (in_the_way_since_ == boot_time{0})
        in_the_way_since_ = now;
      if (now - in_the_way_since_ > fence_limit) {
        make_void(port);
        try_open(port);
      }
    } else {
      in_the_way_since_ = boot_time{0};
    }
    if (held() > 0)
      try_open(port); // nobody tells when a link begins
    expire(returned_, now, port, false);
    expire(held_, now, port, true);
  }

  /// The node stops: nothing held will be sent any more.
  template <class Port>
  void drop_held(errc why, Port& port) {
    for (auto returned = std::exchange(returned_, {}); auto& msg : returned)
      port.drop(std::move(msg), why);
    for (auto held = std::exchange(held_, {}); auto& msg : held) {
      port.unhold(msg);
      port.drop(std::move(msg), why);
    }
  }

  /// Until it closes, messages may be sent past this object: to this node
  /// itself, whose streams nobody counts.
  void sends_unseen() {
    TROUPE_ASSERT(state_ == state::open, "unseen in state {}", int(state_));
    unseen_ = true;
  }

  /// Whether a stream leads to the node: to a start of it up to `upto`, by an
  /// assignment up to `at`.
  bool streams_to(node_id node, incarnation upto = incarnation{~0ull},
                  log_index at = log_index{~0ull}) const {
    return state_ != state::waiting && owner_ == node && owner_started_ <= upto
           && epoch_.value <= at.value;
  }

  epoch at() const { return epoch_; }
  /// Sent on this stream, and the owner is not known to be done with them.
  std::uint64_t under_way() const { return sent_ - settled_; }
  /// The incarnation of the owner that the stream leads to; 0: not known.
  incarnation started() const { return owner_started_; }

private:
  // The only way into `fencing`.
  template <class Port>
  void close(Port& port) {
    TROUPE_ASSERT(state_ == state::open, "close in state {}", int(state_));
    if (sent_ == settled_ && !unseen_) {
      end();
      return;
    }
    state_ = state::fencing;
    port.fence(owner_, epoch_);
  }

  // Of which of them is not known: they count as of the same size.
  void done_with(std::uint64_t messages) {
    auto all = under_way();
    bytes_ = messages < all ? bytes_ - bytes_ / all * messages : 0;
    settled_ += messages;
  }

  template <class Port>
  void settle(std::uint64_t messages, Port& port) {
    done_with(messages);
    if (messages > 0)
      port.settled(owner_, messages);
  }

  // What comes of the stream from now on is ignored.
  template <class Port>
  void make_void(Port& port) {
    if (sent_ > settled_)
      port.lost(owner_, epoch_, sent_ - settled_);
    void_epoch_ = epoch_;
    end();
  }

  // The only way into `waiting`.
  void end() {
    state_ = state::waiting;
    in_the_way_since_ = boot_time{0};
    last_ = std::max(last_, epoch_);
    sent_ = settled_ = bytes_ = 0;
    unseen_ = taken_ = false;
  }

  // The only way into `open`.
  template <class Port>
  void try_open(Port& port) {
    if (state_ != state::waiting || !route_.open() || route_.epoch <= last_)
      return;
    state_ = state::open;
    owner_ = route_.owner;
    owner_started_ = route_.owner_started;
    epoch_ = route_.epoch;
    port.reach(owner_, owner_started_);
    release(returned_, port, false);
    release(held_, port, true);
  }

  template <class Port>
  void send(Message&& msg, Port& port) {
    ++sent_;
    auto back = port.send(std::move(msg), owner_, epoch_);
    if (!back && msg.bytes == 0) {
      --sent_;
      return;
    }
    if (!back) {
      taken_ = true;
      bytes_ += msg.bytes;
      return;
    }
    ++settled_;
    returned_.push_front(std::move(*back));
    if (taken_ || unseen_) {
      close(port);
    } else { // as if it had not begun: it may once there is a way
      state_ = state::waiting;
      sent_ = settled_ = bytes_ = 0;
    }
  }

  // A message that comes back at once closes the stream again: the rest stays.
  template <class Port>
  void release(fifo<Message>& queue, Port& port, bool charged) {
    while (state_ == state::open && !queue.empty()) {
      auto msg = queue.pop_front();
      if (charged)
        port.unhold(msg);
      send(std::move(msg), port);
    }
  }

  template <class Port>
  void expire(fifo<Message>& queue, boot_time now, Port& port, bool charged) {
    fifo<Message> kept;
    for (auto& msg : queue) {
      if (msg.deadline == boot_time{0} || now < msg.deadline) {
        kept.push_back(std::move(msg));
        continue;
      }
      if (charged)
        port.unhold(msg);
      port.drop(std::move(msg), errc::expired);
    }
    queue = std::move(kept);
  }

  state state_ = state::waiting;
  bool unseen_ = false; // sent more than is counted, to this node itself
  bool taken_ = false;  // any of what was sent
  route route_;
  node_id owner_;             // of the open or fencing stream
  incarnation owner_started_; // the same
  epoch epoch_;               // the same
  epoch last_;                // greatest epoch of a stream that ended
  epoch void_epoch_;          // greatest epoch of a stream given up
  boot_time in_the_way_since_{
      0};                     // the fence, of an open route; zero: it is not
  std::uint64_t sent_ = 0;    // messages on this stream
  std::uint64_t settled_ = 0; // of them, returned or known as processed
  std::uint64_t bytes_ = 0;   // of the others, nearly
  fifo<Message> returned_;    // go first, in this order
  fifo<Message> held_;
};

} // namespace troupe
