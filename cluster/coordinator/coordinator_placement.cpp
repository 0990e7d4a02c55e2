// What the next entry says about placement: owners for what has none, and moves
// that balance.
#include <algorithm>

#include <troupe/cluster/coordinator/entry_builder.hpp>

namespace troupe {

namespace {

bool untouched(const region_record& region) {
  return std::none_of(region.partitions.begin(), region.partitions.end(),
                      [](auto& a) { return bool{a.epoch}; });
}

// Where the partition is once what is under way is done.
node_id final_owner(const assignment& a) {
  return a.stage == stage::pausing ? a.target : a.owner;
}

} // namespace

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
          other[final_owner(a)] += a.weight;
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
    row.owner = final_owner(a);
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
  if (!untouched(region))
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
  if (b.full())
    return;
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
                       const plan_under_way& plan, partition_key key,
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

// Whether what became of a partition is what its plan says, or leaves the plan
// as good as it was.
bool coordinator::follows(plan_under_way& run, partition_key key,
                          const assignment* a) {
  auto& owners = run.owners;
  if (!a || key.partition >= owners.size())
    return false;
  auto planned = owners[key.partition];
  if (a->stage != stage::unassigned)
    return planned ? final_owner(*a) == planned : a->stage != stage::running;
  run.first = std::min(run.first, key.partition);
  return a->quarantined || planned;
}

// The plan of the region: the one that is under way, or a new one. Null: there
// is none, and a command says why.
auto coordinator::current_plan(builder& b, const region_record& region)
    -> plan_under_way* {
  auto id = region.id;
  if (auto known = plans_.find(id); known != plans_.end())
    return &known->second;
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
    return nullptr;
  }
  auto& run = plans_[id];
  auto& plan = std::get<placement_plan>(result);
  run.owners = std::move(plan.owners);
  run.loads = std::move(plan.loads);
  for (auto& move : plan.moves)
    run.moves[{move.from, move.to}].push_back(move.partition);
  for (partition_id p = 0; p < region.partitions.size(); ++p)
    if (auto at = region.partitions[p].stage;
        at == stage::starting || at == stage::pausing)
      run.owners[p] = {}; // it was not asked: its end is news
  return &run;
}

// Owners for what has none, so many at a time.
std::uint32_t
coordinator::add_assignments(builder& b, const region_record& region,
                             plan_under_way& run, std::size_t starting,
                             std::map<std::string, proto::Assign>& by_cause) {
  auto id = region.id;
  // A partition that was cut off and is back may still run where it was, until
  // that node's lease is over.
  auto cut = cut_.find(id);
  bool lingers = cut != cut_.end() && !untouched(region)
                 && b.now - cut->second <= settings_.lease + settings_.margin;
  auto& owners = run.owners;
  std::uint32_t count = 0;
  auto first_left = region.partitions.size(); // its turn is later
  for (auto p = run.first; p < region.partitions.size(); ++p) {
    auto& a = region.partitions[p];
    if (a.stage != stage::unassigned || a.quarantined || !owners[p])
      continue;
    partition_key key{id, p};
    auto leave = [&, left = std::size_t{p}] {
      first_left = std::min(first_left, left);
    };
    if (b.full() || starting + count >= settings_.starts_max) {
      leave();
      break;
    }
    if (!a.epoch && lingers) {
      leave();
      continue;
    }
    auto failed_at = [&](node_id x) { return x == a.target; };
    auto to = a.target ? elsewhere(b, region, run, key, owners[p], failed_at)
                       : owners[p];
    proto::PartitionRow row;
    set_row(row, key, a, to);
    if (!add_source(b, row, key, a) || !b.claim(key)) {
      leave();
      continue;
    }
    if (std::exchange(owners[p], to) != to)
      unbalanced_.insert(id);
    *by_cause[a.epoch ? "owner lost" : "first"].add_rows() = std::move(row);
    ++count;
  }
  run.first = static_cast<partition_id>(first_left);
  if (first_left == region.partitions.size())
    orphaned_.erase(id);
  return count;
}

