#pragma once

#include "sim_node.hpp"
#include "world.hpp"

namespace troupe::sim {

/// A partition actor: a mailbox and a state, worked at random speed.
struct sim_node::actor {
  enum class phase : std::uint8_t { loading, running };
  using item = std::variant<message, fence, marker>;

  troupe::epoch epoch;
  std::uint64_t serial = 0;
  phase now = phase::loading;
  bool busy = false;
  bool killed = false;
  bool out_of_time = false; // the stop deadline has passed
  bool overruns = false;    // busy for longer than a handler may be
  std::deque<item> mailbox;
  partition_state given;
  troupe::epoch source;
  bool fresh = true;
  registry::content content;
};

/// One partition on one node.
struct sim_node::place {
  sim::slot slot;
  std::unique_ptr<sim_node::actor> actor;
};

/// The slot's way out.
struct sim_node::env {
  sim_node& node;
  partition_key key;
  place& here;

  registry& reg() { return node.world_.reg(); }
  node_id self() const { return node.id_; }
  std::optional<message> send(node_id owner, epoch at, message&& msg) {
    reg().sent(msg, at);
    auto back = node.world_.net().send_data(node.process(), owner,
                                            message_frame{std::move(msg), at});
    if (!back)
      return std::nullopt;
    auto out = std::move(std::get<message_frame>(*back).msg);
    reg().returned(out);
    return out;
  }
  void send(node_id owner, const fence& f) {
    node.world_.net().send_data(node.process(), owner, fence_frame{key, f});
  }
  void give_back(node_id origin, epoch at, const route& known, message&& msg) {
    // What an earlier process of the origin sent is nobody's any more.
    if (node.world_.net().in_session(node.process(), {origin, msg.life}))
      node.world_.net().send_data(node.process(), origin,
                                  give_back_frame{std::move(msg), at, known});
  }
  void answer(node_id origin, const fence& f) {
    process_id to{origin, f.asked_by.value};
    if (node.world_.net().in_session(node.process(), to))
      node.world_.net().send_data(node.process(), origin, fenced_frame{key, f});
  }
  void deliver(message&& msg, epoch) {
    if (msg.origin == self())
      reg().goes(msg);
    here.actor->mailbox.emplace_back(std::move(msg));
  }
  void deliver(const fence& f) { here.actor->mailbox.emplace_back(f); }
  void reach(node_id owner, incarnation started) {
    node.world_.net().expect(node.process(), owner, started);
  }
  void marker(epoch) { here.actor->mailbox.emplace_back(sim_node::marker{}); }
  bool room(std::uint64_t messages, std::uint64_t) {
    return messages < node.world_.settings().stream_messages_max;
  }
  bool hold(message& msg) {
    auto& s = node.world_.settings();
    if (here.slot.out().held() >= s.hold_messages_max)
      return false;
    if (msg.deadline == boot_time{0})
      msg.deadline = node.now() + s.held_message;
    return true;
  }
  void unhold(const message&) {}
  void settled(std::uint64_t) {} // actors of the simulation report nothing
  void drop(message&& msg, errc why) { reg().dropped(msg, why); }
  void lost(node_id, epoch at, std::uint64_t n) {
    reg().lost(node.process(), key, at, n);
  }
};

template <class F>
void sim_node::with(partition_key key, F f) {
  auto& here = at(key);
  env e{*this, key, here};
  f(here, e);
}

template <class F>
std::function<void()> sim_node::guarded(F f) {
  return [this, life = life_, f = std::move(f)]() mutable {
    if (life != life_ || !core_)
      return;
    if (paused_)
      backlog_.push_back([this, life, f = std::move(f)]() mutable {
        if (life == life_ && core_)
          run(std::move(f));
      });
    else
      run(std::move(f));
  };
}

} // namespace troupe::sim
