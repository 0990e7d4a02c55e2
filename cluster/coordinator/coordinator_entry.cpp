// How the next entry of the log is made.
#include <algorithm>

#include <troupe/cluster/coordinator/entry_builder.hpp>

namespace troupe {

namespace {

partition_key key_of(const proto::PartitionRow& row) {
  return {region_id{row.region()}, row.partition()};
}

// Whether a node has given all away that others can take. What waits for its
// restart is its own.
bool owns_nothing(const shard_map& map, node_id id) {
  auto gives = [&](auto& kv) {
    return kv.first != id && kv.second.available();
  };
  if (std::none_of(map.nodes().begin(), map.nodes().end(), gives))
    return true;
  for (auto& [number, region] : map.regions())
    for (auto& a : region.partitions)
      if (a.owner != a.target && (a.owner == id || a.target == id)
          && a.stage != stage::unassigned)
        return false;
  return true;
}

} // namespace

std::optional<proposal> coordinator::next(boot_time now, std::uint64_t time_us,
                                          const shard_map& map,
                                          const raft::configuration& members) {
  if (!leading_)
    return std::nullopt;
  builder b{now, map, members, {}, settings_.entry_partitions_max, {}};
  add_nodes(b);
  add_requests(b);
  add_facts(b);
  add_restarts(b);
  add_overdue(b);
  add_placement(b);
  if (b.out.entry.commands().empty())
    return std::nullopt;
  b.out.entry.set_time_us(time_us);
  return std::move(b.out);
}

// A node that starts anew waits for the end of its old lease; one that is
// silent for longer than any lease is down; one that may go is let go.
void coordinator::add_nodes(builder& b) {
  auto down = [&](const node_record& node, const char* cause) {
    auto& cmd = *b.add().mutable_node_down();
    cmd.set_node(node.id.value);
    cmd.set_incarnation(node.incarnation.value);
    cmd.set_cause(cause);
  };
  for (auto& [id, node] : b.map.nodes()) {
    auto up = starting_nodes_.find(id);
    if (up == starting_nodes_.end()) {
      if (node.liveness == liveness::up && detector_.expired(id, b.now))
        down(node, detector_.is_released(id) ? "stopped" : "silent");
    } else {
      auto& cmd = up->second.command.node_up();
      bool anew = cmd.incarnation() > node.incarnation.value;
      bool old_runs = anew && node.liveness == liveness::up;
      if (old_runs && !detector_.expired(id, b.now))
        continue;
      if (old_runs)
        down(node, "started anew");
      b.add(up->second.from) = up->second.command;
      detector_.heard(id, b.now);
      starting_nodes_.erase(up);
    }
  }
  for (auto& [id, one] : starting_nodes_)
    if (!b.map.node(id))
      b.add(one.from) = one.command; // refused by the map, with the reason
  std::erase_if(starting_nodes_,
                [&](auto& kv) { return !b.map.node(kv.first); });
  for (auto& [id, since] : restarting_)
    if (auto* node = b.map.node(id);
        node && b.now - since > settings_.restart_grace)
      down(*node, "did not return from its restart");
  for (auto& [id, since] : joining_)
    if (auto* node = b.map.node(id); node && starting_nodes_.count(id) == 0
                                     && b.now - since > settings_.restart_grace)
      down(*node, "never came up");
  auto is_member = [&](node_id id) {
    auto in = [&](const std::vector<node_id>& xs) {
      return std::binary_search(xs.begin(), xs.end(), id);
    };
    return in(b.members.voters) || in(b.members.learners);
  };
  for (auto& [id, origin] : leaves_) {
    auto* node = b.map.node(id);
    bool last = b.members.voters.size() == 1 && is_member(id);
    // What it was given since it asked goes first.
    bool empty = owns_nothing(b.map, id);
    if (empty)
      leaving_.insert(id);
    else
      for (auto& [number, region] : b.map.regions())
        urgent_.insert(number);
    if (!node || !empty || (is_member(id) && !last))
      continue;
    auto& cmd = *b.add(origin).mutable_node_left();
    cmd.set_node(id.value);
    cmd.set_incarnation(node->incarnation.value);
  }
}

// Of two moves of one partition the first holds; a node that is about to leave
// gets nothing any more.
void coordinator::add_requests(builder& b) {
  for (auto& one : std::exchange(queue_, {})) {
    if (b.full()) {
      queue_.push_back(std::move(one));
      continue;
    }
    bool fits = true;
    auto claim = [&](const auto& rows, stage from) {
      for (auto& row : rows) {
        auto* a = b.claim(key_of(row));
        fits = fits && a && a->stage == from
               && leaves_.count(node_id{row.node()}) == 0;
      }
    };
    claim(one.command.pause().rows(), stage::running);
    claim(one.command.assign().rows(), stage::unassigned);
    if (fits)
      b.add(one.from) = one.command;
    else
      answer(one.from, errc::conflict,
             "the partition moves now, or the node is about to leave",
             "look at the map, then ask again if need be");
  }
}

// Partitions of a node that is about to restart move to where they are: they
// stop, wait on its disk, and start when it is back.
void coordinator::add_restarts(builder& b) {
  proto::Pause pause;
  for (auto& [id, node] : b.map.nodes()) {
    if (node.intent != intent::restart || node.liveness != liveness::up)
      continue;
    for (auto& [region, record] : b.map.regions())
      for (partition_id p = 0; p < record.partitions.size() && !b.full(); ++p) {
        auto& a = record.partitions[p];
        if (a.owner == id && a.stage == stage::running && b.claim({region, p}))
          set_row(*pause.add_rows(), {region, p}, a, id);
      }
  }
  if (pause.rows().empty())
    return;
  pause.set_cause("restart");
  *b.add().mutable_pause() = std::move(pause);
}

// What nodes report about moves becomes the next stage.
void coordinator::add_facts(builder& b) {
  auto facts = std::exchange(facts_, {});
  proto::Failed failed;
  for (auto& [node, said] : facts)
    for (auto& row : said.failed())
      if (auto* a = b.map.find(key_of(row)); a && a->epoch.value == row.epoch()
                                             && a->stage != stage::unassigned
                                             && b.claim(key_of(row)))
        *failed.add_rows() = row;
  proto::Started started;
  for (auto& [node, said] : facts)
    for (auto& row : said.started())
      if (auto* a = b.map.find(key_of(row)); a && a->epoch.value == row.epoch()
                                             && a->stage == stage::starting
                                             && b.claim(key_of(row)))
        *started.add_rows() = row;
  proto::Assign confirmed;
  auto confirm = [&](partition_key key, const assignment& a, node_id source) {
    auto* target = b.map.node(a.target);
    if (!target || target->liveness != liveness::up || !b.claim(key))
      return;
    auto& row = *confirmed.add_rows();
    set_row(row, key, a, a.target);
    row.set_source(source.value);
    row.set_source_epoch(a.epoch.value);
  };
  for (auto& [node, said] : facts)
    for (auto& row : said.confirmed())
      if (auto* a = b.map.find(key_of(row)); a && a->epoch.value == row.epoch()
                                             && a->stage == stage::pausing
                                             && a->target != a->owner)
        confirm(key_of(row), *a, a->owner);
  // States that wait on the disk of a node that came back from a restart.
  for (auto& [key, held] : holders_)
    if (auto* a = b.map.find(key);
        a && a->epoch == held.epoch && a->stage == stage::pausing
        && a->target == a->owner && held.node == a->owner)
      if (auto* node = b.map.node(a->owner);
          node && node->liveness == liveness::up
          && node->incarnation != a->owner_incarnation)
        confirm(key, *a, held.node);
  if (b.full())
    facts_ = std::move(facts); // what had no room has it in a later entry
  if (!failed.rows().empty()) {
    failed.set_quarantine_after(settings_.quarantine_after);
    *b.add().mutable_failed() = std::move(failed);
  }
  if (!started.rows().empty())
    *b.add().mutable_started() = std::move(started);
  if (!confirmed.rows().empty())
    *b.add().mutable_assign() = std::move(confirmed);
}

// Moves that cannot or do not go on are rolled back: the old owner starts
// again, from what it saved, under a new epoch. So are restarts that were
// announced and are not wished any more. A start that does not come to an end
// is its owner's to report, but for a handler that never returns.
void coordinator::add_overdue(builder& b) {
  proto::Assign back;
  proto::Assign forward;
  proto::Assign called_off;
  proto::Failed hung;
  auto step = settings_.stop_deadline + settings_.move_step;
  for (auto& [key, since] : moving_) {
    auto* a = b.map.find(key);
    if (a && a->stage == stage::starting && b.now - since > step
        && b.map.region(key.region)->settings.overrun == overrun_policy::fence
        && b.claim(key)) {
      auto& row = *hung.add_rows();
      set_row(row, key, *a, a->owner);
      row.set_text("its start has not come to an end");
    }
    if (!a || a->stage != stage::pausing)
      continue;
    auto* owner = b.map.node(a->owner);
    auto* target = b.map.node(a->target);
    auto* region = b.map.region(key.region);
    if (!owner || owner->liveness != liveness::up)
      continue;
    if (a->target == a->owner) {
      if (owner->incarnation == a->owner_incarnation) { // it has not gone
        if (owner->intent != intent::restart && b.claim(key))
          add_rollback(called_off, key, *a);
        continue;
      }
      // A restart: without the state on its disk it starts empty, once the
      // owner is back and has spoken without naming it.
      auto seen = versions_.find(a->owner);
      if (seen == versions_.end() || seen->second < a->version
          || b.now - std::max(since, nodes_changed_) < settings_.move_step)
        continue;
      if (!b.claim(key))
        continue;
      auto& row = *forward.add_rows();
      set_row(row, key, *a, a->owner);
      row.set_state_lost(true);
      continue;
    }
    bool lost = !target || target->liveness != liveness::up;
    bool late = b.now - since > step;
    if (!lost && !late)
      continue;
    if (late && !lost && region->settings.overrun == overrun_policy::fence) {
      if (!b.claim(key))
        continue;
      auto& row = *forward.add_rows();
      set_row(row, key, *a, a->target);
      row.set_state_lost(true);
      continue;
    }
    if (!b.claim(key))
      continue;
    add_rollback(back, key, *a);
    unbalanced_.insert(key.region);
    // Whatever is in the way there, moves wait longer each time.
    if (!lost && b.now >= closed_until(a->owner, a->target)) {
      auto& way = closed_[{a->owner, a->target}];
      way.wait = std::clamp<boot_time>(2 * way.wait, settings_.move_step,
                                       12 * settings_.move_step);
      way.until = b.now + way.wait;
      asked_.erase(key.region);
    }
  }
  if (!hung.rows().empty()) {
    hung.set_quarantine_after(settings_.quarantine_after);
    *b.add().mutable_failed() = std::move(hung);
  }
  if (!back.rows().empty()) {
    back.set_cause("rolled back");
    *b.add().mutable_assign() = std::move(back);
  }
  if (!forward.rows().empty()) {
    forward.set_cause("without state");
    *b.add().mutable_assign() = std::move(forward);
  }
  if (!called_off.rows().empty()) {
    called_off.set_cause("called off");
    *b.add().mutable_assign() = std::move(called_off);
  }
}

} // namespace troupe
