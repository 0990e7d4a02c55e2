#include "disk.hpp"

#include <algorithm>

#include <troupe/cluster/assert.hpp>

namespace troupe::sim {

void disk::found(raft::snapshot_meta meta, std::string map) {
  snapshot_ = std::move(meta);
  snapshot_bytes_ = std::make_shared<const std::string>(std::move(map));
  hard_.term = snapshot_.term;
  hard_.commit = snapshot_.index;
}

void disk::enqueue(std::function<void()> effect, std::function<void()> done) {
  auto number = next_++;
  pending_.push_back({number, std::move(effect), std::move(done)});
  busy_until_ = std::max(busy_until_, time_.now())
                + luck_.between(std::chrono::microseconds{20}, delay_max_);
  time_.at(busy_until_, [this, number] {
    if (pending_.empty() || pending_.front().number != number)
      return; // lost in a crash
    auto op = std::move(pending_.front());
    pending_.pop_front();
    op.effect();
    op.done();
  });
}

void disk::crash() {
  auto survives = luck_.below(pending_.size() + 1);
  for (; survives > 0; --survives) {
    pending_.front().effect();
    pending_.pop_front();
  }
  pending_.clear();
}

void disk::write(raft::persist_batch batch, std::function<void()> done) {
  enqueue([this, batch = std::move(batch)] { apply(batch); }, std::move(done));
}

void disk::apply(const raft::persist_batch& batch) {
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

void disk::save(raft::snapshot_meta meta,
                std::shared_ptr<const std::string> bytes,
                std::function<void()> done) {
  enqueue(
      [this, meta = std::move(meta), bytes = std::move(bytes)] {
        if (meta.index <= snapshot_.index)
          return;
        snapshot_ = meta;
        snapshot_bytes_ = bytes;
      },
      std::move(done));
}

void disk::store(raft::snapshot_meta meta,
                 std::shared_ptr<const std::string> bytes,
                 std::function<void()> done) {
  enqueue(
      [this, meta = std::move(meta), bytes = std::move(bytes)] {
        stored_ = meta;
        stored_bytes_ = bytes;
      },
      std::move(done));
}

void disk::keep(partition_key key, epoch at, partition_state state,
                std::function<void()> done) {
  enqueue(
      [this, key, at, state] {
        files_[key] = {at, state};
      },
      std::move(done));
}

void disk::drop(partition_key key, epoch at) {
  enqueue(
      [this, key, at] {
        auto i = files_.find(key);
        if (i != files_.end() && i->second.epoch <= at)
          files_.erase(i);
      },
      [] {});
}

node_recovered disk::recover() const {
  node_recovered out;
  out.log.hard = hard_;
  out.log.snapshot = snapshot_;
  for (auto& [index, e] : log_)
    if (index > snapshot_.index)
      out.log.log.push_back(e);
  out.log.hard.commit = std::max(hard_.commit, snapshot_.index);
  out.log.hard.term = std::max(hard_.term, snapshot_.term);
  out.snapshot = snapshot_bytes_;
  return out;
}

} // namespace troupe::sim
