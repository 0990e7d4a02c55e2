#include "world.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace troupe::model {

TROUPE_FIELD(echo_round, echo_queue, round_)
TROUPE_FIELD(echo_waiting, echo_queue, waiting_)
TROUPE_FIELD(echo_covered, echo_queue, covered_)
TROUPE_FIELD(detector_base, failure_detector, base_)
TROUPE_FIELD(detector_since, failure_detector, led_since_)

namespace {

constexpr node_id owner{1};
constexpr std::size_t l = 0, v = 1;

// Clocks begin late enough that nothing is before zero.
boot_time at(int tick) {
  return std::chrono::milliseconds{100 + tick};
}

std::int8_t tick_of(boot_time x) {
  return static_cast<std::int8_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(x).count() - 100);
}

std::string name(std::size_t who) {
  return who == l ? "L" : "V";
}

} // namespace

lease_world::lease_world(lease_scenario what, lease_rules on)
    : scenario_(std::move(what)), rules_(on) {
  settings_.heartbeat = std::chrono::milliseconds{0}; // sent at any time
  settings_.lease = std::chrono::milliseconds{scenario_.length};
  settings_.margin = std::chrono::milliseconds{scenario_.margin};
}

lease_world::state lease_world::initial() const {
  auto fresh = [&] { return leader{{}, failure_detector{settings_}}; };
  state s{lease{settings_}, {fresh(), fresh()}};
  (void)s.right.echoed(at(0), log_index{1}, log_index{1});
  s.leaders[l].leads = true;
  s.leaders[l].detector.lead(at(0), at(0));
  s.slow_since = s.fast_since = static_cast<std::int8_t>(
      std::min(scenario_.clock_ticks, scenario_.ticks));
  return s;
}

// L's log: 1, then A's loss at 2. V's: 1, its own first entry at 2, A's loss at
// 3 (2 and 3, if that of L is in it).
std::uint8_t lease_world::committed(const state& s, std::size_t who) const {
  if (who == l)
    return s.taken == 2 ? 2 : 1;
  return s.taken == 0 ? 2 : 3;
}

std::uint8_t lease_world::last_index(const state& s, std::size_t who) const {
  auto last = committed(s, who);
  if (s.leaders[who].proposed && s.taken == 0 && rules_.index_of_last)
    ++last;
  return last;
}

void lease_world::begin_round(leader& one) const {
  if (one.echoes.wants_round())
    one.echoes.round_started(++one.round);
}

void lease_world::heartbeat_arrives(state& s, std::size_t who) const {
  auto& one = s.leaders[who];
  auto sent = std::exchange(one.beat, std::int8_t{-1});
  one.detector.heard(owner, at(s.led));
  if (s.taken != 0 && committed(s, who) >= s.taken)
    return; // it is down in this leader's map
  if (!rules_.round_awaited) {
    one.echo = sent;
    one.index = last_index(s, who);
    return;
  }
  (void)one.echoes.arrived(
      {owner, incarnation{1}, at(sent), log_index{last_index(s, who)}});
  if (!rules_.round_after && field<echo_round>(one.echoes))
    one.echoes.round_started(*field<echo_round>(one.echoes));
  begin_round(one);
}

void lease_world::round_confirmed(state& s, std::size_t who,
                                  std::uint8_t round) const {
  auto& one = s.leaders[who];
  for (auto& e : one.echoes.confirmed(round)) {
    // Of several the last: an earlier one would only be weaker.
    one.echo = tick_of(e.sent);
    one.index = static_cast<std::uint8_t>(e.last_index.value);
  }
  begin_round(one);
}

void lease_world::echo_arrives(state& s, std::size_t who) const {
  auto& one = s.leaders[who];
  auto sent = std::exchange(one.echo, std::int8_t{-1});
  auto index = std::exchange(one.index, std::uint8_t{0});
  if (!rules_.from_send)
    sent = s.now;
  (void)s.right.echoed(
      at(sent), log_index{rules_.index_applied ? index : std::uint8_t{0}},
      log_index{s.applied});
}

// V's vote and that of W say how long ago each acknowledged L.
void lease_world::elect(state& s) const {
  auto& one = s.leaders[v];
  one.leads = true;
  auto base = rules_.base_of_all ? std::max(s.ack[0], s.ack[1]) : s.ack[0];
  one.detector.lead(rules_.base_known ? at(base) : boot_time{0}, at(s.led));
}

std::string lease_world::check(const state& s) const {
  bool a_runs =
      s.right.end() > at(s.now) && (s.taken == 0 || s.applied < s.taken);
  return a_runs && s.taken != 0
             ? "A and B run: A's lease ends at "
                   + std::to_string(tick_of(s.right.end())) + " of its clock"
             : std::string{};
}

