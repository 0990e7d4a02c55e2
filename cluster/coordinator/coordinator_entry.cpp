// How the next entry of the log is made.
#include <algorithm>

#include <troupe/cluster/coordinator/coordinator.hpp>

namespace troupe {

struct coordinator::builder {
  boot_time now;
  const shard_map& map;
  const raft::configuration& members;
  proposal out;
  std::set<partition_key> touched; // by this entry

  proto::MapCommand& add(command_origin origin = {}) {
    out.origins.push_back(origin);
    return *out.entry.add_commands();
  }

  // Claims a partition for one command of this entry.
  const assignment* claim(partition_key key) {
    auto* a = map.find(key);
    return a && touched.insert(key).second ? a : nullptr;
  }
};

namespace {

partition_key key_of(const proto::PartitionRow& row) {
  return {region_id{row.region()}, row.partition()};
}

void set_row(proto::PartitionRow& row, partition_key key, const assignment& a,
             node_id node) {
  row.set_region(key.region.value);
  row.set_partition(key.partition);
  row.set_epoch(a.epoch.value);
  row.set_node(node.value);
}

} // namespace

std::optional<proposal> coordinator::next(boot_time now, std::uint64_t time_ms,
                                          const shard_map& map,
                                          const raft::configuration& members) {
  if (!leading_)
    return std::nullopt;
  builder b{now, map, members, {}, {}};
  add_nodes(b);
  add_requests(b);
  add_restarts(b);
  add_facts(b);
  add_overdue(b);
  add_placement(b);
  if (b.out.entry.commands().empty())
    return std::nullopt;
  b.out.entry.set_time_ms(time_ms);
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
        down(node, "silent");
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
  auto is_member = [&](node_id id) {
    auto in = [&](const std::vector<node_id>& xs) {
      return std::binary_search(xs.begin(), xs.end(), id);
    };
    return in(b.members.voters) || in(b.members.learners);
  };
  for (auto& [id, origin] : leaves_) {
    auto* node = b.map.node(id);
    bool last = b.members.voters.size() == 1 && is_member(id);
    if (!node || (is_member(id) && !last))
      continue;
    auto& cmd = *b.add(origin).mutable_node_left();
    cmd.set_node(id.value);
    cmd.set_incarnation(node->incarnation.value);
  }
}

void coordinator::add_requests(builder& b) {
  for (auto& one : std::exchange(queue_, {})) {
    auto claim = [&](const auto& rows) {
      for (auto& row : rows)
        b.claim(key_of(row));
    };
    claim(one.command.pause().rows());
    claim(one.command.assign().rows());
    b.add(one.from) = one.command;
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
      for (partition_id p = 0; p < record.partitions.size(); ++p) {
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
  for (auto& row : facts.failed())
    if (auto* a = b.map.find(key_of(row)); a && a->epoch.value == row.epoch()
                                           && a->stage != stage::unassigned
                                           && b.claim(key_of(row)))
      *failed.add_rows() = row;
  proto::Started started;
  for (auto& row : facts.started())
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
  for (auto& row : facts.confirmed())
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
  if (!failed.rows().empty()) {
    failed.set_quarantine_after(settings_.quarantine_after);
    *b.add().mutable_failed() = std::move(failed);
  }
  if (!started.rows().empty())
    *b.add().mutable_started() = std::move(started);
  if (!confirmed.rows().empty()) {
    confirmed.set_cause("confirmed");
    *b.add().mutable_assign() = std::move(confirmed);
  }
}

// Moves that cannot or do not go on are rolled back: the old owner starts
// again, from what it saved, under a new epoch.
void coordinator::add_overdue(builder& b) {
  proto::Assign back;
  proto::Assign forward;
  auto step = settings_.stop_deadline + settings_.move_step;
  for (auto& [key, since] : moving_) {
    auto* a = b.map.find(key);
    if (!a || a->stage != stage::pausing)
      continue;
    auto* owner = b.map.node(a->owner);
    auto* target = b.map.node(a->target);
    auto* region = b.map.region(key.region);
    if (a->target == a->owner) {
      // A restart: without the state on its disk it starts empty, once the
      // owner is back and has spoken without naming it.
      auto seen = versions_.find(a->owner);
      if (!owner || owner->liveness != liveness::up || seen == versions_.end()
          || seen->second < a->version
          || owner->incarnation == a->owner_incarnation
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
    if ((!lost && !late) || !owner || owner->liveness != liveness::up)
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
    auto& row = *back.add_rows();
    set_row(row, key, *a, a->owner);
    row.set_source(a->owner.value);
    row.set_source_epoch(a->epoch.value);
    unbalanced_.insert(key.region);
  }
  if (!back.rows().empty()) {
    back.set_cause("rolled back");
    *b.add().mutable_assign() = std::move(back);
  }
  if (!forward.rows().empty()) {
    forward.set_cause("without state");
    *b.add().mutable_assign() = std::move(forward);
  }
}

// -- placement ----------------------------------------------------------------

placement_input coordinator::input_for(const region_record& region,
                                       const shard_map& map) const {
  placement_input in;
  in.region = region.settings.name;
  in.roles = region.settings.roles;
  std::map<node_id, std::uint64_t> other;
  for (auto& [id, record] : map.regions())
    if (id != region.id)
      for (auto& a : record.partitions)
        if (a.owner)
          other[a.stage == stage::pausing ? a.target : a.owner] += a.weight;
  for (auto& [id, node] : map.nodes()) {
    placement_node row;
    row.id = id;
    row.name = node.name;
    row.weight = node.weight;
    row.roles = node.roles;
    row.labels.assign(node.labels.begin(), node.labels.end());
    row.eligible = node.available() && map.can_host(region, node);
    if (auto i = other.find(id); i != other.end())
      row.other_load = i->second;
    in.nodes.push_back(std::move(row));
  }
  for (partition_id p = 0; p < region.partitions.size(); ++p) {
    auto& a = region.partitions[p];
    placement_partition row;
    row.partition = p;
    row.owner = a.stage == stage::pausing ? a.target : a.owner;
    row.weight = a.weight;
    bool free = a.stage == stage::unassigned && !a.quarantined;
    row.movable = free || a.stage == stage::running;
    in.partitions.push_back(row);
  }
  return in;
}

plan_result coordinator::plan_for(const region_record& region,
                                  const shard_map& map) const {
  placement_strategy_ptr strategy;
  if (auto i = strategies_.find(region.settings.strategy);
      i != strategies_.end()) {
    strategy = i->second;
  } else {
    auto& options = region.settings.strategy_options;
    auto made = make_strategy(region.settings.strategy,
                              {options.begin(), options.end()});
    if (auto* refused = std::get_if<placement_refusal>(&made))
      return *refused;
    strategy = std::get<placement_strategy_ptr>(made);
  }
  return make_plan(input_for(region, map), *strategy);
}

// Whether a region may be given its first owners, or be balanced: at once when
// every node hosts it, else when the view has been stable for a while.
bool coordinator::settled(const builder& b, const region_record& region) const {
  auto i = changed_.find(region.id);
  auto changed = i == changed_.end() ? boot_time{0} : i->second;
  bool stable =
      b.now - std::max(changed, nodes_changed_) >= settings_.stabilisation;
  if (stable)
    return true;
  bool untouched = std::all_of(
      region.partitions.begin(), region.partitions.end(),
      [](auto& a) { return a.stage == stage::unassigned && !a.epoch; });
  if (!untouched)
    return false;
  return std::all_of(b.map.nodes().begin(), b.map.nodes().end(), [&](auto& kv) {
    auto& node = kv.second;
    bool counts =
        node.liveness == liveness::up || node.liveness == liveness::joining;
    return !counts
           || (node.liveness == liveness::up
               && std::binary_search(region.hosts.begin(), region.hosts.end(),
                                     node.id));
  });
}

// One region an entry: the next one sees what this one put on whom.
void coordinator::add_placement(builder& b) {
  for (auto& [id, region] : b.map.regions())
    if (urgent_.count(id) || orphaned_.count(id) || unbalanced_.count(id))
      if (add_region(b, region))
        return;
}

// Where the state of a partition without an owner is. False: a node that may
// hold it has not said yet whether it does.
bool coordinator::add_source(builder& b, proto::PartitionRow& row,
                             partition_key key, const assignment& a) {
  if (!a.source_epoch)
    return true;
  auto held = holders_.find(key);
  if (held != holders_.end() && held->second.epoch == a.epoch) {
    row.set_source(held->second.node.value);
    row.set_source_epoch(a.source_epoch.value);
    return true;
  }
  auto since = stranded_.find(key);
  bool long_ago =
      since == stranded_.end() || b.now - since->second > settings_.move_step;
  for (auto& [id, node] : b.map.nodes()) {
    auto seen = versions_.find(id);
    bool said = seen != versions_.end() && seen->second >= a.version;
    if (node.liveness == liveness::up && !said && !long_ago)
      return false;
  }
  row.set_state_lost(true);
  return true;
}

// True if it changes anything.
bool coordinator::add_region(builder& b, const region_record& region) {
  auto id = region.id;
  bool stable = settled(b, region);
  bool urgent = urgent_.count(id) != 0;
  bool first = std::all_of(region.partitions.begin(), region.partitions.end(),
                           [](auto& a) { return !a.epoch; });
  bool assign = orphaned_.count(id) != 0 && (stable || !first);
  bool balance = urgent || (stable && unbalanced_.count(id) != 0);
  if (!assign && !balance)
    return false;
  auto planned = planned_.find(id);
  if (!assign && planned != planned_.end()
      && planned->second == b.map.version())
    return false;
  auto result = plan_for(region, b.map);
  if (auto* refused = std::get_if<placement_refusal>(&result)) {
    // Skipped until something changes.
    urgent_.erase(id);
    orphaned_.erase(id);
    unbalanced_.erase(id);
    auto& made = *b.add().mutable_plan_made();
    made.set_region(region.settings.name);
    made.set_problem(refused->text);
    return false;
  }
  auto& plan = std::get<placement_plan>(result);
  std::map<node_id, std::uint32_t> busy;
  for (auto& [key, since] : moving_)
    if (auto* a = b.map.find(key)) {
      ++busy[a->owner];
      if (a->stage == stage::pausing)
        ++busy[a->target];
    }
  proto::Assign assigned;
  bool waits = false;
  bool searching = false;
  for (auto& one : plan.assignments) {
    partition_key key{id, one.partition};
    auto* a = b.map.find(key);
    if (!a || a->stage != stage::unassigned || !b.claim(key))
      continue;
    auto to = one.to;
    if (a->target == to)
      for (auto& load : plan.loads)
        if (load.node != to && b.map.node(load.node)->available()
            && b.map.can_host(region, *b.map.node(load.node))) {
          to = load.node; // not where it failed last, if there is another
          break;
        }
    proto::PartitionRow row;
    set_row(row, key, *a, to);
    if (add_source(b, row, key, *a))
      *assigned.add_rows() = std::move(row);
    else
      searching = true;
  }
  if (!searching)
    orphaned_.erase(id);
  proto::Pause paused;
  if (balance) {
    for (auto& move : plan.moves) {
      partition_key key{id, move.partition};
      auto* a = b.map.find(key);
      if (!a || a->stage != stage::running || a->owner != move.from)
        continue;
      if (busy[move.from] >= settings_.moves_max
          || busy[move.to] >= settings_.moves_max) {
        waits = true;
        continue;
      }
      if (!b.claim(key)) {
        waits = true;
        continue;
      }
      ++busy[move.from];
      ++busy[move.to];
      set_row(*paused.add_rows(), key, *a, move.to);
    }
    bool moving = std::any_of(moving_.begin(), moving_.end(),
                              [&](auto& kv) { return kv.first.region == id; });
    if (!waits && !moving) {
      unbalanced_.erase(id);
      urgent_.erase(id);
    }
  }
  if (assigned.rows().empty() && paused.rows().empty()) {
    if (balance)
      planned_[id] = b.map.version();
    return false;
  }
  auto& made = *b.add().mutable_plan_made();
  made.set_region(region.settings.name);
  made.set_moves(static_cast<std::uint32_t>(paused.rows_size()));
  made.set_assignments(static_cast<std::uint32_t>(assigned.rows_size()));
  made.set_cause(urgent ? "asked for, or a node drains" : "nodes changed");
  if (!assigned.rows().empty()) {
    assigned.set_cause(first ? "first" : "owner lost");
    *b.add().mutable_assign() = std::move(assigned);
  }
  if (!paused.rows().empty()) {
    paused.set_cause("balance");
    *b.add().mutable_pause() = std::move(paused);
  }
  return true;
}

} // namespace troupe
