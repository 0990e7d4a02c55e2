#pragma once

// Requests at a steady rate, whether answers come or not.

#include <thread>

#include "actors.hpp"

namespace compare {

/// Asks as often as it is told to. A request counts from when it was due.
template <class Payload>
class paced_asker : public caf::event_based_actor {
public:
  paced_asker(caf::actor_config& cfg, caf::actor to, load& of, Payload payload,
              std::size_t first_key)
      : event_based_actor(cfg),
        to_(std::move(to)),
        into_(of.add_recorder()),
        payload_(std::move(payload)),
        next_(first_key) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t count, std::int64_t due) {
      for (; count > 0; --count)
        ask(steady_clock::time_point{steady_clock::duration{due}});
    }};
  }

private:
  void ask(steady_clock::time_point due) {
    request(to_, caf::infinite, keys()[next_++ % keys().size()], payload_)
        .then([this, due](const Payload&) { into_.done_since(due); },
              [this](const caf::error&) { ++into_.failed; });
  }

  caf::actor to_;
  recorder& into_;
  Payload payload_;
  std::size_t next_;
};

/// Returns at once; a thread goes on until `of` is over.
template <class Payload>
void pace(caf::actor_system& sys, const caf::actor& to, load& of,
          const Payload& payload, double rate) {
  std::vector<caf::actor> askers;
  for (std::size_t i = 0; i < 32; ++i)
    askers.push_back(
        sys.spawn<paced_asker<Payload>>(to, std::ref(of), payload, i * 128));
  std::thread{[&of, rate, askers] {
    auto begun = steady_clock::now();
    std::uint64_t asked = 0;
    for (std::size_t turn = 0; !of.over(); ++turn) {
      std::this_thread::sleep_for(std::chrono::microseconds{200});
      auto now = steady_clock::now();
      auto due = static_cast<std::uint64_t>(
          std::chrono::duration<double>(now - begun).count() * rate);
      if (due == asked)
        continue;
      caf::anon_send(askers[turn % askers.size()], due - asked,
                     std::int64_t{now.time_since_epoch().count()});
      asked = due;
    }
  }}.detach();
}

} // namespace compare
