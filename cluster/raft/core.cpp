#include <troupe/cluster/raft/core_impl.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/assert.hpp>

namespace troupe::raft {

core::impl::impl(settings cfg, recovered disk)
    : cfg_(cfg),
      random_(cfg.seed),
      restarted_(disk.hard != hard_state{}),
      term_(disk.hard.term),
      vote_(disk.hard.vote),
      log_(disk),
      applies_(disk.snapshot.index, cfg.applying_bytes_max),
      members_(cfg.inflight_max, cfg.inflight_bytes_max),
      changed_at_(disk.snapshot.index),
      remote_reads_(random_.next()),
      forwards_(random_.next()) {
  members_.switch_to(std::move(disk.snapshot.conf), log_.last());
  told_hard_ = hard();
  told_.term = term_;
  become_follower(term_, member_id{});
}

void core::impl::tick() {
  ++ticks_;
  expire_pending();
  auto& writes = log_.writes();
  disk_elapsed_ =
      writes.done_id() == writes.issued_id() ? 0 : disk_elapsed_ + 1;
  if (role_ == role::leader) {
    ack_tick_ = ticks_;
    tick_leader();
    return;
  }
  if (disk_is_silent())
    return; // its own vote would not become durable
  if (++election_elapsed_ >= timeout_ && promotable()) {
    // It looks at the time that passed: the count starts anew behind it.
    (void)hup(cfg_.pre_vote ? campaign_kind::pre_vote
                            : campaign_kind::election);
    election_elapsed_ = 0;
  }
}

void core::impl::persisted(std::uint64_t batch) {
  disk_elapsed_ = 0;
  if (log_.complete(batch))
    applies_.jump(log_index{log_.first().value - 1});
  if (own_vote_waits_ && own_vote_batch_ != 0 && own_vote_batch_ <= batch) {
    own_vote_waits_ = false;
    count(cfg_.self, {true, leader_ack_age()});
  }
  auto* self = members_.find(cfg_.self);
  if (role_ != role::leader || self == nullptr)
    return;
  auto durable = log_.writes().durable();
  // etcd's core acknowledges each entry to itself on its own.
  auto from = cfg_.as_etcd ? self->match().value + 1 : durable.value;
  for (auto i = from; i <= durable.value; ++i)
    if (self->matched(log_index{i}))
      member_matched(cfg_.self, *self);
}

const configuration& core::impl::apply_change(const entry& what) {
  auto* change = std::get_if<configuration_change>(&what.body);
  TROUPE_ASSERT(change != nullptr, "entry {} is no change", what.index);
  TROUPE_ASSERT(what.index <= applies_.applying(), "change {} not given out",
                what.index);
  if (what.index > changed_at_) {
    changed_at_ = what.index;
    if (auto next = changed(members_.conf(), *change)) {
      // Who is removed and added again starts anew, maybe with another disk.
      for (auto& one : change->changes)
        if (one.op == change_op::remove && one.member != cfg_.self
            && !contains(next->voters_outgoing, one.member))
          members_.forget(one.member);
      switch_to(std::move(*next));
    }
  }
  return members_.conf();
}

void core::impl::applied(log_index upto) {
  // What a snapshot replaced meanwhile is gone.
  auto from = std::max(applies_.applied().value + 1, log_.first().value);
  for (auto i = from; i <= upto.value; ++i) {
    auto skipped = log_index{i} > changed_at_
                   && std::holds_alternative<configuration_change>(
                       log_.at(log_index{i}).body);
    TROUPE_ASSERT(!skipped, "change {} was not applied", i);
  }
  applies_.complete(upto);
  leave_joint();
  note_leadership();
}

log_index core::impl::compact(log_index upto) {
  upto = std::min({upto, applies_.applied(), log_.writes().durable()});
  log_.compact(upto);
  return log_index{log_.first().value - 1};
}

log_index core::impl::applicable() const {
  auto& writes = log_.writes();
  if (writes.installing())
    return applies_.applying();
  return cfg_.apply_with_batch ? log_.committed()
                               : std::min(log_.committed(), writes.durable());
}

void core::impl::note_leadership() {
  leadership now{term_, role_, leader_, false, 0};
  if (role_ == role::leader) {
    now.caught_up = applies_.applied() >= term_start_;
    now.leader_ack_age = won_ack_age_;
  }
  if (now == told_)
    return;
  told_ = now;
  out_.leadership.push_back(now);
}

void core::impl::send(member_id to, raft::term term, message_body body) {
  // What promises something waits for the disk (thesis, 3.8).
  bool waits = std::holds_alternative<append_reply>(body)
               || std::holds_alternative<append_refusal>(body)
               || std::holds_alternative<pre_vote_reply>(body)
               || std::holds_alternative<vote_reply>(body);
  auto& queue = waits ? out_.after_persist : out_.now;
  queue.push_back({cfg_.self, to, term, std::move(body)});
}

bool core::impl::ready() const {
  return !out_.empty() || log_.has_unwritten() || hard() != told_hard_
         || (own_vote_waits_ && own_vote_batch_ == 0) || appends_due_
         || applies_.has_work(applicable())
         || (reads_.has_waiting()
             && (role_ != role::leader || commit_in_term()));
}

output core::impl::take() {
  if (std::exchange(appends_due_, false) && role_ == role::leader)
    send_appends(true);
  begin_reads();
  auto out = std::exchange(out_, {});
  bool own_vote = own_vote_waits_ && own_vote_batch_ == 0;
  if (log_.has_unwritten() || hard() != told_hard_ || own_vote) {
    auto now = hard();
    auto batch = log_.issue();
    if (now != told_hard_ || own_vote)
      batch.hard = now;
    batch.must_sync = !batch.append.empty() || batch.install
                      || batch.truncate_from || now.term != told_hard_.term
                      || now.vote != told_hard_.vote;
    told_hard_ = now;
    out.persist = std::move(batch);
  }
  out.after_batch = log_.writes().issued_id();
  if (own_vote)
    own_vote_batch_ = out.after_batch;
  out.committed = applies_.issue(log_, applicable());
  return out;
}

view core::impl::inspect() const {
  view out;
  out.role = role_;
  out.hard = hard();
  out.leader = leader_;
  out.transferee = transferee_;
  out.learner = contains(members_.conf().learners, cfg_.self);
  out.applied = applies_.applied();
  out.applying = applies_.applying();
  out.durable = log_.writes().durable();
  out.first = log_.first();
  out.last = log_.last();
  out.log.assign(log_.entries().begin(), log_.entries().end());
  out.conf = members_.conf();
  out.pending_change = pending_change_;
  if (role_ == role::leader)
    for (auto& [id, x] : members_.all())
      out.progress.push_back({id, x.feed(), x.match(), x.next(), x.learner,
                              x.active, x.paused(), x.window().count(),
                              x.window().bytes(), x.acked_round});
  out.uncommitted_bytes = uncommitted_bytes_;
  out.pending_reads = pending_reads();
  out.pending_forwards = forwards_.size();
  out.messages_due = out_.now.size();
  out.round = round_;
  out.confirmed_round = confirmed_round_;
  out.election_elapsed_ticks = election_elapsed_;
  out.election_timeout_ticks = timeout_;
  out.ignored = ignored_;
  return out;
}

// -- the shell of core::impl --------------------------------------------------

core::core(settings cfg, recovered disk) {
  auto flaw = find_flaw(cfg, disk);
  TROUPE_ASSERT(flaw.empty(), "{}", flaw);
  impl_ = std::make_unique<impl>(cfg, std::move(disk));
}

core::core(core&&) noexcept = default;
core& core::operator=(core&&) noexcept = default;
core::~core() = default;

answer core::propose(std::vector<payload> commands, std::uint64_t id) {
  return impl_->propose(std::move(commands), id);
}

answer core::change(configuration_change change, std::uint64_t id) {
  return impl_->change(std::move(change), id);
}

answer core::read_index(std::uint64_t id) {
  return impl_->read_index(id);
}

std::optional<log_index> core::lease_index() const {
  return impl_->lease_index();
}

std::optional<std::uint64_t> core::start_round() {
  if (impl_->role_ != role::leader)
    return std::nullopt;
  return impl_->start_round();
}

answer core::transfer(member_id to) {
  return impl_->transfer(to);
}

answer core::campaign() {
  using kind = impl::campaign_kind;
  return impl_->hup(impl_->cfg_.pre_vote ? kind::pre_vote : kind::election);
}

answer core::forget_leader() {
  if (impl_->cfg_.lease_reads)
    return {code::lease_held, impl_->leader_, {}, {}};
  if (impl_->role_ == role::follower) {
    impl_->set_leader(member_id{});
    impl_->note_leadership();
  }
  return {};
}

std::optional<message> core::offer_snapshot(member_id to,
                                            snapshot_meta meta) const {
  if (impl_->role_ != role::leader)
    return std::nullopt;
  return message{impl_->cfg_.self, to, impl_->term_,
                 snapshot_offer{std::move(meta)}};
}

void core::tick() {
  impl_->tick();
}

void core::receive(message msg) {
  impl_->receive(std::move(msg));
}

void core::persisted(std::uint64_t batch) {
  impl_->persisted(batch);
}

const configuration& core::apply_change(const entry& what) {
  return impl_->apply_change(what);
}

void core::applied(log_index upto) {
  impl_->applied(upto);
}

log_index core::snapshot_taken(log_index at) {
  auto tail = impl_->cfg_.log_tail;
  return impl_->compact(log_index{at.value > tail ? at.value - tail : 0});
}

log_index core::compact(log_index upto) {
  return impl_->compact(upto);
}

void core::snapshot_sent(member_id to, bool ok, log_index at) {
  impl_->snapshot_sent(to, ok, at);
}

void core::unreachable(member_id peer) {
  impl_->unreachable(peer);
}

void core::push_commit() {
  impl_->push_commit();
}

bool core::ready() const {
  return impl_->ready();
}

output core::take() {
  return impl_->take();
}

const leadership& core::current() const {
  return impl_->told_;
}

const configuration& core::conf() const {
  return impl_->members_.conf();
}

view core::inspect() const {
  return impl_->inspect();
}

void core::set_election_timeout(std::uint32_t ticks) {
  impl_->timeout_ = ticks;
}

} // namespace troupe::raft
