#include <troupe/runtime/testing/memory_disk.hpp>

#include <algorithm>

#include <troupe/cluster/assert.hpp>

namespace troupe::testing {

void memory_disk::found(raft::snapshot_meta meta, std::string map) {
  snapshot_ = std::move(meta);
  snapshot_bytes_ = std::make_shared<const std::string>(std::move(map));
  hard_ = {snapshot_.term, {}, snapshot_.index};
}

void memory_disk::enqueue(std::function<void()> effect, done then) {
  auto number = next_++;
  pending_.push_back({number, std::move(effect), std::move(then)});
  busy_until_ = std::max(busy_until_, time_.now())
                + time_.between(boot_time{0}, delay_max_);
  time_.after(busy_until_ - time_.now(), [this, number] {
    if (pending_.empty() || pending_.front().number != number)
      return; // lost in a crash
    auto one = std::move(pending_.front());
    pending_.pop_front();
    one.effect();
    if (one.then)
      one.then();
  });
}

void memory_disk::write(raft::persist_batch batch, done then) {
  enqueue([this, batch = std::move(batch)] { apply(batch); }, std::move(then));
}

void memory_disk::apply(const raft::persist_batch& batch) {
  if (batch.install) {
    TROUPE_ASSERT(stored_ == *batch.install && stored_bytes_,
                  "install of a snapshot at {} that was not stored",
                  batch.install->index);
    snapshot_ = stored_;
    snapshot_bytes_ = stored_bytes_;
    log_.clear();
  }
  if (batch.truncate_from)
    log_.erase(log_.lower_bound(*batch.truncate_from), log_.end());
  for (auto& e : batch.append)
    log_[e.index] = e;
  if (batch.hard)
    hard_ = *batch.hard;
}

void memory_disk::save(raft::snapshot_meta meta,
                       std::shared_ptr<const std::string> bytes, done then) {
  enqueue(
      [this, meta = std::move(meta), bytes = std::move(bytes)] {
        if (meta.index <= snapshot_.index)
          return;
        snapshot_ = meta;
        snapshot_bytes_ = bytes;
        log_.erase(log_.begin(), log_.upper_bound(meta.index));
      },
      std::move(then));
}

void memory_disk::store(raft::snapshot_meta meta,
                        std::shared_ptr<const std::string> bytes, done then) {
  enqueue(
      [this, meta = std::move(meta), bytes = std::move(bytes)] {
        stored_ = meta;
        stored_bytes_ = bytes;
      },
      std::move(then));
}

void memory_disk::keep(state_name name, epoch at, partition_state state,
                       done then) {
  enqueue(
      [this, name = std::move(name), at, state = std::move(state)] {
        states_[name] = {at, state};
      },
      std::move(then));
}

void memory_disk::drop(state_name name) {
  enqueue([this, name = std::move(name)] { states_.erase(name); }, {});
}

std::optional<partition_state> memory_disk::find(const state_name& name,
                                                 epoch at) const {
  auto i = states_.find(name);
  if (i == states_.end() || i->second.at != at)
    return std::nullopt;
  return i->second.state;
}

node_recovered memory_disk::recover() const {
  node_recovered out;
  out.log.hard = hard_;
  out.log.snapshot = snapshot_;
  for (auto& [index, e] : log_)
    if (index > snapshot_.index)
      out.log.log.push_back(e);
  out.log.hard.commit = std::max(hard_.commit, snapshot_.index);
  if (out.log.hard.term < snapshot_.term)
    out.log.hard = {snapshot_.term, {}, out.log.hard.commit};
  out.snapshot = snapshot_bytes_;
  return out;
}

} // namespace troupe::testing
