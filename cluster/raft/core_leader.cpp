#include <troupe/cluster/raft/core_impl.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/assert.hpp>

// A leader's replication, commit and rounds (thesis, 3.5, 3.6, 6.4, 10.2).
namespace troupe::raft {

void core::impl::tick_leader() {
  if (disk_is_silent()) {
    become_follower(term_, member_id{});
    return;
  }
  ++heartbeat_elapsed_;
  if (++election_elapsed_ >= cfg_.election_ticks) {
    election_elapsed_ = 0;
    if (cfg_.check_quorum && !members_.take_quorum_active(cfg_.self)) {
      become_follower(term_, member_id{});
      return;
    }
    transferee_ = member_id{};
    if (!cfg_.as_etcd)
      leave_joint(); // a transfer may have kept it from doing so
  }
  if (heartbeat_elapsed_ >= cfg_.heartbeat_ticks) {
    heartbeat_elapsed_ = 0;
    start_round();
  }
}

std::uint64_t core::impl::start_round() {
  ++round_;
  for (auto& [id, x] : members_.all()) {
    if (id == cfg_.self)
      continue;
    // Beyond what it acknowledged, its log may not be this one.
    auto commit = std::min(x.match(), log_.committed());
    send(id, heartbeat{commit, round_});
    x.sent_commit(commit);
  }
  check_rounds();
  return round_;
}

void core::impl::check_rounds() {
  if (members_.conf().voters.empty())
    return;
  auto round = members_.round_of_quorum(cfg_.self, round_);
  if (round <= confirmed_round_)
    return;
  confirmed_round_ = round;
  out_.confirmed_round = round;
  answer_reads(reads_.confirm(round));
}

void core::impl::place(std::vector<entry> xs) {
  for (auto& x : xs)
    uncommitted_bytes_ += payload_bytes(x);
  log_.append(std::move(xs));
}

bool core::impl::commit_in_term() const {
  return log_.committed() >= term_start_;
}

bool core::impl::advance_commit() {
  if (members_.conf().voters.empty())
    return false;
  auto upto = members_.matched_by_quorum();
  // Entries of earlier terms are committed by one of this term above them,
  // never by count (thesis, 3.6.2).
  auto from = log_.committed();
  if (upto <= from || log_.term_at(upto) != term_)
    return false;
  log_.commit_to(upto);
  for (auto i = std::max(from.value + 1, term_start_.value); i <= upto.value;
       ++i)
    uncommitted_bytes_ -= payload_bytes(log_.at(log_index{i}));
  return true;
}

bool core::impl::send_append(member_id to, progress& x, bool even_empty) {
  if (x.paused())
    return false;
  log_index prev{x.next().value - 1};
  auto prev_term = log_.term_at(prev);
  if (!prev_term) {
    if (!x.active)
      return false;
    log_index at_least{log_.first().value - 1};
    out_.snapshots.push_back({to, at_least});
    x.become_snapshot(at_least);
    return true;
  }
  // Into a full window an empty append still goes: if all that filled it was
  // lost, its answer is what tells.
  std::vector<entry> xs;
  if (x.has_room())
    xs = log_.slice(x.next(), log_.last(), cfg_.append_bytes_max);
  if (xs.empty() && !even_empty)
    return false;
  std::size_t bytes = 0;
  for (auto& e : xs)
    bytes += payload_bytes(e);
  x.sent(xs.size(), bytes, log_.committed());
  send(to, append_request{prev, *prev_term, log_.committed(), std::move(xs)});
  return true;
}

void core::impl::send_appends(bool even_empty) {
  for (auto& [id, x] : members_.all())
    if (id != cfg_.self)
      send_append(id, x, even_empty);
}

void core::impl::push_commit() {
  if (role_ != role::leader)
    return;
  for (auto& [id, x] : members_.all())
    if (id != cfg_.self && x.wants_commit(log_.committed()))
      send_append(id, x, true);
}

void core::impl::member_matched(member_id from, progress& x) {
  if (x.feed() == feed::probe) {
    x.become_replicate();
  } else if (x.feed() == feed::snapshot) {
    // Whichever snapshot it installed: the log can take over.
    if (x.match().value + 1 >= log_.first().value) {
      x.become_probe();
      x.become_replicate();
    }
  } else {
    x.release(x.match());
  }
  bool news = advance_commit();
  if (news && cfg_.as_etcd)
    begin_reads();
  if (!cfg_.commit_rides) {
    if (news)
      send_appends(true);
    else if (from != cfg_.self && x.wants_commit(log_.committed()))
      send_append(from, x, true);
  }
  if (from == cfg_.self)
    return;
  while (send_append(from, x, false))
    continue;
  if (from == transferee_ && x.match() == log_.last()) {
    transfer_sent_ = true;
    send(from, timeout_now{});
  }
}

void core::impl::on(const message& msg, const append_reply& x) {
  if (role_ != role::leader)
    return;
  if (x.index > log_.last()) {
    ++ignored_;
    return;
  }
  auto& member = *members_.find(msg.from);
  member.active = true;
  if (member.matched(x.index)
      || (member.match() == x.index && member.feed() == feed::probe))
    member_matched(msg.from, member);
}

void core::impl::on(const message& msg, const append_refusal& x) {
  if (role_ != role::leader)
    return;
  auto& member = *members_.find(msg.from);
  member.active = true;
  // Skip what cannot match: one probe per term, not per entry.
  auto hint =
      x.hint_term ? log_.meeting_point(x.hint, x.hint_term).index : x.hint;
  if (!member.refused(x.index, hint))
    return;
  if (member.feed() == feed::replicate)
    member.become_probe();
  send_append(msg.from, member, true);
}

void core::impl::on(const message& msg, const heartbeat_reply& x) {
  if (role_ != role::leader)
    return;
  if (x.round > round_) {
    ++ignored_;
    return;
  }
  auto& member = *members_.find(msg.from);
  member.active = true;
  member.resume();
  if (member.match() < log_.last() || member.feed() == feed::probe)
    send_append(msg.from, member, true);
  member.acked_round = std::max(member.acked_round, x.round);
  check_rounds();
}

void core::impl::snapshot_sent(member_id to, bool ok, log_index at) {
  auto* member = members_.find(to);
  if (role_ == role::leader && member != nullptr)
    member->snapshot_ended(ok ? std::min(at, log_.last()) : log_index{});
}

void core::impl::unreachable(member_id peer) {
  auto* member = members_.find(peer);
  if (role_ == role::leader && member != nullptr
      && member->feed() == feed::replicate)
    member->become_probe();
}

void core::impl::leave_joint() {
  if (role_ == role::leader && members_.conf().auto_leave
      && applies_.applied() >= pending_change_)
    (void)place_change({});
}

void core::impl::switch_to(configuration conf) {
  members_.switch_to(std::move(conf), log_.last());
  if (role_ != role::leader)
    return;
  if (!is_voter(members_.conf(), cfg_.self)) {
    if (cfg_.commit_rides)
      push_commit(); // who stays has to know it
    if (cfg_.step_down_on_removal)
      become_follower(term_, member_id{});
    return;
  }
  if (advance_commit())
    send_appends(true);
  else
    send_appends(false);
  check_rounds();
  if (!is_voter(members_.conf(), transferee_))
    transferee_ = member_id{};
}

} // namespace troupe::raft
