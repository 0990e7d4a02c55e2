#include <troupe/runtime/disk_writer.hpp>

#include <troupe/runtime/log/crc32c.hpp>

namespace troupe {

disk_writer::disk_writer(std::unique_ptr<disk::raft_store> store,
                         disk::partition_state_files states,
                         std::uint64_t keep_tail, callbacks calls)
    : store_(std::move(store)),
      states_(std::move(states)),
      keep_tail_(keep_tail),
      calls_(std::move(calls)),
      thread_([this] { run(); }) {
}

disk_writer::~disk_writer() {
  stop();
}

void disk_writer::give(job what) {
  {
    std::lock_guard guard{mutex_};
    jobs_.push_back(std::move(what));
  }
  work_.notify_one();
}

void disk_writer::persist(raft::persist_batch batch) {
  give(std::move(batch));
}

void disk_writer::save_snapshot(raft::snapshot_meta meta,
                                std::shared_ptr<const std::string> bytes) {
  give(snapshot{std::move(meta), std::move(bytes), false});
}

void disk_writer::store_snapshot(raft::snapshot_meta meta,
                                 std::shared_ptr<const std::string> bytes) {
  give(snapshot{std::move(meta), std::move(bytes), true});
}

void disk_writer::keep_state(partition_key key, std::string region, epoch at,
                             partition_state what) {
  give(state{key, std::move(region), at, std::move(what)});
}

void disk_writer::drop_state(partition_key key, std::string region) {
  give(state{key, std::move(region), {}, std::nullopt});
}

void disk_writer::stop() {
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  work_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void disk_writer::run() {
  for (;;) {
    std::deque<job> jobs;
    {
      std::unique_lock guard{mutex_};
      work_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty())
        return;
      jobs.swap(jobs_);
    }
    while (!jobs.empty()) {
      auto written = std::holds_alternative<raft::persist_batch>(jobs.front())
                         ? write_batches(jobs)
                     : std::holds_alternative<state>(jobs.front())
                         ? write_states(jobs)
                         : [&] {
                             auto what = std::get<snapshot>(jobs.front());
                             jobs.pop_front();
                             return write(what);
                           }();
      if (!written) {
        calls_.failed({errc::data_directory, written.error().what,
                       "mend the disk, then start the node again"});
        return;
      }
    }
  }
}

disk::result<void> disk_writer::write_batches(std::deque<job>& jobs) {
  std::vector<raft::persist_batch> batches;
  while (!jobs.empty()
         && std::holds_alternative<raft::persist_batch>(jobs.front())) {
    batches.push_back(std::move(std::get<raft::persist_batch>(jobs.front())));
    jobs.pop_front();
  }
  auto written = store_->write(batches);
  if (written)
    calls_.done({disk_done::kind::persisted, batches.back().id, {}, {}});
  return written;
}

disk::result<void> disk_writer::write(const snapshot& what) {
  std::string_view bytes = *what.bytes;
  if (!what.incoming) {
    auto saved = store_->save_snapshot(
        what.meta,
        [&](disk::snapshot_writer& out) { return out.append(bytes); },
        keep_tail_);
    // No room, or no use for it any more: the log goes on without.
    if (!saved && saved.error().code == disk::errc::io)
      return saved;
    if (saved)
      calls_.done(
          {disk_done::kind::snapshot_saved, what.meta.index.value, {}, {}});
    return {};
  }
  disk::snapshot_digest digest{bytes.size(), disk::crc32c(0, bytes)};
  auto begun = store_->begin_incoming(what.meta, digest);
  if (!begun)
    return begun.error();
  auto offset = *begun;
  if (offset < bytes.size()) {
    auto added = store_->append_incoming(offset, bytes.substr(offset));
    if (!added)
      return added.error();
  }
  auto finished = store_->finish_incoming();
  if (finished)
    calls_.done(
        {disk_done::kind::snapshot_stored, what.meta.index.value, {}, {}});
  return finished;
}

// States of an announced restart, many behind one sync.
disk::result<void> disk_writer::write_states(std::deque<job>& jobs) {
  std::vector<disk_done> kept;
  while (!jobs.empty() && std::holds_alternative<state>(jobs.front())) {
    auto one = std::move(std::get<state>(jobs.front()));
    jobs.pop_front();
    if (!one.what) {
      if (auto removed = states_.remove(one.region, one.key.partition);
          !removed)
        return removed;
      continue;
    }
    // The first byte tells a partition that keeps no state from an empty one.
    std::string bytes(1, one.what->present ? '\1' : '\0');
    if (one.what->present)
      bytes += *one.what->bytes;
    auto saved = states_.save(one.region, one.key.partition, one.epoch, bytes);
    bool full = !saved && saved.error().code == disk::errc::no_space;
    if (!saved && !full)
      return saved;
    kept.push_back(
        {full ? disk_done::kind::state_refused : disk_done::kind::state_kept, 0,
         one.key, one.epoch});
  }
  if (auto synced = states_.sync(); !synced)
    return synced;
  for (auto& one : kept)
    calls_.done(one);
  return {};
}

} // namespace troupe
