#include "simulation.hpp"

#include <algorithm>
#include <utility>

#include <troupe/cluster/raft/configuration_changer.hpp>

namespace troupe::raft::sim {

simulation::simulation(plan x) : plan_(std::move(x)), random_(plan_.seed) {
  app_state start;
  start.meta.index = log_index{1};
  start.meta.term = term{1};
  for (std::size_t i = 1; i <= plan_.voters; ++i)
    start.meta.conf.voters.emplace_back(i);
  for (std::size_t i = 1; i <= plan_.voters + plan_.spares; ++i) {
    auto& m = members_[member_id{i}];
    m.cfg = plan_.cfg;
    m.cfg.self = member_id{i};
    m.cfg.seed = mixed(plan_.seed, i);
    if (i <= plan_.voters) {
      m.disk.snapshot = m.disk.base = start;
      m.disk.hard = {term{1}, {}, log_index{1}};
    }
    m.start();
  }
}

sim_member& simulation::any() {
  auto at = members_.begin();
  std::advance(at, random_.below(members_.size()));
  return at->second;
}

bool simulation::connected(member_id a, member_id b) const {
  return side_.contains(a) == side_.contains(b);
}

void simulation::run() {
  for (std::size_t i = 0; i < plan_.rounds && failure().empty(); ++i)
    round(true);
}

void simulation::round(bool faults) {
  if (faults && chance(plan_.cut))
    cut();
  for (auto& [id, x] : members_) {
    if (!x.raft) {
      if (!gone_.contains(id) && (!faults || chance(10)))
        x.start();
      continue;
    }
    work(x, faults);
  }
  deliver(1 + random_.below(2 * members_.size()), faults);
  if (faults) {
    client(any());
    if (chance(plan_.change))
      change(any());
    if (auto* x = leader(); x != nullptr && chance(plan_.resend))
      resend(*x);
  }
}

void simulation::work(sim_member& x, bool faults) {
  if (chance(30)) {
    x.raft->tick();
    checker_.state_changed(x, members_);
  }
  if (chance(70) && x.raft->ready())
    take(x);
  while (!x.writes.empty() && chance(faults ? plan_.write : 100))
    write_one(x);
  while (!x.given_out.empty() && chance(faults ? plan_.apply : 100))
    apply_one(x);
  if (!faults)
    return;
  if (chance(plan_.compact))
    compact(x);
  if (chance(25) && chance(plan_.crash))
    x.crash(random_.below(x.unsynced.size() + x.writes.size() + 1));
}

void simulation::take(sim_member& x) {
  auto out = x.raft->take();
  for (auto& change : out.leadership) {
    if (change.role != role::leader || change.caught_up)
      continue;
    checker_.leader_seen(x, change.term, members_);
    ++elections_;
  }
  for (auto& wanted : out.snapshots)
    offer(x, wanted);
  for (auto& msg : out.now)
    leave(x, std::move(msg));
  if (!out.after_persist.empty())
    x.waiting.push_back({out.after_batch, std::move(out.after_persist)});
  if (out.persist) {
    app_state offered;
    if (out.persist->install)
      offered = x.offered[out.persist->install->index];
    x.writes.push_back({std::move(*out.persist), offered});
  }
  if (!out.committed.empty())
    x.given_out.push_back(std::move(out.committed));
  for (auto& got : out.reads) {
    checker_.read_answered(x, got, x.reads[got.id]);
    reads_answered_ += got.why == code::none;
    x.reads.erase(got.id);
  }
  release(x);
}

void simulation::leave(sim_member& x, message msg) {
  checker_.message_left(x, msg);
  network_.push_back({std::move(msg), {}});
}

void simulation::sync(sim_member& x, const write& w) {
  auto before = x.disk.hard;
  x.disk.write(w.batch, w.offered);
  checker_.hard_written(x, before);
  checker_.entries_written(x);
}

void simulation::write_one(sim_member& x) {
  auto w = std::move(x.writes.front());
  x.writes.pop_front();
  if (w.batch.must_sync) {
    for (auto& early : std::exchange(x.unsynced, {}))
      sync(x, early);
    sync(x, w);
  } else {
    x.unsynced.push_back(w);
  }
  if (w.batch.install) {
    x.app = w.offered;
    x.given_out.clear();
    ++installs_;
  }
  x.durable_batch = w.batch.id;
  x.raft->persisted(w.batch.id);
  checker_.state_changed(x, members_);
  release(x);
}

void simulation::release(sim_member& x) {
  while (!x.waiting.empty() && x.waiting.front().batch <= x.durable_batch) {
    for (auto& msg : x.waiting.front().messages)
      leave(x, std::move(msg));
    x.waiting.pop_front();
  }
}

void simulation::apply_one(sim_member& x) {
  auto xs = std::move(x.given_out.front());
  x.given_out.pop_front();
  for (auto& e : xs)
    apply(x, e);
  x.raft->applied(xs.back().index);
  checker_.state_changed(x, members_);
}

void simulation::apply(sim_member& x, const entry& e) {
  if (e.index.value != x.app.meta.index.value + 1)
    checker_.fail("a gap below " + std::to_string(e.index.value));
  x.app.meta.index = e.index;
  x.app.meta.term = e.term;
  x.app.content = mixed(x.app.content, body_digest(e));
  if (std::holds_alternative<configuration_change>(e.body)) {
    auto next = x.raft->apply_change(e);
    auto before = std::exchange(x.app.meta.conf, std::move(next));
    checker_.conf_applied(x, before);
    ++changes_applied_;
  }
  checker_.applied(x, e);
}

void simulation::offer(sim_member& x, const snapshot_wanted& wanted) {
  if (x.app.meta.index < wanted.at_least)
    checker_.fail("a snapshot above what is applied is wanted");
  auto msg = x.raft->offer_snapshot(wanted.to, x.app.meta);
  if (msg)
    network_.push_back({std::move(*msg), x.app});
}

void simulation::snapshot_done(const flight& x, bool ok) {
  auto& from = members_.at(x.msg.from);
  if (from.raft)
    from.raft->snapshot_sent(x.msg.to, ok, x.offered.meta.index);
}

void simulation::deliver(std::size_t count, bool faults) {
  for (; count > 0 && !network_.empty(); --count) {
    auto at = network_.begin()
              + static_cast<std::ptrdiff_t>(random_.below(network_.size()));
    if (!faults || chance(80))
      at = network_.begin(); // mostly in order
    auto x = *at;
    if (!faults || !chance(plan_.duplicate))
      network_.erase(at);
    bool lost =
        !connected(x.msg.from, x.msg.to) || (faults && chance(plan_.drop));
    bool is_offer = std::holds_alternative<snapshot_offer>(x.msg.body);
    bool alive = members_.at(x.msg.to).raft != nullptr;
    if (is_offer)
      snapshot_done(x, !lost && alive);
    if (!lost && alive)
      hand_over(std::move(x));
  }
}

void simulation::hand_over(flight x) {
  auto& to = members_.at(x.msg.to);
  if (std::holds_alternative<snapshot_offer>(x.msg.body))
    to.offered[x.offered.meta.index] = x.offered;
  to.raft->receive(std::move(x.msg));
  checker_.state_changed(to, members_);
}

void simulation::client(sim_member& x) {
  if (!x.raft)
    return;
  if (chance(50)) {
    auto command = std::to_string(++commands_);
    (void)x.raft->propose({std::make_shared<const std::string>(command)});
  }
  if (chance(30) && x.raft->read_index(++reads_))
    x.reads[reads_] = checker_.committed();
  if (chance(2))
    (void)x.raft->transfer(any().cfg.self);
  if (chance(plan_.campaign))
    (void)x.raft->campaign();
  if (chance(1))
    (void)x.raft->forget_leader();
  if (chance(2))
    x.raft->unreachable(any().cfg.self);
  checker_.state_changed(x, members_);
}

// Any leader may send any part of its log at any time: another one would
// choose its probes differently.
void simulation::resend(sim_member& x) {
  auto v = x.raft->inspect();
  auto& to = any();
  if (to.cfg.self == x.cfg.self || v.log.empty())
    return;
  auto from = random_.below(v.log.size());
  auto count = random_.below(3);
  auto& prev = v.log[from];
  append_request msg{prev.index, prev.term, v.hard.commit, {}};
  for (auto i = from + 1; i < v.log.size() && i <= from + count; ++i)
    msg.entries.push_back(v.log[i]);
  network_.push_back(
      {{x.cfg.self, to.cfg.self, v.hard.term, std::move(msg)}, {}});
}

void simulation::change(sim_member& x) {
  if (!x.raft)
    return;
  configuration_change what;
  what.how = static_cast<transition>(random_.below(3));
  auto count = chance(30) ? 2 : chance(10) ? 0 : 1;
  for (int i = 0; i < count; ++i) {
    auto op = chance(plan_.remove) ? change_op::remove
              : chance(60)         ? change_op::add_voter
                                   : change_op::add_learner;
    what.changes.push_back({op, any().cfg.self});
  }
  (void)x.raft->change(what);
}

void simulation::compact(sim_member& x) {
  if (x.app.meta.index <= x.disk.snapshot.meta.index
      || x.raft->inspect().applied < x.app.meta.index || !x.writes.empty())
    return;
  x.disk.snapshot = x.app;
  auto upto = x.raft->snapshot_taken(x.app.meta.index);
  auto& log = x.disk.log;
  while (!log.empty() && log.front().index <= upto) {
    x.disk.base = {{log.front().index, log.front().term, {}}, 0};
    log.erase(log.begin());
  }
}

void simulation::cut() {
  side_.clear();
  if (chance(50))
    return;
  for (auto& [id, x] : members_)
    if (chance(40))
      side_.insert(id);
}

sim_member* simulation::leader() {
  sim_member* out = nullptr;
  for (auto& [id, x] : members_) {
    if (!x.raft)
      continue;
    auto v = x.raft->inspect();
    if (v.role == role::leader
        && (out == nullptr || v.hard.term > out->raft->inspect().hard.term))
      out = &x;
  }
  return out;
}

bool simulation::at_rest(const std::vector<member_id>& members) const {
  auto upto = checker_.committed();
  return std::all_of(members.begin(), members.end(), [&](auto id) {
    auto& x = members_.at(id);
    if (gone_.contains(id))
      return true;
    return x.raft && x.app.meta.index == upto && x.writes.empty()
           && x.raft->inspect().last == upto;
  });
}

void simulation::heal_by_quorum() {
  for (auto missing = (members_.size() - 1) / 2; gone_.size() < missing;) {
    auto& x = any();
    if (gone_.insert(x.cfg.self).second && x.raft)
      x.crash(0);
  }
  heal();
}

// Everybody is back, nothing is lost: a leader is found, a command proposed to
// it is applied by all members, and nothing stays pending.
void simulation::heal() {
  side_.clear();
  bool proposed = false;
  for (int i = 0; i < 6000 && failure().empty(); ++i) {
    round(false);
    deliver(3 * members_.size(), false);
    auto* x = leader();
    if (x == nullptr || !x->app.meta.index)
      continue;
    auto v = x->raft->inspect();
    if (!is_member(v.conf, x->cfg.self)) {
      // Removed, and set to lead on all the same: somebody switches it off.
      gone_.insert(x->cfg.self);
      x->crash(0);
      continue;
    }
    if (i >= 500 && !proposed) {
      auto last = std::make_shared<const std::string>("last");
      proposed = static_cast<bool>(x->raft->propose({last}));
      continue;
    }
    if (!proposed || !at_rest(all_members(v.conf)))
      continue;
    if (v.uncommitted_bytes != 0)
      checker_.fail("bytes stay uncommitted at rest");
    for (auto& p : v.progress)
      if (p.member != x->cfg.self && p.inflight + p.inflight_bytes != 0
          && !gone_.contains(p.member))
        checker_.fail("appends stay in flight at rest");
    for (auto& [id, m] : members_)
      if (m.raft && !m.reads.empty() && m.raft->inspect().pending_reads == 0
          && !m.raft->ready())
        checker_.fail("a read was never answered");
    return;
  }
  checker_.fail("no rest after healing");
}

} // namespace troupe::raft::sim
