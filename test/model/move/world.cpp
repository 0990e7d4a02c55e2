#include "world.hpp"

#include <bit>

namespace troupe::model {

namespace {

constexpr node_set bit(std::size_t i) {
  return static_cast<node_set>(1u << i);
}

node_id id_of(std::size_t i) {
  return node_id{i + 1};
}

std::string name(std::size_t i) {
  return {letter(id_of(i))};
}

} // namespace

world::world(scenario what, rules on)
    : scenario_(std::move(what)),
      rules_(on),
      lossy_(scenario_.cuts + scenario_.crashes > 0) {
  links_.push_back({});
  facts_.push_back({});
  facts_numbers_[""] = 0;
}

world::state world::initial() {
  state s;
  s.log = logs_.first();
  std::string broken;
  for (std::size_t i = 0; i < node_count; ++i) {
    outputs none;
    member m{id_of(i), rules_};
    for (auto at = history::before_assignment; at <= logs_.at(s.log).at.value;
         ++at) {
      m.apply(rules_, none, logs_, logs_.upto(s.log, log_index{at}));
      if (m.may_start(rules_))
        m.start(rules_, none);
    }
    for (auto& n : none.notes)
      broken += s.books.write(n, id_of(i), false, false);
    s.members[i] = keep(std::move(m));
  }
  s.books.runs();
  refresh(s);
  return s;
}

// -- tables -------------------------------------------------------------------

std::uint32_t world::keep(member&& m) {
  auto [i, fresh] = member_numbers_.insert(
      {m.digest_of(), static_cast<std::uint32_t>(members_.size())});
  if (fresh) {
    facts_of_.push_back(keep_facts(m.host().facts()));
    members_.push_back(std::move(m));
  }
  return i->second;
}

std::uint32_t world::keep(const frame& f) {
  auto [i, fresh] = frame_numbers_.insert(
      {model::digest_of(f), static_cast<std::uint32_t>(frames_.size())});
  if (fresh)
    frames_.push_back(f);
  return i->second;
}

std::uint32_t world::keep_facts(const proto::Facts& facts) {
  auto [i, fresh] = facts_numbers_.insert(
      {facts.SerializeAsString(), static_cast<std::uint32_t>(facts_.size())});
  if (fresh)
    facts_.push_back(facts);
  return i->second;
}

world::link_ref world::keep_link(std::vector<std::uint32_t> frames) {
  if (frames.empty())
    return 0;
  digester d;
  for (auto f : frames)
    d.add(f);
  auto [i, fresh] =
      link_numbers_.insert({d.get(), static_cast<link_ref>(links_.size())});
  if (fresh)
    links_.push_back(std::move(frames));
  return i->second;
}

const world::turn& world::take(std::uint32_t who, input what,
                               std::uint32_t with) {
  auto key = static_cast<std::uint64_t>(who) << 36
             | static_cast<std::uint64_t>(what) << 30 | with;
  auto [i, fresh] =
      turn_numbers_.insert({key, static_cast<std::uint32_t>(turns_.size())});
  if (!fresh)
    return turns_[i->second];
  auto m = members_[who];
  outputs out;
  switch (what) {
  case input::accept:
    m.accept(rules_, out);
    break;
  case input::arrive_a:
  case input::arrive_b:
  case input::arrive_c:
    m.arrive(rules_, out,
             id_of(static_cast<std::size_t>(what)
                   - static_cast<std::size_t>(input::arrive_a)),
             frames_[with]);
    break;
  case input::untaken:
    m.came_back(rules_, out, frames_[with]);
    break;
  case input::goodbye:
    m.peer_left(rules_, out, id_of(with));
    break;
  case input::apply:
    m.apply(rules_, out, logs_, with);
    break;
  case input::jump:
    m.jump(rules_, out, logs_, with);
    break;
  case input::start:
    m.start(rules_, out);
    break;
  case input::work:
    m.work(rules_, out);
    break;
  case input::end:
    m.end(rules_, out, false);
    break;
  case input::hard_end:
    m.end(rules_, out, true);
    break;
  case input::time:
    m.time_passes();
    break;
  case input::beat:
    m.beats();
    break;
  case input::echo:
    (void)m.echoed(log_index{with}, rules_);
    break;
  }
  turn done;
  for (auto& [to, f] : out.frames)
    done.sent.emplace_back(static_cast<std::uint8_t>(to.value - 1), keep(f));
  done.notes = std::move(out.notes);
  done.broken = std::move(out.broken);
  done.next = keep(std::move(m));
  turns_.push_back(std::move(done));
  return turns_.back();
}

// -- what a step does to the state --------------------------------------------

void world::feed(state& s, std::size_t i, input what, std::uint32_t with,
                 std::string& broken) {
  auto& done = take(s.members[i], what, with);
  auto set_broken = [&](std::string why) {
    if (broken.empty())
      broken = std::move(why);
  };
  s.members[i] = done.next;
  set_broken(done.broken);
  for (auto [to, f] : done.sent) {
    if (s.dead >> to & 1)
      continue;
    auto kind = frames_[f].what;
    bool fence = kind == frame::kind::fence || kind == frame::kind::fenced;
    auto& link = s.links[i][to][fence && !rules_.fence_in_order];
    auto frames = links_[link];
    frames.push_back(f);
    link = keep_link(std::move(frames));
  }
  for (auto& x : done.notes) {
    bool lost =
        x.what == note::kind::started
        && logs_.at(logs_.upto(s.log, log_index{x.epoch.value})).says_lost;
    set_broken(s.books.write(x, id_of(i), lossy_, lost));
  }
}

// What the leader hears of those who live, and no more once they are down.
void world::refresh(state& s) {
  for (std::size_t i = 0; i < node_count; ++i) {
    if (!logs_.is_up(s.log, id_of(i))) {
      s.said[i] = 0;
      s.said_at[i] = 0;
    } else if (lives(s, i) && !(s.cut >> i & 1)) {
      auto& m = members_[s.members[i]];
      s.said[i] = facts_of_[s.members[i]];
      s.said_at[i] = static_cast<std::uint8_t>(m.applied().value);
    }
  }
}

void world::commit(state& s, log_ref next, std::string& broken) {
  auto& before = logs_.row(s.log);
  auto& after = logs_.row(next);
  auto set_broken = [&](std::string why) {
    if (broken.empty())
      broken = std::move(why);
  };
  if (after.epoch < before.epoch)
    set_broken("an epoch shrinks");
  if (after.stage == stage::starting && before.stage != stage::starting
      && after.epoch <= before.epoch)
    set_broken("assigned again without a new epoch");
  if (rules_.rollback_new_epoch && before.stage == stage::pausing
      && after.stage == stage::running && after.epoch == before.epoch)
    set_broken("a move is taken back at the same epoch");
  if (logs_.at(next).says_lost)
    for (std::size_t i = 0; i < node_count; ++i)
      if ((s.keepers >> i & 1) && lives(s, i) && logs_.is_up(s.log, id_of(i)))
        set_broken("a state is called lost that " + name(i) + " had to keep");
  if (after.stage == stage::starting && after.source) {
    s.keepers = bit(after.source.value - 1);
    if (after.source != after.owner)
      s.keepers |= bit(after.owner.value - 1);
  } else if (after.stage == stage::running) {
    s.keepers = 0;
    s.books.runs();
  } else if (logs_.at(next).says_lost) {
    s.keepers = 0;
  }
  for (std::size_t i = 0; i < node_count; ++i)
    if (logs_.is_up(next, id_of(i)) && !logs_.is_up(s.log, id_of(i)))
      s.silent &= static_cast<node_set>(~bit(i));
  s.log = next;
  s.pending = 0;
}

std::string world::check(const state& s) const {
  std::string runs;
  for (std::size_t i = 0; i < node_count; ++i)
    if (lives(s, i) && members_[s.members[i]].runs())
      runs += name(i);
  return runs.size() > 1 ? runs[0] + std::string{" and "} + runs[1]
                               + " both run the partition"
                         : std::string{};
}

std::optional<log_ref> world::decide(const state& s, question about) {
  digester d;
  d.add(s.log, about.what, about.about);
  if (about.what == question::kind::facts)
    for (std::size_t i = 0; i < node_count; ++i)
      d.add(s.said[i], s.said_at[i]);
  auto [i, fresh] = decided_.insert({d.get(), {}});
  if (!fresh)
    return i->second;
  std::array<report, node_count> said;
  for (std::size_t n = 0; n < node_count; ++n) {
    said[n].facts = facts_[s.said[n]];
    said[n].applied = log_index{s.said_at[n]};
    if (!rules_.rows_name_epoch)
      for (auto* rows :
           {said[n].facts.mutable_started(), said[n].facts.mutable_confirmed(),
            said[n].facts.mutable_failed(), said[n].facts.mutable_holding()})
        for (auto& row : *rows)
          row.set_epoch(logs_.row(s.log).epoch.value);
  }
  return i->second = logs_.decide(s.log, about, said);
}

// -- steps --------------------------------------------------------------------

struct world::emitter {
  world& here;
  const state& now;
  sink to;
  bool progress = false; // one of the steps had to come

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
};

bool world::visit(const state& s, sink to) {
  emitter go{*this, s, to};
  for (std::size_t i = 0; i < node_count; ++i)
    if (lives(s, i))
      node_steps(go, i);
  for (std::size_t i = 0; i < node_count; ++i)
    for (std::size_t j = 0; j < node_count; ++j)
      if (lives(s, j))
        link_steps(go, i, j);
  leader_steps(go);
  return !go.progress;
}

void world::node_steps(emitter& go, std::size_t i) {
  auto& s = go.now;
  auto& m = members_[s.members[i]];
  auto& tip = logs_.at(s.log);
  bool cut = s.cut >> i & 1;
  auto one = [&](bool must, input what, std::uint32_t with, auto label) {
    go(
        must,
        [&](state& n, std::string& broken) { feed(n, i, what, with, broken); },
        [&] { return name(i) + label(); });
  };
  auto says = [&](const char* text) {
    return [text] { return std::string{text}; };
  };
  if (m.accepted() < scenario_.sends[i])
    one(false, input::accept, 0, [&] {
      return " is given " + std::string{static_cast<char>('a' + i)}
             + std::to_string(m.accepted());
    });
  if (!cut && m.applied() < tip.at) {
    auto next = logs_.upto(s.log, log_index{m.applied().value + 1});
    one(true, input::apply, next, [&] {
      return " applies entry " + std::to_string(m.applied().value + 1) + ": "
             + logs_.at(next).label;
    });
    if (scenario_.snapshots && m.applied().value + 1 < tip.at.value)
      one(true, input::jump, s.log, [&] {
        return " installs a snapshot at " + std::to_string(tip.at.value);
      });
  }
  if (m.may_start(rules_))
    one(true, input::start, 0, says(" starts the actor"));
  if (m.may_work(rules_))
    one(true, input::work, 0, [&] { return "'s actor " + m.head(); });
  if (m.is_killed())
    one(true, input::end, 0, says("'s actor, killed, ends"));
  if (m.is_stopping() && s.hard_stops < scenario_.hard_stops
      && (m.has_lease() || !rules_.gate))
    go(
        false,
        [&](state& n, std::string& broken) {
          ++n.hard_stops;
          feed(n, i, input::hard_end, 0, broken);
        },
        [&] { return name(i) + "'s actor is out of time, saves and ends"; });
  // The right to run.
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
  // Faults.
  if (!cut && s.cuts < scenario_.cuts && (scenario_.cut_off >> i & 1))
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
          n.dead |= bit(i);
          n.echo[i] = 0;
          n.cut &= static_cast<node_set>(~bit(i));
          n.silent |= bit(i);
          for (std::size_t j = 0; j < node_count; ++j)
            n.links[i][j] = n.links[j][i] = {};
        },
        [&] { return name(i) + " crashes"; });
  // The end of an announced leave.
  auto& view = logs_.at(logs_.upto(s.log, m.applied()));
  if (view.map.node(id_of(i))->liveness == liveness::left && !m.has_actor()
      && m.router_idle())
    go(
        true,
        [&](state& n, std::string&) {
          n.left |= bit(i);
          frame bye{};
          bye.what = frame::kind::goodbye;
          for (std::size_t j = 0; j < node_count; ++j)
            if (j != i && lives(n, j)) {
              auto frames = links_[n.links[i][j][0]];
              frames.push_back(keep(bye));
              n.links[i][j][0] = keep_link(std::move(frames));
            }
        },
        [&] { return name(i) + " says goodbye and stops"; });
}

