// What the next entry says about placement: owners for what has none, and moves
// that balance.
#include <algorithm>

#include <troupe/cluster/coordinator/entry_builder.hpp>

namespace troupe {

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
    row.eligible = node.available() && leaves_.count(id) == 0
                   && map.can_host(region, node);
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
    row.since = a.epoch;
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
  if (b.now >= stable_at(region.id))
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

// Who says that it holds the state of the partition; none: nobody.
node_id coordinator::holder_of(partition_key key, const assignment& a) const {
  auto held = holders_.find(key);
  return held != holders_.end() && held->second.epoch == a.epoch
             ? held->second.node
             : node_id{};
}

// Where the state of a partition without an owner is. False: a node that may
// hold it has not said yet whether it does.
bool coordinator::add_source(builder& b, proto::PartitionRow& row,
                             partition_key key, const assignment& a) {
  if (!a.source_epoch)
    return true;
  if (auto holder = holder_of(key, a)) {
    row.set_source(holder.value);
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

boot_time coordinator::closed_until(node_id from, node_id to) const {
  auto way = closed_.find({from, to});
  return way == closed_.end() ? boot_time{0} : way->second.until;
}

// Where a partition goes if not to a node where it came to nothing: to who
// holds its state, for whom no way is needed, else as planned, else to the node
// with the least of those that are not closed to it.
node_id
coordinator::elsewhere(const builder& b, const region_record& region,
                       const placement_plan& plan, partition_key key,
                       node_id planned,
                       const std::function<bool(node_id)>& closed) const {
  auto holder = holder_of(key, region.partitions[key.partition]);
  if (holder && !closed(holder))
    if (auto* node = b.map.node(holder);
        node && node->liveness == liveness::up && b.map.can_host(region, *node))
      return node->id; // though it may be about to leave: it gives it on
  const planned_load* least = nullptr;
  if (closed(planned))
    for (auto& load : plan.loads)
      if (auto* node = b.map.node(load.node);
          node && node->available() && leaves_.count(node->id) == 0
          && b.map.can_host(region, *node) && !closed(node->id)
          && (!least || load.weight < least->weight))
        least = &load;
  return least ? least->node : planned;
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
      && planned->second.version == b.map.version()
      && b.now < planned->second.until)
    return false;
  auto result = plan_for(region, b.map);
  if (auto* refused = std::get_if<placement_refusal>(&result)) {
    // Skipped until something changes.
    urgent_.erase(id);
    asked_.erase(id);
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
  std::map<std::string, proto::Assign> assigned; // by cause
  std::uint32_t assignments = 0;
  bool waits = false;
  bool searching = false;
  // A partition that was cut off and is back may still run where it was, until
  // that node's lease is over.
  auto cut = cut_.find(id);
  bool lingers = !first && cut != cut_.end()
                 && b.now - cut->second <= settings_.lease + settings_.margin;
  for (auto& one : plan.assignments) {
    partition_key key{id, one.partition};
    auto* a = b.map.find(key);
    if (a && !a->epoch && lingers) {
      searching = true;
      continue;
    }
    if (!a || a->stage != stage::unassigned || !b.claim(key))
      continue;
    auto failed_at = [&](node_id x) { return x == a->target; };
    auto to =
        a->target ? elsewhere(b, region, plan, key, one.to, failed_at) : one.to;
    if (to != one.to)
      unbalanced_.insert(id);
    proto::PartitionRow row;
    set_row(row, key, *a, to);
    if (!add_source(b, row, key, *a)) {
      searching = true;
      continue;
    }
    *assigned[a->epoch ? "owner lost" : "first"].add_rows() = std::move(row);
    ++assignments;
  }
  if (!searching)
    orphaned_.erase(id);
  std::map<std::string, proto::Pause> paused; // by cause
  std::uint32_t moves = 0;
  auto again = boot_time::max(); // moves that were rolled back
  if (balance) {
    for (auto& move : plan.moves) {
      partition_key key{id, move.partition};
      auto* a = b.map.find(key);
      if (!a || a->stage != stage::running || a->owner != move.from)
        continue;
      auto* from = b.map.node(move.from);
      bool drained = from && from->intent == intent::drain;
      auto to = move.to;
      bool asked = asked_.count(id) != 0;
      if (drained)
        to = elsewhere(b, region, plan, key, to, [&](node_id x) {
          return b.now < closed_until(move.from, x);
        });
      if (auto until = closed_until(move.from, to); b.now < until && !asked) {
        again = std::min(again, until);
        waits = true;
        continue;
      }
      if (busy[move.from] >= settings_.moves_max
          || busy[to] >= settings_.moves_max) {
        waits = true;
        continue;
      }
      if (!b.claim(key)) {
        waits = true;
        continue;
      }
      ++busy[move.from];
      ++busy[to];
      auto cause = drained ? "drain" : asked ? "asked for" : "balance";
      set_row(*paused[cause].add_rows(), key, *a, to);
      ++moves;
    }
    bool moving = std::any_of(moving_.begin(), moving_.end(),
                              [&](auto& kv) { return kv.first.region == id; });
    if (!waits && !moving) {
      unbalanced_.erase(id);
      urgent_.erase(id);
      asked_.erase(id);
    }
  }
  if (assigned.empty() && paused.empty()) {
    if (balance)
      planned_[id] = {b.map.version(), again};
    return false;
  }
  auto& made = *b.add().mutable_plan_made();
  made.set_region(region.settings.name);
  made.set_moves(moves);
  made.set_assignments(assignments);
  made.set_cause(paused.count("drain") != 0 ? "drain"
                 : asked_.count(id) != 0    ? "asked for"
                                            : "nodes changed");
  for (auto& [cause, assign] : assigned) {
    assign.set_cause(cause);
    *b.add().mutable_assign() = std::move(assign);
  }
  for (auto& [cause, pause] : paused) {
    pause.set_cause(cause);
    *b.add().mutable_pause() = std::move(pause);
  }
  return true;
}

} // namespace troupe