// Begins the moves of the plan that there is room for, all ways in turn; the
// others stay in it. Returns when one that was rolled back may be tried again.
boot_time
coordinator::add_moves(builder& b, const region_record& region,
                       plan_under_way& run,
                       std::map<std::string, proto::Pause>& by_cause) {
  auto again = boot_time::max();
  if (run.moves.empty())
    return again;
  auto id = region.id;
  std::map<node_id, std::uint32_t> busy;
  for (auto& [key, since] : moving_)
    if (auto* a = b.map.find(key)) {
      ++busy[a->owner];
      if (a->stage == stage::pausing)
        ++busy[a->target];
    }
  bool asked = asked_.count(id) != 0;
  // Whether the way's next move waits.
  auto waits = [&](node_id source, node_id planned, partition_id p) {
    partition_key key{id, p};
    auto* a = b.map.find(key);
    if (!a || a->stage != stage::running || a->owner != source)
      return false; // not any more
    auto* from = b.map.node(source);
    bool drained = from && from->intent == intent::drain;
    auto to = planned;
    if (drained)
      to = elsewhere(b, region, run, key, to, [&](node_id x) {
        return b.now < closed_until(source, x);
      });
    if (auto until = closed_until(source, to); b.now < until && !asked) {
      again = std::min(again, until);
      return true;
    }
    if (busy[source] >= settings_.moves_max || busy[to] >= settings_.moves_max
        || !b.claim(key))
      return true;
    ++busy[source];
    ++busy[to];
    auto cause = drained ? "drain" : asked ? "asked for" : "balance";
    set_row(*by_cause[cause].add_rows(), key, *a, to);
    run.owners[p] = to;
    return false;
  };
  for (bool some = true; some;) {
    some = false;
    for (auto& [way, partitions] : run.moves)
      if (!partitions.empty()
          && !waits(way.first, way.second, partitions.front())) {
        partitions.pop_front();
        some = true;
      }
  }
  std::erase_if(run.moves, [](auto& kv) { return kv.second.empty(); });
  return again;
}

// True if it changes anything.
bool coordinator::add_region(builder& b, const region_record& region) {
  auto id = region.id;
  bool stable = settled(b, region);
  bool assign = orphaned_.count(id) != 0 && (stable || !untouched(region));
  bool balance =
      urgent_.count(id) != 0 || (stable && unbalanced_.count(id) != 0);
  if (!assign && !balance)
    return false;
  auto idle = idle_.find(id);
  if (!assign && idle != idle_.end() && idle->second.version == b.map.version()
      && b.now < idle->second.until)
    return false;
  std::size_t under_way = 0;
  std::size_t starting = 0; // what waits for a restart may be very many
  for (auto& [key, since] : moving_)
    if (key.region == id) {
      ++under_way;
      auto* a = b.map.find(key);
      starting += a && a->stage == stage::starting;
    }
  // All of it is done: is there more to do, as things are now?
  if (auto done = plans_.find(id); done != plans_.end() && !assign
                                   && under_way == 0
                                   && done->second.moves.empty())
    plans_.erase(done);
  auto* run = current_plan(b, region);
  if (!run)
    return false;
  bool asked = asked_.count(id) != 0;
  std::map<std::string, proto::Assign> assigned; // by cause
  auto assignments = add_assignments(b, region, *run, starting, assigned);
  std::map<std::string, proto::Pause> paused; // by cause
  auto again = balance ? add_moves(b, region, *run, paused) : boot_time::max();
  bool begun = run->moves.empty() && orphaned_.count(id) == 0;
  if (under_way == 0 && begun) {
    if (balance) {
      unbalanced_.erase(id);
      urgent_.erase(id);
      asked_.erase(id);
    }
    plans_.erase(id);
  } else if (orphaned_.count(id) == 0 && urgent_.count(id) == 0
             && unbalanced_.count(id) == 0) {
    plans_.erase(id); // nobody would look at it before it is out of date
  }
  if (assigned.empty() && paused.empty()) {
    if (balance && !b.full())
      idle_[id] = {b.map.version(), again};
    return false;
  }
  auto& made = *b.add().mutable_plan_made();
  made.set_region(region.settings.name);
  made.set_assignments(assignments);
  std::uint32_t moves = 0;
  for (auto& [cause, pause] : paused)
    moves += static_cast<std::uint32_t>(pause.rows_size());
  made.set_moves(moves);
  made.set_cause(paused.count("drain") != 0 ? "drain"
                 : asked                    ? "asked for"
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
