#include "world.hpp"

#include <algorithm>

namespace troupe::model {

namespace {

constexpr node_set bit(std::size_t i) {
  return static_cast<node_set>(1u << i);
}

} // namespace

world::world(scenario what, rules on)
    : scenario_(std::move(what)),
      rules_(on),
      lossy_(scenario_.cuts + scenario_.crashes + scenario_.overdue_fences
             > 0) {
}

world::state world::initial() {
  state s;
  s.log = logs_.first();
  std::string broken;
  for (std::size_t i = 0; i < node_count; ++i) {
    outputs none;
    member m{id_of(i), rules_};
    newborn_[i] = known_.keep(member{m});
    for (auto at = history::before_assignment; at <= logs_.at(s.log).at.value;
         ++at) {
      m.apply(rules_, none, logs_, logs_.upto(s.log, log_index{at}));
      if (m.may_start(rules_))
        m.start(rules_, none);
    }
    for (auto& n : none.notes)
      broken += s.books.write(n, id_of(i), false, false);
    s.members[i] = known_.keep(std::move(m));
  }
  s.books.runs();
  refresh(s);
  return s;
}

// -- what a step does to the state --------------------------------------------

void world::feed(state& s, std::size_t i, input what, std::uint32_t with,
                 std::string& broken) {
  auto& done = known_.take(s.members[i], what, with);
  auto set_broken = [&](std::string why) {
    if (broken.empty())
      broken = std::move(why);
  };
  s.members[i] = done.next;
  set_broken(done.broken);
  for (auto [to, f] : done.sent) {
    if (s.dead >> to & 1)
      continue;
    auto kind = known_.at_frame(f).what;
    bool fence = kind == frame::kind::fence || kind == frame::kind::fenced;
    auto& link = s.links[i][to][fence && !rules_.fence_in_order];
    link = known_.push(link, f);
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
      s.said[i] = known_.facts_of(s.members[i]);
      s.said_at[i] = static_cast<std::uint8_t>(node(s, i).applied().value);
    }
  }
}

// What it knew is of no more account.
void world::crash(state& s, std::size_t i) {
  s.members[i] = newborn_[i];
  s.books.router_gone(id_of(i));
  s.dead |= bit(i);
  s.echo[i] = 0;
  s.cut &= static_cast<node_set>(~bit(i));
  s.silent |= bit(i);
  for (std::size_t j = 0; j < node_count; ++j)
    s.links[i][j] = s.links[j][i] = {};
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
        set_broken(std::string{"a state is called lost that "}
                   + letter(id_of(i)) + " had to keep");
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
    said[n].facts = known_.facts(s.said[n]);
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

// -- what a state is ----------------------------------------------------------

std::string world::check(const state& s) const {
  std::string runs;
  for (std::size_t i = 0; i < node_count; ++i)
    if (lives(s, i) && node(s, i).runs())
      runs += letter(id_of(i));
  return runs.size() > 1 ? runs[0] + std::string{" and "} + runs[1]
                               + " both run the partition"
                         : std::string{};
}

digest world::digest_of(const state& s) const {
  auto two = [](std::uint64_t high, std::uint64_t low) {
    return high << 32 | low;
  };
  digester d;
  // Of the log only what somebody has not applied yet matters, and its end.
  auto from = logs_.at(s.log).at;
  for (std::size_t i = 0; i < node_count; ++i) {
    d.add(two(s.members[i], s.said[i]));
    if (lives(s, i))
      from = std::min(from, node(s, i).applied());
    for (std::size_t j = 0; j < node_count; ++j)
      if (i != j)
        d.add(two(s.links[i][j][0], s.links[i][j][1]));
  }
  for (auto log = s.log;; log = logs_.at(log).before) {
    d.add(logs_.at(log).at, logs_.at(log).shown);
    if (logs_.at(log).at <= from)
      break;
  }
  if (s.pending)
    d.add(logs_.at(s.pending).shown);
  auto bytes = [&](auto... xs) {
    static_assert(sizeof...(xs) <= 8);
    std::uint64_t word = 0;
    ((word = word << 8 | xs), ...);
    d.add(word);
  };
  bytes(s.said_at[0], s.said_at[1], s.said_at[2], s.echo[0], s.echo[1],
        s.echo[2], s.cut, s.pending != 0);
  bytes(s.dead, s.left, s.asked_to_leave, s.silent, s.keepers);
  bytes(s.moves, s.rollbacks, s.hard_stops, s.overdue_fences, s.overdue_states,
        s.cuts, s.crashes, s.changes);
  s.books.add_to(d);
  return d.get();
}

std::string world::unsettled(const state& s) const {
  for (std::size_t i = 0; i < node_count; ++i) {
    if (!lives(s, i))
      continue;
    auto& m = node(s, i);
    if (auto open = m.unsettled(); !open.empty())
      return open;
    if (!s.books.settled(id_of(i), m.accepted()))
      return std::string{"a message of "} + letter(id_of(i))
             + " is neither processed nor accounted for";
  }
  auto& row = logs_.row(s.log);
  if (row.stage != stage::running)
    return "the partition is " + std::string{to_string(row.stage)}
           + " for ever";
  auto owner = row.owner.value - 1;
  if (!lives(s, owner) || !node(s, owner).runs())
    return "the owner does not run the partition";
  return {};
}

} // namespace troupe::model