void world::link_steps(emitter& go, std::size_t i, std::size_t j) {
  auto& s = go.now;
  if (!scenario_.data_goes_on && ((s.cut >> i & 1) || (s.cut >> j & 1)))
    return;
  for (std::size_t lane = 0; lane < 2; ++lane) {
    auto on = s.links[i][j][lane];
    if (on == 0)
      continue;
    auto f = links_[on].front();
    go(
        true,
        [&](state& n, std::string& broken) {
          auto rest = links_[on];
          rest.erase(rest.begin());
          n.links[i][j][lane] = keep_link(std::move(rest));
          if (frames_[f].what != frame::kind::goodbye) {
            auto from = static_cast<input>(
                static_cast<std::size_t>(input::arrive_a) + i);
            feed(n, j, from, f, broken);
            return;
          }
          auto untaken = links_[n.links[j][i][0]];
          n.links[j][i] = {};
          for (auto x : untaken)
            feed(n, j, input::untaken, x, broken);
          feed(n, j, input::goodbye, static_cast<std::uint32_t>(i), broken);
        },
        [&] { return name(i) + " > " + name(j) + ": " + to_text(frames_[f]); });
  }
}

void world::leader_steps(emitter& go) {
  auto& s = go.now;
  using kind = question::kind;
  auto& row = logs_.row(s.log);
  auto entry = [&](bool must, log_ref next, auto also) {
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
  };
  auto nothing = [](state&) {};
  if (s.changes < scenario_.leader_changes) {
    auto changed = [](state& n) { ++n.changes; };
    entry(false, logs_.append_nothing(s.log), changed);
    if (s.pending)
      entry(false, logs_.append_nothing(s.pending), changed);
  }
  if (s.pending) {
    entry(true, s.pending, nothing);
    return;
  }
  std::vector<log_ref> said;
  auto ask = [&](question about) {
    auto next = decide(s, about);
    if (!next || std::find(said.begin(), said.end(), *next) != said.end())
      return;
    said.push_back(*next);
    entry(true, *next, nothing);
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
  if (row.stage == stage::running && s.moves < scenario_.moves.size())
    for (std::size_t i = 0; i < node_count; ++i)
      if (scenario_.moves[s.moves] >> i & 1)
        if (auto next = decide(s, {kind::move, id_of(i)}))
          entry(false, *next, [](state& n) { ++n.moves; });
  if (row.stage != stage::pausing)
    return;
  if (s.rollbacks < scenario_.rollbacks) {
    auto next = rules_.rollback_new_epoch
                    ? decide(s, {kind::late, {}})
                    : std::optional{logs_.resume_same_epoch(s.log)};
    if (next)
      entry(false, *next, [](state& n) { ++n.rollbacks; });
  }
  if (!rules_.confirm_awaited && logs_.is_up(s.log, row.target))
    entry(false, logs_.start_unconfirmed(s.log), nothing);
}

// -- what a state is ----------------------------------------------------------

digest world::digest_of(const state& s) const {
  digester d;
  // Of the log only what somebody has not applied yet matters, and its end.
  auto from = logs_.at(s.log).at;
  for (std::size_t i = 0; i < node_count; ++i) {
    d.add(s.members[i], s.said[i], s.said_at[i], s.echo[i]);
    if (lives(s, i))
      from = std::min(from, members_[s.members[i]].applied());
    for (std::size_t j = 0; j < node_count; ++j)
      d.add(s.links[i][j][0], s.links[i][j][1]);
  }
  for (auto log = s.log;; log = logs_.at(log).before) {
    d.add(logs_.at(log).at, logs_.at(log).shown);
    if (logs_.at(log).at <= from)
      break;
  }
  if (s.pending)
    d.add(logs_.at(s.pending).shown);
  d.add(s.pending != 0, s.cut, s.dead, s.left, s.asked_to_leave, s.silent,
        s.keepers, s.moves, s.rollbacks, s.hard_stops, s.cuts, s.crashes,
        s.changes);
  s.books.add_to(d);
  return d.get();
}

std::string world::unsettled(const state& s) const {
  for (std::size_t i = 0; i < node_count; ++i) {
    if (!lives(s, i))
      continue;
    auto& m = members_[s.members[i]];
    if (auto open = m.unsettled(); !open.empty())
      return open;
    if (!s.books.settled(id_of(i), m.accepted()))
      return "a message of " + name(i)
             + " is neither processed nor accounted for";
  }
  auto& row = logs_.row(s.log);
  if (row.stage != stage::running)
    return "the partition is " + std::string{to_string(row.stage)}
           + " for ever";
  auto owner = row.owner.value - 1;
  if (!lives(s, owner) || !members_[s.members[owner]].runs())
    return "the owner does not run the partition";
  return {};
}

} // namespace troupe::model
