#include <troupe/cluster/raft/write_window.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/assert.hpp>

namespace troupe::raft {

void write_window::cap(log_index upto) {
  durable_ = std::min(durable_, upto);
  for (auto& x : flights_)
    x.upto = std::min(x.upto, upto);
}

void write_window::truncated(log_index from) {
  if (from > handed_)
    return;
  log_index last{from.value - 1};
  TROUPE_ASSERT(!install_, "truncation from {} into a snapshot", from);
  truncate_from_ = truncate_from_ ? std::min(*truncate_from_, from) : from;
  handed_ = last;
  cap(last);
}

void write_window::installed(snapshot_meta meta, log_index kept) {
  TROUPE_ASSERT(kept < meta.index, "snapshot {} below commit {}", meta.index,
                kept);
  handed_ = meta.index;
  truncate_from_.reset();
  install_ = std::move(meta);
  cap(kept);
}

persist_batch write_window::issue(log_index last) {
  persist_batch out;
  out.id = ++issued_;
  if (install_) {
    out.install = std::exchange(install_, std::nullopt);
    install_id_ = out.id;
  }
  out.truncate_from = std::exchange(truncate_from_, std::nullopt);
  handed_ = last;
  flights_.push_back({out.id, last});
  return out;
}

bool write_window::complete(std::uint64_t id) {
  TROUPE_ASSERT(id <= issued_, "batch {} of {} was never issued", id, issued_);
  auto was_installing = installing();
  while (!flights_.empty() && flights_.front().id <= id) {
    durable_ = std::max(durable_, flights_.front().upto);
    flights_.pop_front();
  }
  done_ = std::max(done_, id);
  return was_installing && !installing();
}

} // namespace troupe::raft
