// What can happen next in a world.
#include <algorithm>

#include "world.hpp"

namespace troupe::model {

namespace {

constexpr node_set bit(std::size_t i) {
  return static_cast<node_set>(1u << i);
}

std::string name(std::size_t i) {
  return {letter(id_of(i))};
}

auto says(const char* text) {
  return [text] { return std::string{text}; };
}

} // namespace

/// Makes the next states, and says whether one of them has to come.
struct world::emitter {
  world& here;
  const state& now;
  sink to;
  bool progress = false;

  template <class F, class L>
  void operator()(bool must, F change, L label) {
    progress = progress || must;
    state next = now;
    std::string broken;
    change(next, broken);
    here.refresh(next);
    if (broken.empty())
      broken = here.check(next);
    to(next, broken, label);
  }

  /// Node `i` is given something, and nothing else happens.
  template <class L>
  void one(bool must, std::size_t i, input what, std::uint32_t with, L label) {
    (*this)(
        must,
        [&](state& n, std::string& broken) {
          here.feed(n, i, what, with, broken);
        },
        [&] { return name(i) + label(); });
  }
};

bool world::visit(const state& s, sink to) {
  emitter go{*this, s, to};
  for (std::size_t i = 0; i < node_count; ++i)
    if (lives(s, i)) {
      map_steps(go, i);
      actor_steps(go, i);
      lease_steps(go, i);
      fault_steps(go, i);
      goodbye_step(go, i);
    }
  for (std::size_t i = 0; i < node_count; ++i)
    for (std::size_t j = 0; j < node_count; ++j)
      if (lives(s, j))
        link_steps(go, i, j);
  leader_steps(go);
  return !go.progress;
}

// -- a node -------------------------------------------------------------------

void world::map_steps(emitter& go, std::size_t i) {
  auto& s = go.now;
  auto& m = node(s, i);
  auto end = logs_.at(s.log).at;
  if (m.accepted() < scenario_.sends[i])
    go.one(false, i, input::accept, 0, [&] {
      return " is given " + std::string{static_cast<char>('a' + i)}
             + std::to_string(m.accepted());
    });
  if ((s.cut >> i & 1) || m.applied() >= end)
    return;
  auto next = logs_.upto(s.log, log_index{m.applied().value + 1});
  go.one(true, i, input::apply, next, [&] {
    return " applies entry " + std::to_string(m.applied().value + 1) + ": "
           + logs_.at(next).label;
  });
  if (scenario_.snapshots && m.applied().value + 1 < end.value)
    go.one(true, i, input::jump, s.log, [&] {
      return " installs a snapshot at " + std::to_string(end.value);
    });
}

void world::actor_steps(emitter& go, std::size_t i) {
  auto& s = go.now;
  auto& m = node(s, i);
  if (m.may_start(rules_))
    go.one(true, i, input::start, 0, says(" starts the actor"));
  if (m.may_work(rules_))
    go.one(true, i, input::work, 0, [&] { return "'s actor " + m.head(); });
  if (m.is_killed())
    go.one(true, i, input::end, 0, says("'s actor, killed, ends"));
  if (m.is_stopping() && s.hard_stops < scenario_.hard_stops
      && (m.has_lease() || !rules_.gate))
    go(
        false,
        [&](state& n, std::string& broken) {
          ++n.hard_stops;
          feed(n, i, input::hard_end, 0, broken);
        },
        [&] { return name(i) + "'s actor is out of time, saves and ends"; });
  if (m.waits_for_fence(rules_) && s.overdue_fences < scenario_.overdue_fences)
    go(
        false,
        [&](state& n, std::string& broken) {
          ++n.overdue_fences;
          feed(n, i, input::fence_overdue, 0, broken);
        },
        [&] { return name(i) + " waits for its fence no longer"; });
  // Two seconds after the map has said that it left.
  if (scenario_.farewells && m.streams_to_gone() && has_heard_of_leave(s, i))
    go.one(true, i, input::farewell, 0, says(" has waited for the goodbye"));
  if (m.waits_for_state() && s.overdue_states < scenario_.overdue_states)
    go(
        false,
        [&](state& n, std::string& broken) {
          ++n.overdue_states;
          feed(n, i, input::state_overdue, 0, broken);
        },
        [&] { return name(i) + " waits for the state no longer"; });
}

void world::lease_steps(emitter& go, std::size_t i) {
  auto& s = go.now;
  auto& m = node(s, i);
  bool cut = s.cut >> i & 1;
  if (cut && !(s.silent >> i & 1))
    go(
        true,
        [&](state& n, std::string& broken) {
          n.silent |= bit(i);
          n.echo[i] = 0;
          feed(n, i, input::time, 0, broken);
        },
        [&] { return name(i) + "'s lease ends"; });
  if (cut)
    go(
        true,
        [&](state& n, std::string&) {
          n.cut &= static_cast<node_set>(~bit(i));
        },
        [&] { return name(i) + " is reachable again"; });
  if (!cut && s.echo[i] == 0 && !m.has_lease() && !m.lease_waits()
      && logs_.is_up(s.log, id_of(i)))
    go(
        true,
        [&](state& n, std::string& broken) {
          auto last = rules_.index_of_last && s.pending ? s.pending : s.log;
          n.silent &= static_cast<node_set>(~bit(i));
          n.echo[i] = static_cast<std::uint8_t>(
              1 + (rules_.echo_has_index ? logs_.at(last).at.value : 0));
          feed(n, i, input::beat, 0, broken);
        },
        [&] { return name(i) + "'s heartbeat reaches the leader"; });
  if (!cut && s.echo[i] != 0)
    go(
        true,
        [&](state& n, std::string& broken) {
          n.echo[i] = 0;
          feed(n, i, input::echo, s.echo[i] - 1u, broken);
        },
        [&] {
          return name(i) + " gets its echo, good from index "
                 + std::to_string(s.echo[i] - 1);
        });
}

void world::fault_steps(emitter& go, std::size_t i) {
  auto& s = go.now;
  if (!(s.cut >> i & 1) && s.cuts < scenario_.cuts
      && (scenario_.cut_off >> i & 1))
    go(
        false,
        [&](state& n, std::string&) {
          ++n.cuts;
          n.cut |= bit(i);
        },
        [&] { return name(i) + " is cut off"; });
  if (s.crashes < scenario_.crashes && (scenario_.crash >> i & 1))
    go(
        false,
        [&](state& n, std::string&) {
          ++n.crashes;
          crash(n, i);
        },
        [&] { return name(i) + " crashes"; });
}

// In its own map nobody who left owns anything.
bool world::has_heard_of_leave(const state& s, std::size_t i) const {
  auto& view = logs_.at(logs_.upto(s.log, node(s, i).applied()));
  for (std::size_t j = 0; j < node_count; ++j)
    if ((s.left >> j & 1)
        && view.map.node(id_of(j))->liveness != liveness::left)
      return false;
  return true;
}

// The end of an announced leave.
void world::goodbye_step(emitter& go, std::size_t i) {
  auto& s = go.now;
  auto& m = node(s, i);
  auto& view = logs_.at(logs_.upto(s.log, m.applied()));
  if (view.map.node(id_of(i))->liveness != liveness::left || m.has_actor()
      || !m.router_idle())
    return;
  go(
      true,
      [&](state& n, std::string&) {
        n.left |= bit(i);
        n.members[i] = newborn_[i];
        n.books.router_gone(id_of(i));
        frame bye{};
        bye.what = frame::kind::goodbye;
        for (std::size_t j = 0; j < node_count; ++j)
          if (j != i && lives(n, j))
            n.links[i][j][0] = known_.push(n.links[i][j][0], known_.keep(bye));
      },
      [&] { return name(i) + " says goodbye and stops"; });
}

// -- a link -------------------------------------------------------------------

void world::link_steps(emitter& go, std::size_t i, std::size_t j) {
  auto& s = go.now;
  if (!scenario_.data_goes_on && ((s.cut >> i & 1) || (s.cut >> j & 1)))
    return;
  for (std::size_t lane = 0; lane < 2; ++lane) {
    auto on = s.links[i][j][lane];
    if (on == 0)
      continue;
    auto f = known_.front(on);
    go(
        true,
        [&](state& n, std::string& broken) {
          n.links[i][j][lane] = known_.rest(on);
          if (known_.at_frame(f).what != frame::kind::goodbye) {
            auto from = static_cast<input>(
                static_cast<std::size_t>(input::arrive_a) + i);
            feed(n, j, from, f, broken);
            return;
          }
          auto untaken = n.links[j][i][0];
          n.links[j][i] = {};
          for (; untaken != 0; untaken = known_.rest(untaken))
            feed(n, j, input::untaken, known_.front(untaken), broken);
          feed(n, j, input::goodbye, static_cast<std::uint32_t>(i), broken);
        },
        [&] {
          return name(i) + " > " + name(j) + ": " + to_text(known_.at_frame(f));
        });
  }
}

// -- the leader ---------------------------------------------------------------

template <class F>
void world::enter(emitter& go, bool must, log_ref next, F also) {
  go(
      must,
      [&](state& n, std::string& broken) {
        also(n);
        commit(n, next, broken);
      },
      [&] {
        return "entry " + std::to_string(logs_.at(next).at.value) + ": "
               + logs_.at(next).label;
      });
}

void world::leader_steps(emitter& go) {
  auto& s = go.now;
  auto nothing = [](state&) {};
  if (s.changes < scenario_.leader_changes) {
    auto changed = [](state& n) { ++n.changes; };
    enter(go, false, logs_.append_nothing(s.log), changed);
    if (s.pending)
      enter(go, false, logs_.append_nothing(s.pending), changed);
  }
  if (s.pending) {
    enter(go, true, s.pending, nothing);
    return;
  }
  using kind = question::kind;
  std::vector<log_ref> said;
  auto ask = [&](question about) {
    auto next = decide(s, about);
    if (!next || std::find(said.begin(), said.end(), *next) != said.end())
      return;
    said.push_back(*next);
    enter(go, true, *next, nothing);
  };
  ask({kind::facts, {}});
  for (std::size_t i = 0; i < node_count; ++i)
    if (s.said[i] != 0)
      ask({kind::facts, id_of(i)});
  for (std::size_t i = 0; i < node_count; ++i) {
    auto id = id_of(i);
    bool up = logs_.is_up(s.log, id);
    bool silent =
        (s.silent >> i & 1) || (!rules_.lease_awaited && (s.cut >> i & 1));
    if (up && silent)
      if (auto next = decide(s, {kind::lost, id}))
        go(
            true, [&](state& n, std::string&) { n.pending = *next; },
            [&] { return "the leader takes " + name(i) + " for lost"; });
    auto is = logs_.at(s.log).map.node(id)->liveness;
    if (is == liveness::down && lives(s, i) && !(s.cut >> i & 1))
      ask({kind::up, id});
    if (s.asked_to_leave >> i & 1)
      ask({kind::leave, id});
    else if ((scenario_.leaves >> i & 1) && up)
      go(
          false, [&](state& n, std::string&) { n.asked_to_leave |= bit(i); },
          [&] { return name(i) + " asks to leave"; });
  }
  move_steps(go);
}

void world::move_steps(emitter& go) {
  using kind = question::kind;
  auto& s = go.now;
  auto& row = logs_.row(s.log);
  if (row.stage == stage::running && s.moves < scenario_.moves.size())
    for (std::size_t i = 0; i < node_count; ++i)
      if (scenario_.moves[s.moves] >> i & 1)
        if (auto next = decide(s, {kind::move, id_of(i)}))
          enter(go, false, *next, [](state& n) { ++n.moves; });
  if (row.stage != stage::pausing)
    return;
  if (s.rollbacks < scenario_.rollbacks) {
    auto next = rules_.rollback_new_epoch
                    ? decide(s, {kind::late, {}})
                    : std::optional{logs_.resume_same_epoch(s.log)};
    if (next)
      enter(go, false, *next, [](state& n) { ++n.rollbacks; });
  }
  if (!rules_.confirm_awaited && logs_.is_up(s.log, row.target))
    enter(go, false, logs_.start_unconfirmed(s.log), [](state&) {});
}

} // namespace troupe::model
