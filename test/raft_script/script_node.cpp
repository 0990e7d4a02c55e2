#include <raft_script/script_node.hpp>

#include <algorithm>
#include <utility>

namespace troupe::raft::script {

script_node::script_node(settings x, script_options options, app_state at_start)
    : core(x, recovered{{}, at_start.meta, {}}),
      cfg(std::move(x)),
      how(options),
      disk_{{}, at_start, {}},
      history_{at_start} {
  // Members of one group differ by their seeds only.
}

void script_node::write(const persist_batch& batch) {
  if (batch.hard)
    disk_.hard = *batch.hard;
  if (batch.install) {
    disk_.base = {*batch.install, offered[batch.install->index]};
    disk_.log.clear();
    history_.push_back(disk_.base);
  }
  if (batch.truncate_from)
    std::erase_if(disk_.log,
                  [&](auto& x) { return x.index >= *batch.truncate_from; });
  disk_.log.insert(disk_.log.end(), batch.append.begin(), batch.append.end());
}

void script_node::apply(const std::vector<entry>& xs) {
  for (auto& x : xs) {
    auto next = app();
    next.meta.index = x.index;
    next.meta.term = x.term;
    if (auto* command = std::get_if<payload>(&x.body))
      next.content += **command;
    else if (std::holds_alternative<configuration_change>(x.body))
      next.meta.conf = core.apply_change(x);
    note_snapshots();
    history_.push_back(std::move(next));
  }
}

void script_node::note_snapshots() {
  auto seen = core.inspect();
  std::map<member_id, log_index> now;
  for (auto& row : seen.progress) {
    if (row.feed != feed::snapshot)
      continue;
    auto known = snapshots_.find(row.member);
    now[row.member] =
        known == snapshots_.end() ? app().meta.index : known->second;
    if (known != snapshots_.end())
      continue;
    if (auto offer = core.offer_snapshot(row.member, app().meta))
      passed_on.push_back(
          {seen.messages_due, {row.member, std::move(*offer), app().content}});
  }
  snapshots_ = std::move(now);
}

log_index script_node::snapshot_for(member_id to) const {
  auto row = snapshots_.find(to);
  return row == snapshots_.end() ? app().meta.index : row->second;
}

const app_state* script_node::find(log_index at) const {
  auto row = std::find_if(history_.rbegin(), history_.rend(),
                          [&](auto& x) { return x.meta.index == at; });
  return row == history_.rend() ? nullptr : &*row;
}

bool script_node::compact(log_index upto) {
  if (upto < core.inspect().first || core.compact(upto) < upto)
    return false;
  if (auto* base = find(upto)) {
    disk_.base = *base;
    std::erase_if(disk_.log, [&](auto& x) { return x.index <= upto; });
  }
  return true;
}

recovered script_node::read_disk() const {
  return {disk_.hard, disk_.base.meta, disk_.log};
}

void script_node::restart() {
  appends.clear();
  applies.clear();
  offered.clear();
  forwarded.clear();
  passed_on.clear();
  snapshots_.clear();
  history_ = {disk_.base};
  ++cfg.seed;
  core = raft::core{cfg, read_disk()};
}

} // namespace troupe::raft::script
