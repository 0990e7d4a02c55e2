#include <troupe/cluster/group/group_core.hpp>

#include <algorithm>

#include <troupe/cluster/raft/quorum.hpp>

// What users ask for, and how the leader brings the configuration in line with
// the roster.
namespace troupe::raft {

namespace {

bool contains(const std::vector<member_id>& xs, member_id id) {
  return std::find(xs.begin(), xs.end(), id) != xs.end();
}

bool is_member(const configuration& conf, member_id id) {
  return contains(conf.voters, id) || contains(conf.voters_outgoing, id)
         || contains(conf.learners, id) || contains(conf.learners_next, id);
}

} // namespace

// -- commands -----------------------------------------------------------------

std::uint64_t group_core::add_batch(boot_time now, payload entry) {
  auto& cfg = config_.settings;
  bool full = batches_.bytes() > 0
              && batches_.bytes() + entry->size() > cfg.pending_bytes_max;
  auto number = batches_.add(std::move(entry), now + cfg.leader_wait,
                             now + cfg.propose_timeout);
  if (left_)
    batches_.fail(number, group_code::removed);
  else if (full)
    batches_.fail(number, group_code::busy);
  return number;
}

std::uint64_t group_core::propose(boot_time now,
                                  const command_buffer& commands) {
  entry_origin from{config_.self.value, config_.boot, batches_.next_number()};
  return add_batch(
      now, std::make_shared<const std::string>(encode_entry(from, commands)));
}

std::uint64_t group_core::propose_own(boot_time now,
                                      proto::GroupMemberCommand what) {
  entry_origin from{config_.self.value, config_.boot, batches_.next_number()};
  return add_batch(
      now, std::make_shared<const std::string>(encode_entry(from, what)));
}

void group_core::propose_held() {
  while (auto number = batches_.first_held()) {
    auto got = raft_.propose({batches_.entry(number)}, number);
    if (got && got.index)
      batches_.placed(number, got.term, got.index);
    else if (got)
      batches_.sent(number, leadership_.term);
    else if (got.why == code::not_leader || got.why == code::transferring
             || got.why == code::not_voter)
      return; // when there is another leader
    else
      batches_.fail(number, from_core(got.why));
  }
}

void group_core::end_batches() {
  for (auto& x : batches_.take_failed()) {
    if (x.number == managing_)
      managing_ = 0;
    else if (wishes_.count(x.number) != 0)
      end_wish(x.number, x.why, {});
    else
      emit(batch_failed{x.number, x.why});
  }
}

void group_core::stop() {
  left_ = true;
  batches_.fail_all(group_code::stopped);
  end_batches();
  while (!reads_.empty())
    fail_read(reads_.begin()->first, group_code::stopped);
  while (!wishes_.empty())
    end_wish(wishes_.begin()->first, group_code::outcome_unknown, {});
  if (auto x = std::exchange(transfer_, std::nullopt))
    emit(wish_ended{x->number, group_code::stopped, {}});
}

// -- reads --------------------------------------------------------------------

std::uint64_t group_core::read(boot_time now, read_mode how) {
  auto number = next_read_++;
  if (left_ && how != read_mode::local) {
    emit(read_failed{number, group_code::removed});
  } else if (how == read_mode::local) {
    emit(reads_ready{{number}});
  } else if (reads_.size() >= config_.settings.pending_reads_max) {
    emit(read_failed{number, group_code::busy});
  } else {
    reads_[number] = {how, now + config_.settings.read_timeout, false};
  }
  return number;
}

void group_core::ask_reads(boot_time now) {
  for (auto i = reads_.rbegin(); i != reads_.rend(); ++i) {
    auto& [number, x] = *i;
    if (x.asked)
      continue;
    if (x.how == read_mode::lease && lease_.holds(now)) {
      if (auto index = raft_.lease_index()) {
        x.asked = true;
        reads_waiting_.emplace_back(*index, number);
        continue;
      }
    }
    x.asked = bool(raft_.read_index(number));
    if (!x.asked)
      return; // no leader: they all wait
  }
}

void group_core::answer_reads(const std::vector<read_answer>& answers) {
  for (auto& x : answers) {
    auto i = reads_.find(x.id);
    if (i == reads_.end())
      continue;
    if (x.why == code::none)
      reads_waiting_.emplace_back(x.index, x.id);
    else
      i->second.asked = false; // a read may be asked again
  }
}

void group_core::serve_reads() {
  if (reads_waiting_.empty())
    return;
  reads_ready out;
  std::erase_if(reads_waiting_, [&](auto& x) {
    auto i = reads_.find(x.second);
    if (i == reads_.end())
      return true;
    if (x.first > applied_ || restoring_)
      return false;
    out.numbers.push_back(x.second);
    reads_.erase(i);
    return true;
  });
  if (!out.numbers.empty())
    emit(std::move(out));
}

void group_core::fail_read(std::uint64_t number, group_code why) {
  reads_.erase(number);
  emit(read_failed{number, why});
}

// -- members ------------------------------------------------------------------

std::uint64_t group_core::wish(boot_time now,
                               const proto::GroupMemberCommand& what,
                               bool until_in_force) {
  auto number = propose_own(now, what);
  wishes_[number] = {
      what, until_in_force, false, {}, now + config_.settings.member_timeout};
  return number;
}

void group_core::end_wish(std::uint64_t number, group_code why, member_id who) {
  wishes_.erase(number);
  emit(wish_ended{number, why, who});
}

bool group_core::in_force(const pending_wish& x) const {
  auto& conf = raft_.conf();
  if (conf.joint())
    return false;
  auto* row = roster_.find(x.member);
  switch (x.what.what_case()) {
  case proto::GroupMemberCommand::kAdd:
    return contains(row != nullptr && row->votes ? conf.voters : conf.learners,
                    x.member);
  case proto::GroupMemberCommand::kPromote:
    return contains(conf.voters, x.member);
  case proto::GroupMemberCommand::kDemote:
    return contains(conf.learners, x.member);
  case proto::GroupMemberCommand::kRemove:
    return !is_member(conf, x.member);
  default:
    return true;
  }
}

void group_core::check_wishes(boot_time now) {
  for (auto i = wishes_.begin(); i != wishes_.end();) {
    auto& [number, x] = *i++;
    if (x.agreed && in_force(x))
      end_wish(number, group_code::none, x.member);
    else if (x.agreed && now >= x.deadline)
      end_wish(number, group_code::under_way, x.member);
  }
  check_transfer(now);
}

void group_core::manage_members(boot_time now) {
  if (leadership_.role != role::leader || !leadership_.caught_up
      || raft_.conf().joint())
    return;
  if (auto next = next_change())
    (void)raft_.change({{*next}, transition::automatic});
  if (managing_ != 0)
    return;
  proto::GroupMemberCommand own;
  for (auto& x : roster_.rows()) {
    auto seen = met_.find(x.id);
    if (x.leaving && !is_member(raft_.conf(), x.id)) {
      own.set_gone(x.id.value);
    } else if (x.uuid.empty() && seen != met_.end()) {
      own.mutable_seen()->set_id(x.id.value);
      own.mutable_seen()->set_uuid(seen->second);
    } else {
      continue;
    }
    managing_ = propose_own(now, own);
    return;
  }
}

// First those that come and rise, so that there is always one to succeed.
std::optional<member_change> group_core::next_change() {
  auto& conf = raft_.conf();
  auto status = raft_.status();
  auto caught_up = [&](member_id id) {
    for (auto& [member, match] : status.matches)
      if (member == id)
        return match.value + config_.settings.log_tail / 2 >= status.last.value;
    return false;
  };
  for (auto& x : roster_.rows()) {
    if (x.leaving)
      continue;
    if (!is_member(conf, x.id))
      return member_change{change_op::add_learner, x.id};
    if (x.votes && !contains(conf.voters, x.id) && caught_up(x.id))
      return member_change{change_op::add_voter, x.id};
  }
  for (auto& x : roster_.rows()) {
    bool voter = contains(conf.voters, x.id);
    if (!x.leaving && (x.votes || !voter))
      continue;
    if (voter && x.id == config_.self) {
      if (auto to = best_successor())
        (void)raft_.transfer(to);
      continue;
    }
    if (!is_member(conf, x.id) || (voter && conf.voters.size() == 1))
      continue;
    return member_change{x.leaving ? change_op::remove : change_op::add_learner,
                         x.id};
  }
  return std::nullopt;
}

member_id group_core::best_successor() const {
  member_id best{};
  log_index most{};
  for (auto& [id, match] : raft_.status().matches) {
    auto* row = roster_.find(id);
    if (id == config_.self || !contains(raft_.conf().voters, id)
        || row == nullptr || row->leaving || !row->votes)
      continue;
    if (!best || match > most) {
      best = id;
      most = match;
    }
  }
  return best;
}

// -- transfer -----------------------------------------------------------------

std::uint64_t group_core::transfer(boot_time now, member_id to) {
  auto number = next_transfer_++;
  auto end = [&](group_code why) {
    emit(wish_ended{number, why, leadership_.leader});
    return number;
  };
  if (leadership_.role != role::leader)
    return end(group_code::no_leader);
  if (!to)
    to = best_successor();
  if (!to)
    return end(group_code::too_few_voters);
  if (transfer_)
    return end(group_code::busy);
  if (auto got = raft_.transfer(to); !got)
    return end(from_core(got.why));
  if (to == config_.self)
    return end(group_code::none);
  // The core gives up after an election timeout; the new leader may be late.
  transfer_ = {number, leadership_.term, now + 2 * config_.settings.election};
  return number;
}

void group_core::check_transfer(boot_time now) {
  if (!transfer_)
    return;
  bool done = leadership_.term > transfer_->term && leadership_.leader
              && leadership_.leader != config_.self;
  if (!done && now < transfer_->deadline)
    return;
  auto number = transfer_->number;
  transfer_.reset();
  emit(wish_ended{number, done ? group_code::none : group_code::under_way,
                  leadership_.leader});
}

} // namespace troupe::raft