void lease_world::visit(const state& s, sink to) const {
  auto go = [&](auto change, auto label) {
    auto next = s;
    change(next);
    to(next, check(next), label);
  };
  bool voted = s.leaders[v].leads;
  if (s.taken != 0 && s.applied >= s.taken)
    return; // A knows: it runs nothing more
  // Time.
  if (s.ticks < scenario_.ticks)
    for (int slow = 0; slow <= (s.slow_since >= scenario_.clock_ticks); ++slow)
      for (int fast = 0; fast <= (s.fast_since >= scenario_.clock_ticks);
           ++fast)
        go(
            [&](state& n) {
              ++n.ticks;
              n.now = static_cast<std::int8_t>(n.now + 1 - slow);
              n.led = static_cast<std::int8_t>(n.led + 1 + fast);
              auto since = [&](std::int8_t was, int wrong) {
                return static_cast<std::int8_t>(
                    wrong ? 1 : std::min(was + 1, scenario_.clock_ticks));
              };
              n.slow_since = since(n.slow_since, slow);
              n.fast_since = since(n.fast_since, fast);
            },
            [&] {
              return std::string{"a tick"}
                     + (slow ? ", A's clock misses it" : "")
                     + (fast ? ", the leaders' count two" : "");
            });
  for (auto who : {l, v}) {
    auto& one = s.leaders[who];
    if (!one.leads)
      continue;
    if (one.sent != s.now)
      go([&](state& n) { n.leaders[who].beat = n.leaders[who].sent = n.now; },
         [&] {
           return "A sends a heartbeat to " + name(who) + " at "
                  + std::to_string(s.now);
         });
    if (one.beat >= 0)
      go([&](state& n) { heartbeat_arrives(n, who); },
         [&] {
           return "the heartbeat of " + std::to_string(one.beat) + " reaches "
                  + name(who);
         });
    if (one.echo >= 0)
      go([&](state& n) { echo_arrives(n, who); },
         [&] {
           return "A gets the echo of " + std::to_string(one.echo) + " from "
                  + name(who) + ", good from index "
                  + std::to_string(one.index);
         });
    if (!one.proposed && s.taken == 0
        && (!rules_.lease_awaited || one.detector.expired(owner, at(s.led))))
      go([&](state& n) { n.leaders[who].proposed = true; },
         [&] {
           return name(who) + " takes A for lost at " + std::to_string(s.led);
         });
    if (one.proposed && s.taken == 0)
      go([&](state& n) { n.taken = who == l ? 2 : 3; },
         [&] { return "this is committed, and B runs"; });
  }
  // L's rounds: a voter that has voted for V takes nothing of L any more, but
  // what it said before may still arrive.
  auto& first = s.leaders[l];
  for (std::size_t voter = 0; voter < 2; ++voter) {
    if (!voted && s.acked[voter] < first.round)
      go(
          [&](state& n) {
            n.acked[voter] = first.round;
            n.ack[voter] = n.led;
          },
          [&] {
            return std::string{voter == 0 ? "V" : "W"} + " takes round "
                   + std::to_string(first.round) + " of L";
          });
    auto round = field<echo_round>(first.echoes);
    if (round && s.acked[voter] >= *round)
      go([&](state& n) { round_confirmed(n, l, s.acked[voter]); },
         [&] { return "L hears that it was taken"; });
  }
  auto& next = s.leaders[v];
  if (field<echo_round>(next.echoes))
    go([&](state& n) { round_confirmed(n, v, next.round); },
       [&] { return "W takes the round of V, V hears it"; });
  if (!voted)
    go([&](state& n) { elect(n); },
       [&] {
         return "V is elected at " + std::to_string(s.led)
                + "; V acknowledged L at " + std::to_string(s.ack[0])
                + ", W at " + std::to_string(s.ack[1]);
       });
  // A learns of the log in its own time.
  if (s.taken != 0 && s.applied < s.taken)
    go(
        [&](state& n) {
          n.applied = n.taken;
          (void)n.right.applied(log_index{n.applied});
        },
        [&] { return "A applies that it was taken for lost"; });
}

digest lease_world::digest_of(const state& s) const {
  digester d;
  add(d, s.right);
  for (auto& one : s.leaders) {
    // A round under way is always the last one begun.
    d.add(field<echo_round>(one.echoes).has_value());
    for (auto* echoes :
         {&field<echo_waiting>(one.echoes), &field<echo_covered>(one.echoes)}) {
      d.add(echoes->size());
      for (auto& e : *echoes)
        d.add(e.sent, e.last_index);
    }
    d.add(field<detector_base>(one.detector),
          field<detector_since>(one.detector), one.detector.last_heard(owner),
          one.leads, one.proposed, one.sent, one.beat, one.echo, one.index);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    d.add(s.acked[i] >= s.leaders[l].round);
    if (!s.leaders[v].leads)
      d.add(s.ack[i]);
  }
  d.add(s.now, s.led, s.slow_since, s.fast_since, s.ticks, s.applied, s.taken);
  return d.get();
}

} // namespace troupe::model
