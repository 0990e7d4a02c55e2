#pragma once

// What clients made of CAF actors do, for troupe and for CAF's own remoting.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <caf/all.hpp>

#include "load.hpp"

namespace compare {

inline const std::vector<std::string>& keys() {
  static const auto all = [] {
    std::vector<std::string> out;
    for (int i = 0; i < 4096; ++i)
      out.push_back("key-" + std::to_string(i));
    return out;
  }();
  return all;
}

/// Sends plain messages, to several in turn. Every so often comes a request,
/// whose answer says how many were handled, so that no more than some thousands
/// are under way.
template <class Payload, class Question, class Answer>
class flood : public caf::event_based_actor {
public:
  flood(caf::actor_config& cfg, std::vector<caf::actor> to, load& of,
        Payload payload, std::uint64_t (*read)(const Answer&))
      : event_based_actor(cfg),
        to_(std::move(to)),
        load_(of),
        into_(of.add_recorder()),
        payload_(std::move(payload)),
        read_(read) {}

  caf::behavior make_behavior() override {
    for (int i = 0; i < rounds_at_once; ++i)
      one_round();
    return {[](caf::unit_t) {}};
  }

private:
  static constexpr int round = 500;
  static constexpr int rounds_at_once = 20;

  const std::string& next_key() { return keys()[++sent_ % keys().size()]; }
  const caf::actor& next() const { return to_[sent_ % to_.size()]; }

  void one_round() {
    for (int i = 0; i < round; ++i)
      send(next(), next_key(), payload_);
    request(next(), caf::infinite, next_key(), Question{})
        .then(
            [this](const Answer& x) {
              auto handled = read_(x);
              if (seen_ != 0 && handled > seen_)
                into_.done(handled - seen_);
              seen_ = std::max(seen_, handled);
              if (!load_.over())
                one_round();
              else if (--open_ == 0)
                quit();
            },
            [this](const caf::error& e) { fail(system().render(e)); });
  }

  std::vector<caf::actor> to_;
  load& load_;
  recorder& into_;
  Payload payload_;
  std::uint64_t (*read_)(const Answer&);
  std::uint64_t sent_ = 0;
  std::uint64_t seen_ = 0; // 0: none yet, from where it counts
  int open_ = rounds_at_once;
};

/// Keeps some requests outstanding.
template <class Payload>
class asker : public caf::event_based_actor {
public:
  asker(caf::actor_config& cfg, caf::actor to, load& of, Payload payload,
        std::size_t outstanding, std::size_t first_key)
      : event_based_actor(cfg),
        to_(std::move(to)),
        load_(of),
        into_(of.add_recorder()),
        payload_(std::move(payload)),
        outstanding_(outstanding),
        next_(first_key) {}

  caf::behavior make_behavior() override {
    for (std::size_t i = 0; i < outstanding_; ++i)
      ask();
    return {[](caf::unit_t) {}};
  }

private:
  void ask() {
    auto sent = steady_clock::now();
    request(to_, caf::infinite, keys()[next_++ % keys().size()], payload_)
        .then(
            [this, sent](const Payload&) {
              into_.done_since(sent);
              if (!load_.over())
                ask();
            },
            [this](const caf::error& e) { fail(system().render(e)); });
  }

  caf::actor to_;
  load& load_;
  recorder& into_;
  Payload payload_;
  std::size_t outstanding_;
  std::size_t next_;
};

/// CAF looks through all of an actor's outstanding requests for each answer, so
/// many are spread over actors with 16 each.
template <class Payload>
void ask_all(caf::actor_system& sys, const caf::actor& to, load& of,
             const Payload& payload, std::size_t outstanding) {
  for (std::size_t first = 0; first < outstanding; first += 16)
    sys.spawn<asker<Payload>>(to, std::ref(of), payload,
                              std::min<std::size_t>(16, outstanding - first),
                              first * 4);
}

} // namespace compare
