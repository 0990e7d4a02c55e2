#include <troupe/runtime/log/raft_store.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/raft/log_view.hpp>

namespace troupe::disk {

namespace {

std::string reserve_path(const std::string& directory) {
  return directory + "/reserve";
}

} // namespace

raft_store::raft_store(file_system& fs, std::string directory,
                       const store_settings& settings)
    : fs_(fs),
      directory_(std::move(directory)),
      settings_(settings),
      log_(fs, directory_,
           {settings.cluster, settings.node, settings.self,
            settings.segment_bytes, settings.background, settings.event},
           [this](record_buffer& to) {
             if (hard_ != raft::hard_state{})
               add_hard_state(to, hard_);
             if (snapshot_) {
               auto now = *snapshot_;
               now.install = false;
               add_snapshot(to, now);
             }
           }),
      incoming_(fs, directory_) {
}

raft_store::~raft_store() {
  if (!failure_ && !begun_)
    static_cast<void>(bool(flush()));
}

// -- opening -----------------------------------------------------------------

result<opened_store> raft_store::open(const directory_lock& lock,
                                      const store_settings& settings) {
  TROUPE_ASSERT(settings.segment_bytes % sector_bytes == 0
                    && settings.segment_bytes >= 8 * sector_bytes,
                "segments of {} bytes", settings.segment_bytes);
  auto& fs = lock.fs();
  auto directory = lock.directory() + "/raft";
  if (auto ok = make_directory(fs, directory); !ok)
    return ok.error();
  opened_store to;
  to.store.reset(new raft_store(fs, directory, settings));
  if (auto ok = to.store->recover(to); !ok) {
    to.store->failure_ = ok.error(); // so that nothing is flushed
    return ok.error();
  }
  return to;
}

result<opened_store> raft_store::open(const directory_lock& lock,
                                      store_settings settings, identity& who) {
  settings.cluster = who.cluster;
  settings.node = who.node;
  settings.self = who.self;
  auto opened = open(lock, settings);
  if (!opened)
    return opened;
  auto& store = *opened->store;
  if (opened->report.segments == 0 && who.has_log)
    return refusal{errc::corrupt,
                   store.directory_
                       + ": the log is missing; restore it, or remove this "
                         "node, wipe its data directory and let it join as a "
                         "new one"};
  if (opened->report.segments == 0) {
    store.hard_waits_ = true;
    if (auto ok = store.flush(); !ok)
      return ok.error();
  }
  if (!std::exchange(who.has_log, true))
    if (auto ok = identity_file{lock}.store(who); !ok)
      return ok.error();
  return opened;
}

result<void> raft_store::recover(opened_store& to) {
  log_replay replay;
  auto read = log_.recover(
      [&](const record_view& record) { return replay.apply(record); });
  if (!read)
    return read;
  auto outcome = replay.finish();
  if (!outcome)
    return refusal{outcome.error().code,
                   directory_ + ": " + outcome.error().what};
  hard_ = outcome->state.hard;
  last_index_ = outcome->state.log.empty()
                    ? outcome->state.snapshot.index.value
                    : outcome->state.log.back().index.value;
  snapshot_ = std::move(outcome->snapshot);
  if (auto ok = recover_snapshots(); !ok)
    return ok;
  if (auto ok = refill_reserve(); !ok)
    return ok;
  to.state = std::move(outcome->state);
  to.tail = std::move(outcome->tail);
  to.report = log_.report();
  return {};
}

result<void> raft_store::recover_snapshots() {
  std::vector<std::string> names;
  if (auto rc = fs_.list(directory_, names); rc != 0)
    return failed_call("list", directory_, rc);
  auto current = snapshot_ ? snapshot_->file.name() : std::string{};
  for (auto& name : names)
    if (name != current
        && (name.ends_with(".snap") || name.ends_with(".snap.tmp")))
      fs_.unlink(directory_ + "/" + name);
  if (!snapshot_)
    return {};
  next_serial_ = snapshot_->file.serial + 1;
  auto reader = open_snapshot();
  if (reader)
    return reader->verify();
  if (reader.error().code != errc::not_found)
    return reader.error();
  return refusal{
      errc::corrupt,
      directory_ + "/" + current
          + ": the file is missing; restore it, or remove this node, "
            "wipe its data directory and let it join as a new one"};
}

result<void> raft_store::refill_reserve() {
  if (settings_.reserve_bytes == 0)
    return {};
  auto path = reserve_path(directory_);
  auto there = fs_.open(path, open_mode::read);
  if (there.error == 0
      && there.handle->size()
             >= static_cast<std::int64_t>(settings_.reserve_bytes))
    return {};
  auto made = make_zero_file(fs_, path, settings_.reserve_bytes);
  reserve_missing_ = !made;
  if (!made && made.error().code != errc::no_space)
    return made.error();
  return {};
}

// -- the log -----------------------------------------------------------------

result<void> raft_store::write(std::span<const raft::persist_batch> batches) {
  if (failure_)
    return *failure_;
  auto flush_bytes = settings_.segment_bytes / 4;
  auto sync = false;
  for (auto& batch : batches) {
    sync = sync || batch.must_sync || batch.install || batch.truncate_from
           || !batch.append.empty()
           || (batch.hard
               && (batch.hard->term != hard_.term
                   || batch.hard->vote != hard_.vote));
    if (batch.install) {
      if (auto ok = install(batch); !ok)
        return ok;
      continue;
    }
    add(batch);
    if (records_.bytes().size() >= flush_bytes)
      if (auto ok = flush(); !ok)
        return ok;
  }
  return sync ? flush() : result<void>{};
}

begun_write
raft_store::begin_write(std::span<const raft::persist_batch> batches) {
  std::size_t bytes = 0;
  for (auto& batch : batches) {
    if (batch.install)
      return begun_write::refused;
    for (auto& entry : batch.append)
      bytes += raft::payload_bytes(entry);
  }
  if (failure_ || bytes > segment_log::begun_bytes_max)
    return begun_write::refused;
  for (auto& batch : batches)
    add(batch);
  put_hard_state();
  auto begun = log_.begin_append(records_, last_index_);
  begun_ = begun != begun_write::refused;
  return begun_ ? begun : begun_write::waits;
}

result<void> raft_store::complete_write() {
  if (!std::exchange(begun_, false))
    return flush();
  if (auto ok = log_.complete(records_); !ok)
    return keep(ok.error());
  return {};
}

void raft_store::add(const raft::persist_batch& batch) {
  auto base = snapshot_ ? snapshot_->file.meta.index.value : 0;
  if (batch.truncate_from) {
    TROUPE_ASSERT(batch.truncate_from->value > base,
                  "truncated from {}, the snapshot is at {}",
                  *batch.truncate_from, base);
    add_truncate_from(records_, *batch.truncate_from);
    last_index_ = std::min(last_index_, batch.truncate_from->value - 1);
  }
  for (auto& entry : batch.append) {
    TROUPE_ASSERT(entry.index.value == last_index_ + 1,
                  "entry {} appended behind {}", entry.index, last_index_);
    add_entry(records_, entry);
    last_index_ = entry.index.value;
  }
  if (batch.hard) {
    hard_ = *batch.hard;
    hard_waits_ = true;
  }
}

// The snapshot and the rest of its batch are one batch on disk, with nothing
// before it: so the older segments can go.
result<void> raft_store::install(const raft::persist_batch& batch) {
  if (auto ok = flush(); !ok)
    return ok;
  auto file = incoming_.take(*batch.install);
  if (!file)
    return keep(
        {errc::not_found,
         directory_ + ": the snapshot at "
             + std::to_string(batch.install->index.value)
             + " is to be installed, but was not received; start again"});
  snapshot_record record{std::move(*file), 0, true};
  add_snapshot(records_, record);
  auto older = std::exchange(snapshot_, std::move(record));
  last_index_ = batch.install->index.value;
  add(batch);
  if (auto ok = flush(); !ok)
    return ok;
  if (auto ok = log_.drop_older(); !ok)
    return keep(ok.error());
  return drop_snapshots(older);
}

void raft_store::put_hard_state() {
  if (std::exchange(hard_waits_, false))
    add_hard_state(records_, hard_);
}

result<void> raft_store::flush() {
  put_hard_state();
  if (records_.empty())
    return {};
  if (auto ok = log_.append(records_, last_index_); !ok)
    return keep(ok.error());
  return {};
}

refusal raft_store::keep(refusal why) {
  if (failure_)
    return *failure_;
  failure_ = why;
  if (why.code == errc::no_space && settings_.reserve_bytes != 0) {
    // Room for what the next start has to write before it can say more.
    fs_.unlink(reserve_path(directory_));
    fs_.sync_directory(directory_);
  }
  return why;
}

// -- snapshots ---------------------------------------------------------------

refusal raft_store::keep_fatal(refusal why) {
  return why.code == errc::io ? keep(std::move(why)) : why;
}

std::optional<refusal>
raft_store::reject(const raft::snapshot_meta& meta) const {
  if (failure_)
    return failure_;
  if (snapshot_ && meta.index <= snapshot_->file.meta.index)
    return refusal{errc::invalid,
                   "a snapshot at " + std::to_string(meta.index.value)
                       + " is out of date, there is one at "
                       + std::to_string(snapshot_->file.meta.index.value)};
  return std::nullopt;
}

result<snapshot_writer>
raft_store::begin_snapshot(const raft::snapshot_meta& meta) {
  if (auto why = reject(meta))
    return *why;
  auto writer = snapshot_writer::create(fs_, directory_, meta, next_serial_++);
  if (!writer)
    return keep_fatal(writer.error());
  return writer;
}

result<void> raft_store::record_snapshot(const snapshot_file& finished,
                                         std::uint64_t keep_tail) {
  auto index = finished.meta.index.value;
  auto why = reject(finished.meta);
  if (!why && index > last_index_)
    why = refusal{errc::invalid, "a snapshot at " + std::to_string(index)
                                     + " is beyond the log, which ends at "
                                     + std::to_string(last_index_)};
  if (why) {
    fs_.unlink(directory_ + "/" + finished.name());
    return *why;
  }
  snapshot_record record{finished, keep_tail, false};
  add_snapshot(records_, record);
  if (auto ok = flush(); !ok)
    return ok;
  auto older = std::exchange(snapshot_, std::move(record));
  if (auto ok = log_.drop_through(index - std::min(index, keep_tail)); !ok)
    return keep(ok.error());
  return drop_snapshots(older);
}

// Once a newer one is in the log.
result<void>
raft_store::drop_snapshots(const std::optional<snapshot_record>& older) {
  incoming_.drop_through(snapshot_->file.meta.index);
  if (!older)
    return {};
  auto path = directory_ + "/" + older->file.name();
  if (auto rc = fs_.unlink(path); rc != 0)
    return keep(failed_call("delete", path, rc));
  if (auto ok = sync_directory(fs_, directory_); !ok)
    return keep(ok.error());
  return {};
}

result<void> raft_store::save_snapshot(
    const raft::snapshot_meta& meta,
    const std::function<result<void>(snapshot_writer&)>& fill,
    std::uint64_t keep_tail) {
  auto writer = begin_snapshot(meta);
  if (!writer)
    return writer.error();
  if (auto ok = fill(*writer); !ok)
    return keep_fatal(ok.error());
  auto finished = writer->finish();
  if (!finished)
    return keep_fatal(finished.error());
  return record_snapshot(*finished, keep_tail);
}

result<std::uint64_t>
raft_store::begin_incoming(const raft::snapshot_meta& meta,
                           const snapshot_digest& digest) {
  if (auto why = reject(meta))
    return *why;
  auto next = incoming_.begin(meta, digest, next_serial_++);
  if (!next)
    return keep_fatal(next.error());
  return next;
}

result<std::uint64_t> raft_store::append_incoming(std::uint64_t offset,
                                                  std::string_view bytes) {
  if (failure_)
    return *failure_;
  auto next = incoming_.append(offset, bytes);
  if (!next)
    return keep_fatal(next.error());
  return next;
}

result<void> raft_store::finish_incoming() {
  if (failure_)
    return *failure_;
  if (auto ok = incoming_.finish(); !ok)
    return keep_fatal(ok.error());
  return {};
}

result<snapshot_reader> raft_store::open_snapshot() const {
  if (!snapshot_)
    return refusal{errc::not_found, directory_ + ": there is no snapshot yet"};
  return snapshot_reader::open(fs_, directory_, snapshot_->file);
}

bool raft_store::space_low() const {
  return reserve_missing_ || log_.starved();
}

} // namespace troupe::disk
