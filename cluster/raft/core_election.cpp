#include <troupe/cluster/raft/core_impl.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/assert.hpp>

// Who leads: roles, terms and votes (thesis, 3.4, 3.10, 4.2.3 and 9.6).
namespace troupe::raft {

void core::impl::draw_timeout() {
  auto base = cfg_.election_ticks;
  auto up = static_cast<std::uint32_t>(std::max(cfg_.priority, 0));
  auto down = static_cast<std::uint32_t>(std::max(-cfg_.priority, 0));
  auto spread = std::max(base / (1 + up), 1u);
  timeout_ =
      base + down * base + static_cast<std::uint32_t>(random_.below(spread));
}

void core::impl::set_leader(member_id leader) {
  if (leader_ == leader)
    return;
  leader_ = leader;
  fail_pending(code::not_leader);
}

void core::impl::reset(raft::term term) {
  if (term_ != term) {
    TROUPE_ASSERT(term > term_, "term {} after {}", term, term_);
    term_ = term;
    vote_ = member_id{};
  }
  leader_ = member_id{};
  fail_pending(code::not_leader);
  election_elapsed_ = 0;
  heartbeat_elapsed_ = 0;
  draw_timeout();
  members_.reset(log_.last());
  own_vote_waits_ = false;
  transferee_ = member_id{};
  transfer_sent_ = false;
  appends_due_ = false;
  pending_change_ = log_index{};
  uncommitted_bytes_ = 0;
  round_ = 0;
  confirmed_round_ = 0;
}

void core::impl::become_follower(raft::term term, member_id leader) {
  reset(term);
  role_ = role::follower;
  leader_ = leader;
  note_leadership();
}

void core::impl::become_pre_candidate() {
  TROUPE_ASSERT(role_ != role::leader, "leader {} campaigns", cfg_.self);
  // Neither term nor vote change: being refused leaves no trace.
  members_.clear_votes();
  set_leader(member_id{});
  role_ = role::pre_candidate;
  note_leadership();
}

void core::impl::become_candidate() {
  TROUPE_ASSERT(role_ != role::leader, "leader {} campaigns", cfg_.self);
  reset(raft::term{term_.value + 1});
  vote_ = cfg_.self;
  role_ = role::candidate;
  note_leadership();
}

void core::impl::become_leader() {
  TROUPE_ASSERT(role_ == role::candidate, "{} was no candidate", cfg_.self);
  won_ack_age_ = members_.least_ack_age();
  reset(term_);
  role_ = role::leader;
  leader_ = cfg_.self;
  ack_tick_ = ticks_;
  term_start_ = log_index{log_.last().value + 1};
  // There may be a change among what is not applied yet: cheaper to wait for
  // all of it than to look.
  pending_change_ = log_.last();
  auto* self = members_.find(cfg_.self);
  TROUPE_ASSERT(self != nullptr, "{} leads without being a member", cfg_.self);
  self->matched(log_.writes().durable());
  self->become_replicate();
  self->active = true;
  note_leadership();
  place({entry{term_, term_start_, noop{}}});
}

bool core::impl::promotable() const {
  return is_voter(members_.conf(), cfg_.self) && !log_.writes().installing();
}

bool core::impl::has_unapplied_change() const {
  for (auto i = applies_.applied().value + 1; i <= log_.committed().value; ++i)
    if (std::holds_alternative<configuration_change>(
            log_.at(log_index{i}).body))
      return true;
  return false;
}

bool core::impl::in_lease() const {
  if (cfg_.lease_reads && restarted_ && ticks_ < cfg_.election_ticks)
    return true; // it may have answered a leader just before its restart
  return cfg_.check_quorum && leader_
         && election_elapsed_ < cfg_.election_ticks;
}

answer core::impl::hup(campaign_kind kind) {
  if (role_ == role::leader)
    return {};
  if (!promotable())
    return {code::not_voter, leader_, {}, {}};
  // Else two members could each lead a configuration of its own.
  if (has_unapplied_change())
    return {code::not_applied, {}, {}, {}};
  if (members_.conf().voters.size() < cfg_.voters_min)
    return {code::too_few_voters, {}, {}, {}};
  if (cfg_.lease_reads && kind != campaign_kind::transfer && in_lease())
    return {code::lease_held, leader_, {}, {}};
  campaign(kind);
  return {};
}

void core::impl::campaign(campaign_kind kind) {
  bool pre = kind == campaign_kind::pre_vote;
  pre ? become_pre_candidate() : become_candidate();
  own_vote_waits_ = true;
  own_vote_batch_ = 0;
  auto last = log_.last_position();
  for (auto id : all_voters(members_.conf())) {
    if (id == cfg_.self)
      continue;
    if (pre)
      send(id, raft::term{term_.value + 1},
           pre_vote_request{last.index, last.term});
    else
      send(id, vote_request{last.index, last.term,
                            kind == campaign_kind::transfer});
  }
}

void core::impl::count(member_id from, progress_tracker::vote vote) {
  members_.record(from, vote);
  auto result = members_.count_votes();
  if (result == tally::lost) {
    become_follower(term_, member_id{});
  } else if (result == tally::won && role_ == role::pre_candidate) {
    campaign(campaign_kind::election);
  } else if (result == tally::won
             && (members_.has_vote_of(cfg_.self) || cfg_.as_etcd)) {
    become_leader();
    send_appends(true);
  }
}

bool core::impl::may_vote(const message& msg, position last, bool pre) const {
  bool free =
      vote_ == msg.from || (!vote_ && !leader_) || (pre && msg.term > term_);
  // A learner votes as well: it may be a voter already and not know it.
  return free && log_.is_up_to_date(last);
}

known_commit core::impl::own_commit() const {
  auto at = log_.committed();
  return {at, log_.term_at(at).value_or(raft::term{})};
}

// Who holds that entry holds all before it: what is committed there is so here.
// It may end the configuration by which this member asks for votes, and whose
// voters need not vote for it any more.
void core::impl::learn_commit(const known_commit& x) {
  if (cfg_.as_etcd || role_ == role::leader || !x.term
      || x.index <= log_.committed() || !log_.holds({x.index, x.term}))
    return;
  log_.commit_to(x.index);
  if (role_ != role::follower && has_unapplied_change())
    become_follower(term_, member_id{});
}

void core::impl::on(const message& msg, const pre_vote_request& x) {
  bool granted = may_vote(msg, {x.last_index, x.last_term}, true);
  auto commit = granted ? known_commit{} : own_commit();
  send(msg.from, granted ? msg.term : term_, pre_vote_reply{granted, commit});
}

void core::impl::on(const message& msg, const vote_request& x) {
  bool granted = may_vote(msg, {x.last_index, x.last_term}, false);
  send(msg.from,
       vote_reply{granted, x.last_index, x.last_term, leader_ack_age(),
                  granted ? known_commit{} : own_commit()});
  if (granted) {
    election_elapsed_ = 0;
    vote_ = msg.from;
  }
}

void core::impl::on(const message& msg, const pre_vote_reply& x) {
  learn_commit(x.commit);
  bool asked_now = !x.granted || msg.term.value == term_.value + 1;
  if (role_ != role::pre_candidate || (!asked_now && !cfg_.as_etcd))
    return;
  count(msg.from, {x.granted, 0});
}

void core::impl::on(const message& msg, const vote_reply& x) {
  learn_commit(x.commit);
  position last{x.last_index, x.last_term};
  if (role_ == role::candidate && last == log_.last_position())
    count(msg.from, {x.granted, x.leader_ack_age});
}

void core::impl::on(const message&, const timeout_now&) {
  if (role_ == role::follower)
    (void)hup(campaign_kind::transfer);
}

bool core::impl::take_term(const message& msg) {
  bool pre_vote = std::holds_alternative<pre_vote_request>(msg.body);
  auto* vote = std::get_if<vote_request>(&msg.body);
  bool leads = std::holds_alternative<append_request>(msg.body)
               || std::holds_alternative<heartbeat>(msg.body);
  if (msg.term > term_) {
    // Who hears of a leader does not help to disturb it (thesis, 4.2.3).
    if ((pre_vote || (vote != nullptr && !vote->transfer)) && in_lease())
      return false;
    auto* pre_reply = std::get_if<pre_vote_reply>(&msg.body);
    if (pre_vote || (pre_reply != nullptr && pre_reply->granted))
      return true; // the term that would be, if it came to an election
    leads = leads || std::holds_alternative<snapshot_offer>(msg.body);
    become_follower(msg.term, leads ? msg.from : member_id{});
    return true;
  }
  if (msg.term < term_) {
    // Tell who lives in the past, or it could neither lead nor follow.
    if (leads && (cfg_.check_quorum || cfg_.pre_vote))
      send(msg.from, append_reply{});
    else if (pre_vote)
      send(msg.from, pre_vote_reply{false, own_commit()});
    return false;
  }
  return true;
}

} // namespace troupe::raft
