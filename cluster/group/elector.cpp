#include <troupe/cluster/group/elector.hpp>

#include <algorithm>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/raft/codec.hpp>
#include <troupe/proto/group.pb.h>

namespace troupe::raft {

namespace {

constexpr std::size_t log_entries_max = 16;

settings core_settings(const election_settings& x, member_id self,
                       std::uint64_t seed) {
  settings out;
  out.self = self;
  out.seed = seed;
  out.election_ticks = static_cast<std::uint32_t>(x.election / x.tick);
  out.heartbeat_ticks = static_cast<std::uint32_t>(
      std::max<std::int64_t>(x.heartbeat / x.tick, 1));
  out.voters_min = x.members_min;
  out.members_max = x.members_max;
  out.log_tail = 0;
  return out;
}

std::optional<recovered> read(std::string_view bytes) {
  proto::ElectionRecord from;
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return std::nullopt;
  auto base = from_proto(from.base());
  if (!base || !base->index)
    return std::nullopt;
  recovered out{from_proto(from.hard()), std::move(*base), {}};
  for (auto& row : from.log()) {
    auto x = from_proto(row);
    if (!x)
      return std::nullopt;
    out.log.push_back(std::move(*x));
  }
  settings any;
  any.self = member_id{1};
  return find_flaw(any, out).empty() ? std::optional{std::move(out)}
                                     : std::nullopt;
}

recovered begin(std::vector<member_id> members,
                const std::optional<std::string>& stored) {
  if (stored) {
    auto out = read(*stored);
    TROUPE_ASSERT(out, "a record of {} bytes was not checked", stored->size());
    return std::move(*out);
  }
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  recovered out;
  out.snapshot = {log_index{1}, term{1}, {std::move(members), {}, {}, {}}};
  out.hard = {term{1}, {}, log_index{1}};
  return out;
}

} // namespace

std::string find_flaw(const election_settings& x) {
  if (x.tick <= boot_time{0} || x.heartbeat < x.tick)
    return "tick must be above 0 and not above heartbeat";
  if (x.election < 2 * x.heartbeat || x.election < 4 * x.tick)
    return "election must be at least twice the heartbeat and 4 ticks";
  if (x.members_min == 0)
    return "members_min must be at least 1";
  if (x.members_max != 0 && x.members_max < x.members_min)
    return "members_max must not be below members_min";
  return {};
}

elector::elector(election_settings cfg, member_id self, std::uint64_t seed,
                 std::vector<member_id> members,
                 const std::optional<std::string>& stored, boot_time now)
    : cfg_(cfg),
      self_(self),
      disk_(begin(std::move(members), stored)),
      core_(core_settings(cfg, self, seed), disk_),
      last_tick_(now),
      applied_(disk_.snapshot) {
}

bool elector::is_record(std::string_view bytes) {
  return read(bytes).has_value();
}

void elector::tick(boot_time now) {
  if (now - last_tick_ < cfg_.tick)
    return;
  last_tick_ = now;
  core_.tick();
}

void elector::receive(member_id from, std::string_view bytes) {
  proto::RaftMessage frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return;
  auto msg = from_proto(frame);
  if (msg && msg->from == from && msg->to == self_)
    core_.receive(std::move(*msg));
}

answer elector::add(member_id who) {
  auto now = members();
  if (std::binary_search(now.begin(), now.end(), who))
    return {};
  return core_.change({{{change_op::add_voter, who}}, transition::automatic});
}

answer elector::remove(member_id who) {
  return core_.change({{{change_op::remove, who}}, transition::automatic});
}

std::vector<member_id> elector::members() const {
  return core_.conf().voters;
}

void elector::note(const persist_batch& batch) {
  if (batch.install) {
    disk_.snapshot = *batch.install;
    disk_.log.clear();
  }
  if (batch.truncate_from)
    std::erase_if(disk_.log,
                  [&](auto& x) { return x.index >= *batch.truncate_from; });
  disk_.log.insert(disk_.log.end(), batch.append.begin(), batch.append.end());
  if (batch.hard)
    disk_.hard = *batch.hard;
}

std::string elector::record() const {
  proto::ElectionRecord to;
  to_proto(disk_.hard, *to.mutable_hard());
  to_proto(disk_.snapshot, *to.mutable_base());
  for (auto& x : disk_.log)
    to_proto(x, *to.add_log());
  return to.SerializeAsString();
}

void elector::apply(const std::vector<entry>& entries) {
  for (auto& x : entries) {
    applied_.index = x.index;
    applied_.term = x.term;
    if (!std::holds_alternative<configuration_change>(x.body))
      continue;
    core_.apply_change(x);
    members_changed_ = true;
  }
  applied_.conf = core_.conf();
  core_.applied(applied_.index);
  if (disk_.log.size() <= log_entries_max || storing_ != 0)
    return;
  // Nothing but the members counts of what lies behind; a record without it
  // says the same as the one on the disk.
  disk_.snapshot = applied_;
  std::erase_if(disk_.log, [&](auto& x) { return x.index <= applied_.index; });
  core_.snapshot_taken(applied_.index);
}

void elector::stored() {
  TROUPE_ASSERT(storing_ != 0, "nothing was to be stored by {}", self_);
  auto batch = std::exchange(storing_, 0);
  if (disk_.snapshot.index > applied_.index) { // one was installed
    applied_ = disk_.snapshot;
    members_changed_ = true;
  }
  core_.persisted(batch);
}

elector::output elector::take() {
  output out;
  auto leave = [&](const message& msg) {
    proto::RaftMessage frame;
    to_proto(msg, frame);
    out.send.emplace_back(msg.to, frame.SerializeAsString());
  };
  if (storing_ == 0)
    for (; !waiting_.empty(); waiting_.pop_front())
      leave(waiting_.front());
  while (storing_ == 0 && core_.ready()) {
    auto got = core_.take();
    for (auto& x : got.leadership)
      out.leaders.push_back(x);
    for (auto& msg : got.now)
      leave(msg);
    if (got.persist) {
      note(*got.persist);
      if (got.persist->must_sync) {
        storing_ = got.persist->id;
        out.store = record();
      } else {
        core_.persisted(got.persist->id);
      }
    }
    for (auto& msg : got.after_persist)
      if (storing_ != 0)
        waiting_.push_back(std::move(msg));
      else
        leave(msg);
    for (auto& x : got.snapshots) {
      // The members are all there is to a snapshot.
      if (auto offer = core_.offer_snapshot(x.to, applied_))
        leave(*offer);
      core_.snapshot_sent(x.to, true, applied_.index);
    }
    if (!got.committed.empty())
      apply(got.committed);
  }
  out.members_changed = std::exchange(members_changed_, false);
  return out;
}

} // namespace troupe::raft
