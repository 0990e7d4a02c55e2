#include <troupe/cluster/group/group_core.hpp>

#include <algorithm>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/raft/codec.hpp>

namespace troupe::raft {

group_core::group_core(group_config config, recovered disk, roster members,
                       boot_time now)
    : config_(std::move(config)),
      raft_(core_settings(config_.settings, config_.self, config_.seed), disk),
      roster_(std::move(members)),
      leadership_(raft_.current()),
      lease_(lease_length(config_.settings)),
      last_tick_(now),
      given_(disk.snapshot.index),
      given_term_(disk.snapshot.term),
      applied_(given_),
      unseen_(given_),
      saved_at_(now) {
  if (given_)
    stream_.offer(disk.snapshot);
  members_changed_ = true;
}

void group_core::tick(boot_time now) {
  // One at a time, however late: a lease rests on ticks not coming faster.
  if (now - last_tick_ < config_.settings.tick)
    return;
  last_tick_ = now;
  raft_.tick();
  batches_.expire(now);
  for (auto i = reads_.begin(); i != reads_.end();) {
    auto number = i->first;
    bool over = now >= i->second.deadline;
    ++i;
    if (over)
      fail_read(number, group_code::no_leader);
  }
  for (auto& [to, at] : stream_.take_silent(now))
    raft_.snapshot_sent(to, false, at);
  manage_members(now);
  check_wishes(now);
}

void group_core::receive(boot_time now, member_id from, group_frame kind,
                         std::string_view bytes) {
  if (kind == group_frame::chunk)
    return on_chunk(now, from, bytes);
  if (kind == group_frame::chunk_taken)
    return on_chunk_taken(now, from, bytes);
  proto::RaftMessage frame;
  auto size = static_cast<int>(bytes.size());
  if (kind != group_frame::raft || !frame.ParseFromArray(bytes.data(), size)) {
    ++malformed_;
    return;
  }
  auto msg = from_proto(frame);
  if (!msg || msg->from != from) {
    ++malformed_;
    return;
  }
  // The core installs what it is offered: it must be on this disk.
  if (auto* offer = std::get_if<snapshot_offer>(&msg->body))
    if (installing_ || received_ != offer->meta)
      return;
  raft_.receive(std::move(*msg));
}

void group_core::met(member_id peer, std::string uuid) {
  met_[peer] = std::move(uuid);
}

bool group_core::lease_holds(boot_time now) const {
  return lease_.holds(now) && raft_.lease_index().has_value();
}

std::vector<group_effect> group_core::take(boot_time now) {
  pump(now);
  return std::exchange(effects_, {});
}

void group_core::pump(boot_time now) {
  propose_held();
  ask_reads(now);
  while (raft_.ready())
    drain(now);
  snapshot_if_due(now);
  stream_snapshots(now);
  end_batches();
  serve_reads();
  if (std::exchange(members_changed_, false)) {
    check_wishes(now);
    emit(raft::members_changed{});
  }
}

void group_core::drain(boot_time now) {
  auto out = raft_.take();
  for (auto& next : out.leadership)
    lead(next);
  for (auto& msg : out.now) {
    if (auto* beat = std::get_if<heartbeat>(&msg.body))
      lease_.begun(beat->round, now);
    send_raft(msg);
  }
  if (!out.after_persist.empty())
    waiting_.emplace_back(out.after_batch, std::move(out.after_persist));
  release();
  if (out.persist) {
    if (out.persist->install)
      installing_ = {out.persist->id, *out.persist->install};
    emit(write_log{std::move(*out.persist)});
  }
  for (auto& wanted : out.snapshots)
    stream_.want(wanted.to, wanted.at_least, now);
  for (auto& x : out.proposals) {
    auto why = x.answer.why;
    if (why == code::none)
      batches_.placed(x.id, x.answer.term, x.answer.index);
    else if (why == code::not_leader || why == code::transferring
             || why == code::not_voter)
      batches_.hold(x.id);
    else if (why != code::outcome_unknown) // that one may still come
      batches_.fail(x.id, from_core(why));
  }
  if (out.confirmed_round)
    lease_.confirmed(*out.confirmed_round);
  answer_reads(out.reads);
  if (!out.committed.empty())
    give_out(std::move(out.committed));
  batches_.seen(given_, given_term_, unseen_);
  propose_held();
  ask_reads(now);
}

void group_core::lead(const raft::leadership& next) {
  bool led = leadership_.role == role::leader;
  if (!led || next.role != role::leader || next.term != leadership_.term) {
    lease_.clear();
    stream_.clear();
  }
  leadership_ = next;
  emit(leader_changed{next});
}

void group_core::send(member_id to, group_frame kind, std::string bytes) {
  emit(send_frame{to, kind, std::move(bytes)});
}

void group_core::send_raft(const message& msg) {
  proto::RaftMessage frame;
  to_proto(msg, frame);
  send(msg.to, group_frame::raft, frame.SerializeAsString());
}

void group_core::release() {
  while (!waiting_.empty() && waiting_.front().first <= told_) {
    for (auto& msg : waiting_.front().second)
      send_raft(msg);
    waiting_.pop_front();
  }
}

// -- the disk and the state machine -------------------------------------------

void group_core::persisted(std::uint64_t batch) {
  TROUPE_ASSERT(batch >= written_, "batch {} after {}", batch, written_);
  written_ = batch;
  if (installing_ && installing_->first <= batch) {
    if (!std::exchange(restoring_, true))
      emit(restore_snapshot{installing_->second});
    return; // the core is told once the state machine is the snapshot's
  }
  told_ = written_;
  raft_.persisted(told_);
  release();
}

void group_core::restored(const snapshot_meta& meta, roster members) {
  TROUPE_ASSERT(restoring_ && installing_->second == meta,
                "snapshot {} was not to be restored", meta.index);
  restoring_ = false;
  installing_.reset();
  roster_ = std::move(members);
  members_changed_ = true;
  given_ = applied_ = unseen_ = meta.index;
  given_term_ = meta.term;
  changes_ = 0;
  stream_.offer(meta);
  batches_.seen(given_, given_term_, unseen_);
  persisted(written_);
}

void group_core::applied(log_index upto) {
  // What a snapshot replaced meanwhile does not count.
  if (upto <= applied_ || upto > given_)
    return;
  applied_ = upto;
  raft_.applied(upto);
}

void group_core::give_out(std::vector<entry> entries) {
  apply_commands out;
  out.items.reserve(entries.size());
  for (auto& x : entries) {
    TROUPE_ASSERT(x.index.value == given_.value + 1, "entry {} behind {}",
                  x.index, given_);
    given_ = x.index;
    given_term_ = x.term;
    if (std::holds_alternative<configuration_change>(x.body)) {
      raft_.apply_change(x);
      members_changed_ = true;
    } else if (auto* bytes = std::get_if<payload>(&x.body)) {
      on_entry(x, *bytes, out);
    }
  }
  out.upto = given_;
  emit(std::move(out));
}

void group_core::on_entry(const entry& x, const payload& bytes,
                          apply_commands& to) {
  auto head = decode_head(*bytes);
  if (!head) {
    ++malformed_; // alike on all members: nothing happens
    return;
  }
  bool own = head->origin.member == config_.self.value
             && head->origin.boot == config_.boot;
  auto number = head->origin.number;
  bool open = own && batches_.applied(number);
  if (head->member)
    return member_command(*head->member, open, number);
  changes_ += head->commands;
  to.items.push_back({x.index, bytes, open ? number : 0});
}

void group_core::member_command(const proto::GroupMemberCommand& what, bool own,
                                std::uint64_t number) {
  auto result = roster_.apply(what, config_.settings.voters_min,
                              config_.settings.members_max);
  if (result.why == group_code::none)
    members_changed_ = true;
  if (roster_.is_removed(config_.self) && !std::exchange(left_, true))
    emit(left_group{});
  if (!own)
    return;
  if (number == managing_)
    managing_ = 0;
  auto i = wishes_.find(number);
  if (i == wishes_.end())
    return;
  i->second.agreed = true;
  i->second.member = result.id;
  if (result.why != group_code::none || !i->second.until_in_force)
    end_wish(number, result.why, result.id);
}

} // namespace troupe::raft
