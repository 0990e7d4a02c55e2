#include "sim_member.hpp"

#include <algorithm>

namespace troupe::raft::sim {

digest mixed(digest before, std::uint64_t x) {
  auto out = (before ^ x) + 0x9e3779b97f4a7c15;
  out = (out ^ (out >> 30)) * 0xbf58476d1ce4e5b9;
  return out ^ (out >> 27);
}

digest body_digest(const entry& x) {
  digest out = mixed(x.index.value, x.term.value);
  if (auto* command = std::get_if<payload>(&x.body)) {
    for (unsigned char c : **command)
      out = mixed(out, c);
  } else if (auto* change = std::get_if<configuration_change>(&x.body)) {
    out = mixed(out, 1000 + static_cast<std::uint64_t>(change->how));
    for (auto& one : change->changes)
      out = mixed(mixed(out, static_cast<std::uint64_t>(one.op)),
                  one.member.value);
  }
  return out;
}

std::optional<term> disk::term_at(log_index at) const {
  if (at == base.meta.index)
    return base.meta.term;
  for (auto& x : log)
    if (x.index == at)
      return x.term;
  return std::nullopt;
}

log_index disk::last() const {
  return log.empty() ? base.meta.index : log.back().index;
}

void disk::write(const persist_batch& batch, const app_state& state) {
  if (batch.install) {
    snapshot = base = state;
    log.clear();
  }
  if (batch.truncate_from)
    std::erase_if(log,
                  [&](auto& x) { return x.index >= *batch.truncate_from; });
  log.insert(log.end(), batch.append.begin(), batch.append.end());
  if (batch.hard)
    hard = *batch.hard;
}

recovered disk::read() const {
  recovered out{hard, snapshot.meta, {}};
  for (auto& x : log)
    if (x.index > snapshot.meta.index)
      out.log.push_back(x);
  return out;
}

void sim_member::start() {
  ++cfg.seed;
  raft = std::make_unique<core>(cfg, disk.read());
  app = disk.snapshot;
  seen_commit = app.meta.index;
  durable_batch = 0;
}

void sim_member::crash(std::size_t kept) {
  writes.insert(writes.begin(), unsynced.begin(), unsynced.end());
  for (std::size_t i = 0; i < std::min(kept, writes.size()); ++i)
    disk.write(writes[i].batch, writes[i].offered);
  raft.reset();
  writes.clear();
  unsynced.clear();
  waiting.clear();
  given_out.clear();
  offered.clear();
  reads.clear();
}

} // namespace troupe::raft::sim
