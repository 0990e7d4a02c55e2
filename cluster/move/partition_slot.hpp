#pragma once

#include <optional>
#include <utility>

#include <troupe/cluster/move/intake.hpp>
#include <troupe/cluster/move/stream.hpp>

namespace troupe {

/// Both ends of one partition on one node: the stream of the node's own
/// messages, and the intake for when the node owns the partition.
///
/// View:       one node; one per partition of every region it knows.
/// In:         as `stream` and `intake`; messages name the node they came from.
/// Out:        calls of `Env`, see below; local returns and answers are fed
///             back here, in order, before the call ends.
/// Invariants: those of `stream` and `intake`.
/// Threads:    none of its own. `Env` may be called with the owner's lock held.
///
/// `Message` as for `stream`, and `node_id origin` (whose router accepted it).
/// `Env` has:
///   node_id self();
///   void reach(node_id owner, incarnation);
///   std::optional<Message> send(node_id owner, epoch, Message&&); // over the
///                             // link; it comes back when the owner has left
///   void send(node_id owner, const fence&);
///   void give_back(node_id origin, epoch, const route&, Message&&);
///   void answer(node_id origin, const fence&);
///   void deliver(Message&&, epoch);                      // into the mailbox
///   void deliver(const fence&);
///   void marker(epoch);
///   bool room(std::uint64_t messages, std::uint64_t bytes); // for one more
///                             // on its way to another node
///   bool hold(Message&); void unhold(const Message&);
///   void drop(Message&&, errc);
///   void lost(node_id owner, epoch, std::uint64_t messages);
///   void settled(std::uint64_t messages); // by other nodes, of this router's
template <class Message>
class partition_slot {
public:
  using parcel = typename intake<Message>::parcel;

  const stream<Message>& out() const { return stream_; }
  const intake<Message>& in() const { return intake_; }

  /// Nothing has to be decided for what is sent here: it may go to the actor
  /// `at` directly, until one of the functions below is called.
  bool passes(node_id self) const {
    return stream_.current() == stream<Message>::state::open
           && stream_.streams_to(self) && stream_.held() == 0
           && intake_.current() == intake<Message>::state::open
           && intake_.at() == stream_.at();
  }
  void passes_unseen() { stream_.sends_unseen(); }

  template <class Env>
  void accept(Message&& msg, Env& env) {
    run(env, [&](auto& port) { stream_.accept(std::move(msg), port); });
  }

  template <class Env>
  void learn(const route& next, Env& env) {
    run(env, [&](auto& port) { stream_.learn(next, port); });
  }

  template <class Env>
  void give_up(incarnation upto, log_index at, Env& env) {
    run(env, [&](auto& port) { stream_.give_up(upto, at, port); });
  }

  template <class Env>
  void owner_left(Env& env) {
    run(env, [&](auto& port) { stream_.owner_left(port); });
  }

  template <class Env>
  void returned(Message&& msg, epoch at, const route& refuser, Env& env) {
    run(env, [&](auto& port) {
      stream_.returned(std::move(msg), at, refuser, port);
    });
  }

  template <class Env>
  void processed(node_id owner, epoch at, std::uint64_t messages, Env& env) {
    run(env, [&](auto& port) { stream_.processed(owner, at, messages, port); });
  }

  template <class Env>
  void fence_answered(epoch at, Env& env) {
    run(env, [&](auto& port) { stream_.fence_answered(at, port); });
  }

  /// A stream to this node itself is not given up: all of it comes back.
  template <class Env>
  void expire(boot_time now, boot_time fence_limit, Env& env) {
    auto limit =
        stream_.streams_to(env.self()) ? boot_time::max() : fence_limit;
    run(env, [&](auto& port) { stream_.expire(now, limit, port); });
  }

  template <class Env>
  void drop_held(errc why, Env& env) {
    run(env, [&](auto& port) { stream_.drop_held(why, port); });
  }

  template <class Env>
  void arrive(Message&& msg, epoch at, Env& env) {
    run(env, [&](auto& port) { intake_.arrive(std::move(msg), at, port); });
  }

  template <class Env>
  void arrive(const fence& f, Env& env) {
    run(env, [&](auto& port) { intake_.arrive(f, port); });
  }

  void open(epoch at) { intake_.open(at); }

  template <class Env>
  void close(Env& env) {
    run(env, [&](auto& port) { intake_.close(port); });
  }

  template <class Env>
  void stopped(fifo<parcel> left, Env& env) {
    run(env, [&](auto& port) { intake_.stopped(std::move(left), port); });
  }

private:
  struct local_return {
    Message msg;
    epoch at;
  };

  // Turns the calls of both ends into those of `Env`, and keeps what goes from
  // one end of this slot to the other for the loop in `run`.
  template <class Env>
  struct port {
    partition_slot& slot;
    Env& env;

    void reach(node_id owner, incarnation started) {
      if (owner != env.self())
        env.reach(owner, started);
    }
    std::optional<Message> send(Message&& msg, node_id owner, epoch at) {
      if (owner != env.self())
        return env.send(owner, at, std::move(msg));
      slot.intake_.arrive(std::move(msg), at, *this);
      return std::nullopt;
    }
    void fence(node_id owner, epoch at) {
      troupe::fence f{env.self(), at};
      if (owner == env.self())
        slot.intake_.arrive(f, *this);
      else
        env.send(owner, f);
    }
    void give_back(Message&& msg, epoch at) {
      if (msg.origin == env.self())
        slot.local_.emplace_back(local_return{std::move(msg), at});
      else
        env.give_back(msg.origin, at, slot.stream_.known(), std::move(msg));
    }
    void answer(const troupe::fence& f) {
      if (f.origin == env.self())
        slot.local_.emplace_back(f);
      else
        env.answer(f.origin, f);
    }
    void deliver(Message&& msg, epoch at) { env.deliver(std::move(msg), at); }
    void deliver(const troupe::fence& f) { env.deliver(f); }
    void marker(epoch at) { env.marker(at); }
    bool room(node_id owner, std::uint64_t messages, std::uint64_t bytes) {
      return owner == env.self() || env.room(messages, bytes);
    }
    bool hold(Message& msg) { return env.hold(msg); }
    void unhold(const Message& msg) { env.unhold(msg); }
    void drop(Message&& msg, errc why) { env.drop(std::move(msg), why); }
    void lost(node_id owner, epoch at, std::uint64_t n) {
      env.lost(owner, at, n);
    }
    void settled(node_id owner, std::uint64_t n) {
      if (owner != env.self())
        env.settled(n);
    }
  };

  template <class Env, class F>
  void run(Env& env, F f) {
    port<Env> p{*this, env};
    f(p);
    while (!local_.empty()) {
      auto one = local_.pop_front();
      if (auto* answered = std::get_if<fence>(&one)) {
        stream_.fence_answered(answered->epoch, p);
      } else {
        auto& back = std::get<local_return>(one);
        stream_.returned(std::move(back.msg), back.at, stream_.known(), p);
      }
    }
  }

  stream<Message> stream_;
  intake<Message> intake_;
  fifo<std::variant<local_return, fence>> local_;
};

} // namespace troupe
