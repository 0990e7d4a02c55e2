#include "store_model.hpp"

#include <algorithm>

#include <troupe/runtime/log/crc32c.hpp>

namespace troupe::test {

using namespace troupe::disk;

namespace {

raft::snapshot_meta meta_at(std::uint64_t index, raft::term term) {
  raft::snapshot_meta to;
  to.index.value = index;
  to.term = term;
  to.conf.voters = {node_id{1}, node_id{2}, node_id{3}};
  return to;
}

std::string texts(const std::vector<raft::entry>& log) {
  std::string to;
  for (auto& e : log)
    to += text(e) + " ";
  return to;
}

} // namespace

std::string text(const raft::entry& what) {
  auto to = std::to_string(what.index.value) + "/"
            + std::to_string(what.term.value) + ":";
  if (auto* command = std::get_if<raft::payload>(&what.body))
    return to + (*command)->substr(0, 12) + "#"
           + std::to_string((*command)->size());
  if (auto* change = std::get_if<raft::configuration_change>(&what.body))
    return to + "change" + std::to_string(change->changes.size());
  return to + "noop";
}

store_run::store_run(std::uint64_t seed, store_settings settings)
    : random_(seed), settings_(settings), states_(1) {
  settings_.self.value = 0;
}

void store_run::close() {
  opened_.reset();
  lock_.reset();
}

std::optional<refusal> store_run::try_open(file_system& fs,
                                           const std::string& directory) {
  close();
  ++settings_.self.value;
  auto lock = directory_lock::acquire(fs, directory);
  if (!lock)
    return lock.error();
  lock_.emplace(std::move(*lock));
  auto opened = raft_store::open(*lock_, settings_);
  if (!opened)
    return opened.error();
  opened_.emplace(std::move(*opened));
  return std::nullopt;
}

std::string store_run::open(file_system& fs, const std::string& directory) {
  if (auto why = try_open(fs, directory))
    return "refused: " + why->what;
  return compare();
}

std::string store_run::compare() {
  auto& found = opened_->state;
  std::string bytes;
  if (found.snapshot.index.value != 0) {
    auto reader = opened_->store->open_snapshot();
    if (!reader)
      return "snapshot: " + reader.error().what;
    auto all = reader->read_all();
    if (!all)
      return "snapshot: " + all.error().what;
    bytes = *all;
  }
  std::string why;
  for (auto& want : states_) {
    why += " | ";
    if (found.hard.term != want.hard.term || found.hard.vote != want.hard.vote)
      why += "vote or term";
    else if (found.snapshot != want.snapshot || bytes != want.snapshot_bytes)
      why += "snapshot " + std::to_string(found.snapshot.index.value) + " not "
             + std::to_string(want.snapshot.index.value);
    else if (texts(found.log) != texts(want.log))
      why += "log " + texts(found.log) + "not " + texts(want.log);
    else if (found.hard.commit.value
                 < std::max(durable_commit_, want.snapshot.index.value)
             || found.hard.commit.value > want.hard.commit.value)
      why += "commit " + std::to_string(found.hard.commit.value) + " not "
             + std::to_string(want.hard.commit.value);
    else {
      auto match = want;
      match.hard.commit = found.hard.commit;
      durable_commit_ = found.hard.commit.value;
      states_.assign(1, std::move(match));
      auto next = found.snapshot.index.value;
      for (auto at = opened_->tail.rbegin(); at != opened_->tail.rend(); ++at)
        if (at->index.value != next--)
          return "a gap in the tail at " + std::to_string(at->index.value);
      return {};
    }
  }
  return "found none of the expected states: " + why;
}

bool store_run::done(const result<void>& outcome) {
  if (!outcome) {
    failure_ = outcome.error();
    return false;
  }
  states_.erase(states_.begin(), states_.end() - 1);
  return true;
}

bool store_run::step() {
  states_.resize(1); // what failed alone has left nothing on its way
  auto& now = states_.front();
  auto kind = below(16);
  if (kind == 0 && now.hard.commit > now.snapshot.index)
    return save_snapshot();
  if (kind == 1 && below(3) == 0)
    return install_snapshot();
  return write();
}

raft::entry store_run::draw_entry(std::uint64_t index) {
  raft::entry to{term_, raft::log_index{index}, raft::noop{}};
  auto kind = below(10);
  if (kind == 0) {
    raft::configuration_change change;
    change.changes = {{raft::change_op::add_learner, node_id{4}}};
    to.body = std::move(change);
  } else if (kind > 1) {
    auto size = kind == 2 ? 8 * command_bytes_max : command_bytes_max;
    auto command = std::to_string(++serial_) + ".";
    command.resize(command.size() + below(size), static_cast<char>(serial_));
    to.body = std::make_shared<const std::string>(std::move(command));
  }
  return to;
}

raft::persist_batch store_run::draw_batch(member_disk& to) {
  raft::persist_batch batch;
  auto kind = below(12);
  auto committed = std::max(to.hard.commit.value, to.snapshot.index.value);
  if (kind == 0) { // commits
    batch.hard = to.hard;
    batch.hard->commit.value = committed + below(to.last() - committed + 1);
    to.hard = *batch.hard;
    return batch;
  }
  batch.must_sync = true;
  if (kind <= 2) { // votes
    ++term_.value;
    batch.hard = raft::hard_state{term_, node_id{below(4)}, to.hard.commit};
  }
  if (kind >= 3 && kind <= 5 && to.last() > committed) {
    auto from = committed + 1 + below(to.last() - committed);
    batch.truncate_from = raft::log_index{from};
    to.log.resize(from - to.snapshot.index.value - 1);
    ++term_.value;
    batch.hard = raft::hard_state{term_, {}, to.hard.commit};
  }
  if (kind > 2)
    for (auto n = 1 + below(entries_max); n > 0; --n) {
      to.log.push_back(draw_entry(to.last() + 1));
      batch.append.push_back(to.log.back());
    }
  if (batch.hard)
    to.hard = *batch.hard;
  return batch;
}

bool store_run::write() {
  std::vector<raft::persist_batch> batches;
  auto sync = false;
  for (auto n = 1 + below(3); n > 0; --n) {
    auto next = states_.back();
    batches.push_back(draw_batch(next));
    sync = sync || batches.back().must_sync;
    states_.push_back(std::move(next));
  }
  if (!done(write_somehow(batches)))
    return false;
  if (sync)
    durable_commit_ = states_.front().hard.commit.value;
  return true;
}

// By a write that is begun, if the settings let it and it does not refuse.
result<void>
store_run::write_somehow(const std::vector<raft::persist_batch>& batches) {
  if (settings_.event < 0 || below(4) == 0)
    return store().write(batches);
  auto begun = store().begin_write(batches);
  if (begun == begun_write::refused)
    return store().write(batches);
  while (begun == begun_write::under_way)
    begun = store().poll_write();
  ++begun_;
  return store().complete_write();
}

bool store_run::save_snapshot() {
  auto next = states_.front();
  auto index = next.snapshot.index.value + 1
               + below(next.hard.commit.value - next.snapshot.index.value);
  auto count = index - next.snapshot.index.value;
  auto meta = meta_at(index, next.log[count - 1].term);
  next.log.erase(next.log.begin(),
                 next.log.begin() + static_cast<std::ptrdiff_t>(count));
  next.snapshot = meta;
  next.snapshot_bytes = std::string(below(3000), static_cast<char>(++serial_));
  states_.push_back(next);
  auto outcome = store().save_snapshot(
      meta, [&](snapshot_writer& to) { return to.append(next.snapshot_bytes); },
      below(8));
  if (!done(outcome))
    return false;
  durable_commit_ = states_.front().hard.commit.value;
  return true;
}

bool store_run::install_snapshot() {
  auto next = states_.front();
  auto meta = meta_at(next.last() + 1 + below(10), term_);
  std::string bytes(below(3000), static_cast<char>(++serial_));
  // The digest is what the sender's store says of its own.
  snapshot_digest digest{bytes.size(), crc32c(0, bytes)};
  auto offset = store().begin_incoming(meta, digest);
  while (offset && *offset < bytes.size())
    offset = store().append_incoming(*offset, bytes.substr(*offset, 700));
  auto finished =
      offset ? store().finish_incoming() : result<void>{offset.error()};
  if (!finished) {
    failure_ = finished.error();
    return false;
  }
  next.snapshot = meta;
  next.snapshot_bytes = bytes;
  next.log.clear();
  next.hard.commit = meta.index;
  raft::persist_batch batch;
  batch.must_sync = true;
  batch.install = meta;
  batch.hard = next.hard;
  states_.push_back(std::move(next));
  if (!done(store().write({&batch, 1})))
    return false;
  durable_commit_ = meta.index.value;
  return true;
}

} // namespace troupe::test
