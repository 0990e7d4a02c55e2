#include "sim_checker.hpp"

#include <algorithm>

#include <troupe/cluster/raft/quorum.hpp>

namespace troupe::raft::sim {

namespace {

std::string name(const sim_member& x) {
  return "member " + std::to_string(x.cfg.self.value) + ": ";
}

std::string number(log_index x) {
  return std::to_string(x.value);
}

using ids = std::vector<member_id>;

// Whether each majority of one has a member in each majority of the other.
bool overlap(const ids& a, const ids& b) {
  std::size_t both = 0;
  for (auto id : a)
    both += std::find(b.begin(), b.end(), id) != b.end();
  // As many of `both` as a majority needs that takes all it can elsewhere.
  auto needed = [&](const ids& xs) {
    auto majority = xs.size() / 2 + 1;
    return majority - std::min(majority, xs.size() - both);
  };
  return needed(a) + needed(b) > both;
}

bool overlap(const configuration& a, const configuration& b) {
  for (auto* x : {&a.voters, &a.voters_outgoing})
    for (auto* y : {&b.voters, &b.voters_outgoing})
      if (!x->empty() && !y->empty() && overlap(*x, *y))
        return true;
  return false;
}

} // namespace

void sim_checker::fail(std::string what) {
  if (failure_.empty())
    failure_ = std::move(what);
}

void sim_checker::hard_written(const sim_member& x, const hard_state& before) {
  auto& now = x.disk.hard;
  if (now.term < before.term)
    fail(name(x) + "the term on disk went back");
  if (now.term == before.term && before.vote && now.vote != before.vote)
    fail(name(x) + "voted twice in term " + std::to_string(now.term.value));
}

void sim_checker::entries_written(const sim_member& x) {
  auto before = x.disk.base.meta.term;
  for (auto& e : x.disk.log) {
    std::pair now{body_digest(e), before};
    auto [at, added] = entries_.emplace(std::pair{e.index, e.term}, now);
    if (!added && at->second != now)
      fail(name(x) + "logs do not match at " + number(e.index));
    before = e.term;
  }
}

void sim_checker::leader_seen(const sim_member& x, term t,
                              const std::map<member_id, sim_member>& all) {
  auto [at, added] = leaders_.emplace(t, x.cfg.self);
  if (!added && at->second != x.cfg.self)
    fail(name(x) + "second leader of term " + std::to_string(t.value));
  if (x.disk.hard.term < t
      || (x.disk.hard.term == t && x.disk.hard.vote != x.cfg.self))
    fail(name(x) + "leads without its own vote on disk");
  if (!added)
    return;
  auto v = x.raft->inspect();
  // Who went on to a later term may have voted for it before.
  auto votes = quorum_vote(v.conf, [&](member_id id) -> std::optional<bool> {
    auto& hard = all.at(id).disk.hard;
    return hard.term > t || (hard.term == t && hard.vote == x.cfg.self);
  });
  if (votes != tally::won)
    fail(name(x) + "leads term " + std::to_string(t.value)
         + " without the votes of a quorum");
  for (auto& [index, e] : committed_entries_) {
    if (e.term >= t || index < v.first)
      continue;
    if (index > v.last || v.log[index.value - v.first.value].term != e.term)
      fail(name(x) + "leads without committed entry " + number(index));
  }
}

// What a crash right now would lose must not have been promised.
void sim_checker::message_left(const sim_member& x, const message& msg) {
  auto& hard = x.disk.hard;
  if (auto* vote = std::get_if<vote_reply>(&msg.body)) {
    if (vote->granted && hard.term == msg.term && hard.vote != msg.to)
      fail(name(x) + "a vote left before it was durable");
    if (vote->granted && hard.term < msg.term)
      fail(name(x) + "a vote left before its term was durable");
  }
  auto* reply = std::get_if<append_reply>(&msg.body);
  if (reply == nullptr || hard.term > msg.term || !reply->index)
    return;
  if (hard.term < msg.term)
    fail(name(x) + "an acknowledgement left before its term was durable");
  if (x.disk.last() < reply->index)
    fail(name(x) + "acknowledged " + number(reply->index)
         + " before it was durable");
}

void sim_checker::commit(const sim_member& x, const view& v, const entry& e,
                         const std::map<member_id, sim_member>& all) {
  auto [at, added] = committed_entries_.emplace(
      e.index, committed_entry{e.term, body_digest(e)});
  if (!added) {
    if (at->second.body != body_digest(e))
      fail(name(x) + "another entry is committed at " + number(e.index));
    return;
  }
  // The first to know is the leader: a quorum must have it, durably. Entries
  // in memory count for it as well, since a later one carries them.
  committed_ = std::max(committed_, e.index);
  auto has = quorum_vote(v.conf, [&](member_id id) -> std::optional<bool> {
    auto& d = all.at(id).disk;
    return d.snapshot.meta.index >= e.index || d.term_at(e.index) == e.term;
  });
  if (v.role == role::leader && has != tally::won)
    fail(name(x) + "committed " + number(e.index)
         + " without a durable quorum");
}

// One change at a time, and no campaign while one is committed and not applied.
void sim_checker::changes_in_log(const sim_member& x, const view& v) {
  std::size_t unapplied = 0;
  bool placed = false;
  for (auto& e : v.log) {
    if (e.index <= v.applied
        || !std::holds_alternative<configuration_change>(e.body))
      continue;
    ++unapplied;
    placed = placed || e.term == v.hard.term;
    if (e.index <= v.hard.commit
        && (v.role == role::pre_candidate || v.role == role::candidate))
      fail(name(x) + "campaigns with the change at " + number(e.index)
           + " committed and not applied");
  }
  if (v.role == role::leader && placed && unapplied > 1)
    fail(name(x) + "placed a change above one that it has not applied");
}

void sim_checker::state_changed(sim_member& x,
                                const std::map<member_id, sim_member>& all) {
  auto v = x.raft->inspect();
  if (v.hard.commit < x.seen_commit)
    fail(name(x) + "the commit index went back");
  if (v.hard.commit > v.last || v.applied > v.hard.commit)
    fail(name(x) + "applied, commit and last are out of order");
  changes_in_log(x, v);
  for (auto& e : v.log)
    if (e.index > x.seen_commit && e.index <= v.hard.commit)
      commit(x, v, e, all);
  x.seen_commit = std::max(x.seen_commit, v.hard.commit);
}

void sim_checker::applied(const sim_member& x, const entry& e) {
  if (e.index != x.app.meta.index)
    fail(name(x) + "applied " + number(e.index) + " out of order");
  auto known = committed_entries_.find(e.index);
  if (known == committed_entries_.end() || known->second.body != body_digest(e))
    fail(name(x) + "applied what is not committed at " + number(e.index));
  auto [at, added] = states_.emplace(e.index, x.app.content);
  if (!added && at->second != x.app.content)
    fail(name(x) + "another state after " + number(e.index));
  if (x.disk.last() < e.index)
    fail(name(x) + "applied " + number(e.index) + " before it was durable");
}

void sim_checker::conf_applied(const sim_member& x,
                               const configuration& before) {
  auto at = x.app.meta.index;
  // A snapshot is being installed that goes further: this state ends with it.
  if (x.raft->inspect().first > at)
    return;
  auto& now = x.app.meta.conf;
  auto [known, added] = confs_.emplace(at, now);
  if (!added && known->second != now)
    fail(name(x) + "another configuration after " + number(at));
  if (!before.voters.empty() && !overlap(before, now))
    fail(name(x) + "two majorities that share nobody after " + number(at));
}

void sim_checker::read_answered(const sim_member& x, const read_answer& got,
                                log_index least) {
  if (got.why == code::none && got.index < least)
    fail(name(x) + "stale read: " + number(got.index) + " below "
         + number(least));
}

} // namespace troupe::raft::sim
