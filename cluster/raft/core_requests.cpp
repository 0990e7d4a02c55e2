#include <troupe/cluster/raft/core_impl.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/assert.hpp>

// Proposals, configuration changes and reads, here or through the leader.
namespace troupe::raft {

answer core::impl::no_leader_here() const {
  return {code::not_leader, leader_, {}, {}};
}

// -- proposals ----------------------------------------------------------------

answer core::impl::propose(std::vector<payload> commands, std::uint64_t id) {
  if (role_ == role::leader)
    return place_commands(std::move(commands));
  if (!leader_ || !cfg_.forward_proposals)
    return no_leader_here();
  if (forwards_.size() >= cfg_.pending_forwards_max)
    return {code::busy, {}, {}, {}};
  auto number = forwards_.add(id, ticks_ + 2 * cfg_.election_ticks);
  send(leader_, raft::term{}, forward_commands{number, std::move(commands)});
  return {};
}

answer core::impl::place_commands(std::vector<payload> commands) {
  if (members_.find(cfg_.self) == nullptr)
    return {code::not_voter, {}, {}, {}}; // removed, but still leading
  if (transferee_)
    return {code::transferring, {}, {}, {}};
  std::vector<entry> xs;
  xs.reserve(commands.size());
  std::size_t bytes = 0;
  for (auto& command : commands) {
    TROUPE_ASSERT(command != nullptr, "command {} has no bytes", xs.size());
    if (cfg_.command_bytes_max != 0 && command->size() > cfg_.command_bytes_max)
      return {code::too_big, {}, {}, {}};
    bytes += command->size();
    log_index at{log_.last().value + 1 + xs.size()};
    xs.push_back({term_, at, std::move(command)});
  }
  // Into an empty backlog any size goes, and what weighs nothing always does.
  if (cfg_.uncommitted_bytes_max != 0 && uncommitted_bytes_ > 0 && bytes > 0
      && uncommitted_bytes_ + bytes > cfg_.uncommitted_bytes_max)
    return {code::busy, {}, {}, {}};
  answer out{code::none, cfg_.self, term_, log_index{log_.last().value + 1}};
  if (xs.empty())
    return out;
  place(std::move(xs));
  if (cfg_.batch_appends)
    appends_due_ = true;
  else
    send_appends(true);
  return out;
}

// -- configuration changes ----------------------------------------------------

answer core::impl::change(configuration_change change, std::uint64_t id) {
  if (role_ == role::leader)
    return place_change(std::move(change));
  if (!leader_ || !cfg_.forward_proposals)
    return no_leader_here();
  if (forwards_.size() >= cfg_.pending_forwards_max)
    return {code::busy, {}, {}, {}};
  auto number = forwards_.add(id, ticks_ + 2 * cfg_.election_ticks);
  send(leader_, raft::term{}, forward_change{number, std::move(change)});
  return {};
}

code core::impl::check_change(const configuration_change& change) const {
  if (!cfg_.validate_changes)
    return code::none;
  if (pending_change_ > applies_.applied())
    return code::change_pending;
  auto next = changed(members_.conf(), change);
  if (!next)
    return code::change_invalid;
  if (cfg_.members_max != 0 && !change.changes.empty()) {
    auto size = all_members(*next).size();
    if (size > cfg_.members_max && size > all_members(members_.conf()).size())
      return code::too_many_members;
  }
  return code::none;
}

answer core::impl::place_change(configuration_change change) {
  if (members_.find(cfg_.self) == nullptr)
    return {code::not_voter, {}, {}, {}}; // removed, but still leading
  if (transferee_)
    return {code::transferring, {}, {}, {}};
  if (auto why = check_change(change); why != code::none)
    return {why, {}, {}, {}};
  log_index at{log_.last().value + 1};
  pending_change_ = at;
  place({entry{term_, at, std::move(change)}});
  send_appends(true);
  return {code::none, cfg_.self, term_, at};
}

answer core::impl::transfer(member_id to) {
  if (role_ != role::leader)
    return no_leader_here();
  auto* member = members_.find(to);
  if (member == nullptr)
    return {code::unknown_member, {}, {}, {}};
  if (member->learner)
    return {code::not_voter, {}, {}, {}};
  if (transferee_ == to)
    return {};
  transferee_ = member_id{};
  if (to == cfg_.self)
    return {};
  // It has one election timeout.
  election_elapsed_ = 0;
  transferee_ = to;
  if (member->match() == log_.last()) {
    transfer_sent_ = true;
    send(to, timeout_now{});
  } else {
    send_append(to, *member, true);
  }
  return {};
}

// -- reads --------------------------------------------------------------------

std::size_t core::impl::pending_reads() const {
  return reads_.size() + remote_reads_.size();
}

answer core::impl::read_index(std::uint64_t id) {
  if (!leader_)
    return no_leader_here();
  if (pending_reads() >= cfg_.pending_reads_max)
    return {code::busy, {}, {}, {}};
  reads_.ask({member_id{}, id});
  if (cfg_.as_etcd)
    begin_reads();
  return {};
}

std::optional<log_index> core::impl::lease_index() const {
  // timeout_now may reach its receiver long after the transfer was given up:
  // it then wins against the lease.
  if (role_ != role::leader || !commit_in_term() || transferee_
      || transfer_sent_)
    return std::nullopt;
  return log_.committed();
}

void core::impl::begin_reads() {
  if (!reads_.has_waiting())
    return;
  if (role_ == role::leader) {
    // Before it has committed in its term, it may not know what is committed.
    if (!commit_in_term())
      return;
    auto& conf = members_.conf();
    if (cfg_.as_etcd && !conf.joint() && conf.voters.size() == 1) {
      answer_reads({{0, log_.committed(), reads_.take_waiting()}});
      return;
    }
    reads_.begin(round_ + 1, log_.committed());
    start_round();
  } else if (leader_) {
    auto number = remote_reads_.add(reads_.take_waiting(),
                                    ticks_ + 2 * cfg_.election_ticks);
    send(leader_, raft::term{}, read_request{number});
  }
}

void core::impl::answer_reads(std::vector<read_rounds::group> groups) {
  for (auto& group : groups) {
    for (auto& x : group.reads) {
      if (x.from)
        send(x.from, read_reply{x.id, group.index});
      else
        out_.reads.push_back({x.id, code::none, group.index});
    }
  }
}

void core::impl::fail_pending(code why) {
  auto fail = [&](const std::vector<read_rounds::read>& reads) {
    for (auto& x : reads)
      if (!x.from)
        out_.reads.push_back({x.id, why, {}});
  };
  fail(reads_.take_all());
  for (auto& reads : remote_reads_.take_all())
    fail(reads);
  // The lost leader may have placed it.
  for (auto id : forwards_.take_all())
    out_.proposals.push_back({id, {code::outcome_unknown, {}, {}, {}}});
}

void core::impl::expire_pending() {
  for (auto& reads : remote_reads_.take_expired(ticks_))
    for (auto& x : reads)
      out_.reads.push_back({x.id, code::outcome_unknown, {}});
  for (auto id : forwards_.take_expired(ticks_))
    out_.proposals.push_back({id, {code::outcome_unknown, {}, {}, {}}});
}

void core::impl::on(const message& msg, const read_request& x) {
  if (role_ != role::leader || pending_reads() >= cfg_.pending_reads_max)
    return;
  reads_.ask({msg.from, x.id});
  if (cfg_.as_etcd)
    begin_reads();
}

void core::impl::on(const message& msg, const read_reply& x) {
  if (role_ != role::follower || msg.from != leader_)
    return;
  if (auto reads = remote_reads_.take(x.id))
    for (auto& read : *reads)
      out_.reads.push_back({read.id, code::none, x.index});
}

// -- forwarded ----------------------------------------------------------------

void core::impl::on(const message& msg, const forward_commands& x) {
  auto got =
      role_ == role::leader ? place_commands(x.commands) : no_leader_here();
  send(msg.from, raft::term{},
       forward_reply{x.id, got.why, got.leader, got.term, got.index});
}

void core::impl::on(const message& msg, const forward_change& x) {
  auto got = role_ == role::leader ? place_change(x.change) : no_leader_here();
  send(msg.from, raft::term{},
       forward_reply{x.id, got.why, got.leader, got.term, got.index});
}

void core::impl::on(const message&, const forward_reply& x) {
  if (auto id = forwards_.take(x.id))
    out_.proposals.push_back(
        {*id, {x.why, x.leader, x.placed_term, x.placed_index}});
}

} // namespace troupe::raft
