#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <test/model/digest.hpp>

namespace troupe::model {

/// What an exploration found.
struct findings {
  std::size_t states = 0;
  std::size_t steps = 0;
  std::size_t quiet = 0; // states in which nothing more has to happen
  std::size_t depth = 0;
  double seconds = 0;
  bool whole = false;             // all states there are
  std::string broken;             // empty: every state is sound
  std::vector<std::string> trace; // the steps to the broken one, a shortest way
};

/// The digests that were seen: open addressing, 16 bytes a place.
class seen_set {
public:
  seen_set() : places_(1u << 16) {}

  /// True if it was not there.
  bool insert(const digest& x) {
    if (size_ * 4 >= places_.size() * 3)
      grow();
    return put(x) && ++size_ != 0;
  }

  std::size_t bytes() const { return places_.size() * sizeof(digest); }

private:
  bool put(const digest& x) {
    auto mask = places_.size() - 1;
    for (auto i = x.low & mask;; i = (i + 1) & mask) {
      if (places_[i] == x)
        return false;
      if (places_[i] == digest{}) {
        places_[i] = x;
        return true;
      }
    }
  }

  void grow() {
    auto old = std::exchange(places_, std::vector<digest>(places_.size() * 2));
    for (auto& x : old)
      if (x != digest{})
        put(x);
  }

  std::vector<digest> places_;
  std::size_t size_ = 0;
};

/// Visits every state that a model can reach, breadth first, so that the first
/// broken one comes with a shortest way to it.
///
/// In:  a model, and the most states to visit.
/// Out: counts, and the broken state if there is one.
///
/// `Model` has:
///   using state = ...;                    // small, copyable
///   state initial();
///   digest digest_of(const state&);
///   template <class F> bool steps(const state&, F f);
///       // f(next, broken, label) for each step; `broken` is empty if the next
///       // state is sound, `label()` names the step. True: the state is quiet.
///   std::string unsettled(const state&);  // of a quiet one: what is left open
template <class Model>
findings explore(Model& model, std::size_t states_max) {
  using state = typename Model::state;
  struct origin {
    std::uint32_t from;
    std::uint32_t step;
  };
  auto began = std::chrono::steady_clock::now();
  findings out;
  seen_set seen;
  std::vector<origin> origins{{0, 0}};
  std::vector<std::pair<state, std::uint32_t>> layer;
  std::vector<std::pair<state, std::uint32_t>> next_layer;
  layer.emplace_back(model.initial(), 0);
  seen.insert(model.digest_of(layer.front().first));
  // The way is found again from the numbers of its steps.
  auto retrace = [&](std::uint32_t at, std::uint32_t last) {
    std::vector<std::uint32_t> numbers{last};
    for (; at != 0; at = origins[at].from)
      numbers.push_back(origins[at].step);
    std::reverse(numbers.begin(), numbers.end());
    auto now = model.initial();
    for (auto number : numbers) {
      std::uint32_t i = 0;
      auto then = now;
      model.steps(now, [&](const state& to, const std::string&, auto label) {
        if (i++ == number) {
          then = to;
          out.trace.push_back(label());
        }
      });
      now = then;
    }
  };
  while (!layer.empty() && out.broken.empty() && origins.size() < states_max) {
    next_layer.clear();
    for (auto& [now, at] : layer) {
      std::uint32_t number = 0;
      std::uint32_t broken_step = 0;
      bool quiet = model.steps(now, [&](const state& to,
                                        const std::string& broken, auto) {
        auto step = number++;
        ++out.steps;
        if (!broken.empty() && out.broken.empty()) {
          out.broken = broken;
          broken_step = step;
        }
        if (!out.broken.empty() || !seen.insert(model.digest_of(to)))
          return;
        next_layer.emplace_back(to, static_cast<std::uint32_t>(origins.size()));
        origins.push_back({at, step});
      });
      if (out.broken.empty() && quiet) {
        ++out.quiet;
        out.broken = model.unsettled(now);
        broken_step = ~0u; // no step of it: the state itself
      }
      if (!out.broken.empty()) {
        retrace(at, broken_step);
        break;
      }
    }
    std::swap(layer, next_layer);
    out.depth += !layer.empty();
  }
  out.states = origins.size();
  out.whole = layer.empty() && out.broken.empty();
  out.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began)
          .count();
  return out;
}

} // namespace troupe::model
