// What the leader is told: heartbeats, requests, and what the map became.
#include <troupe/cluster/coordinator/coordinator.hpp>

#include <algorithm>

namespace troupe {

coordinator::coordinator(cluster_settings settings, strategies own)
    : settings_(settings), strategies_(std::move(own)), detector_(settings) {
}

namespace {

// The rest of the map's commands are the leader's own.
bool may_ask(const proto::MapCommand& what) {
  return what.has_admit_node() || what.has_node_up() || what.has_set_intent()
         || what.has_announce_region() || what.has_configure_region();
}

} // namespace

// -- leadership ---------------------------------------------------------------

void coordinator::lead(boot_time now, boot_time base, const shard_map& map) {
  leading_ = true;
  detector_.lead(base, now);
  restored(now, map);
}

void coordinator::retire() {
  leading_ = false;
  for (auto& one : queue_)
    answer(one.from, errc::not_leader, "leadership was lost before it began",
           "ask again");
  queue_.clear();
  for (auto& [node, one] : starting_nodes_)
    answer(one.from, errc::not_leader, "leadership was lost", "ask again");
  starting_nodes_.clear();
  for (auto& [node, origin] : leaves_)
    answer(origin, errc::not_leader, "leadership was lost", "ask again");
  leaves_.clear();
  leaving_.clear();
  facts_.clear();
  holders_.clear();
  versions_.clear();
}

// -- what nodes say -----------------------------------------------------------

void coordinator::heard(boot_time now, node_id from, incarnation started,
                        log_index applied, const proto::Facts& facts,
                        const shard_map& map) {
  auto* node = map.node(from);
  if (!leading_ || !node || node->incarnation != started)
    return;
  detector_.heard(from, now);
  if (node->liveness != liveness::up)
    return;
  auto& version = versions_[from];
  version = std::max(version, applied);
  facts_[from].Clear(); // it says all that it has to say
  told(from, facts);
}

void coordinator::told(node_id from, const proto::Facts& facts) {
  if (!leading_)
    return;
  auto& known = facts_[from];
  known.mutable_confirmed()->MergeFrom(facts.confirmed());
  known.mutable_started()->MergeFrom(facts.started());
  known.mutable_failed()->MergeFrom(facts.failed());
  for (auto& row : facts.holding())
    holders_[{region_id{row.region()}, row.partition()}] = {from,
                                                            epoch{row.epoch()}};
}

void coordinator::request(boot_time now, command_origin from,
                          const proto::CommandRequest& what,
                          const shard_map& map) {
  if (!leading_) {
    answer(from, errc::not_leader, "this node does not lead", "ask the leader");
    return;
  }
  using one = proto::CommandRequest;
  switch (what.request_case()) {
  case one::kMap: {
    if (!may_ask(what.map())) {
      answer(from, errc::conflict, "only the leader says this",
             "ask for a move, a plan or an intent");
      break;
    }
    queued entry{from, what.map()};
    if (auto why = strategy_refusal(what.map().configure_region());
        !why.empty())
      answer(from, errc::invalid_setting, std::move(why),
             "name a strategy that all nodes have");
    else if (what.map().has_node_up())
      starting_nodes_[node_id{what.map().node_up().node()}] = entry;
    else
      queue_.push_back(entry);
    break;
  }
  case one::kPlan:
    on_plan(now, from, what.plan(), map);
    break;
  case one::kMove:
    on_move(from, what.move(), map);
    break;
  case one::kLeave: {
    auto* node = map.node(from.node);
    if (!node || node->incarnation.value != what.leave().incarnation()) {
      answer(from, errc::conflict, "another incarnation of the node is up",
             "nothing to do");
      break;
    }
    leaves_[from.node] = from;
    plans_.clear(); // it gets nothing any more
    break;
  }
  case one::REQUEST_NOT_SET:
    answer(from, errc::conflict,
           "a request that this version of troupe "
           "does not know",
           "upgrade this node");
  }
}

// Why a command's strategy cannot be made; empty: it can, or it names none.
std::string
coordinator::strategy_refusal(const proto::ConfigureRegion& what) const {
  if (what.strategy().empty() || strategies_.count(what.strategy()) != 0)
    return {};
  auto& options = what.strategy_options();
  auto made = make_strategy(what.strategy(), {options.begin(), options.end()});
  auto* refused = std::get_if<placement_refusal>(&made);
  return refused ? refused->text : std::string{};
}

void coordinator::on_plan(boot_time now, command_origin from,
                          const proto::PlanRequest& what,
                          const shard_map& map) {
  command_answer out{from, {}};
  out.reply.set_id(from.id);
  bool found = what.region().empty();
  std::string waits;
  for (auto& [id, region] : map.regions()) {
    if (!what.region().empty() && region.settings.name != what.region())
      continue;
    found = true;
    if (waits.empty())
      waits = waiting_for(now, region, what.apply());
    auto result = plan_for(region, map);
    if (auto* refused = std::get_if<placement_refusal>(&result)) {
      answer(from, errc::conflict, refused->text,
             "correct the strategy of region '" + region.settings.name + "'");
      return;
    }
    auto add = [&, &region = region](partition_id p, node_id old, node_id to) {
      auto& row = *out.reply.add_moves();
      row.set_region(region.settings.name);
      row.set_partition(p);
      row.set_from(map.name_of(old));
      row.set_to(map.name_of(to));
    };
    auto& plan = std::get<placement_plan>(result);
    for (auto& m : plan.moves)
      add(m.partition, m.from, m.to);
    for (auto& a : plan.assignments)
      add(a.partition, {}, a.to);
    if (what.apply()) {
      urgent_.insert(id);
      asked_.insert(id);
      idle_.erase(id);
      plans_.erase(id);
    }
  }
  if (!found)
    answer(from, errc::unknown_region, "no region '" + what.region() + "'",
           "list the regions with 'troupectl regions'");
  else {
    out.reply.set_waiting_for(waits);
    answers_.push_back(std::move(out));
  }
}

// What a plan of the region waits for before it starts by itself; one that was
// asked for waits for room only.
std::string coordinator::waiting_for(boot_time now, const region_record& region,
                                     bool asked_for) const {
  auto until = stable_at(region.id);
  if (!asked_for && until > now) {
    auto tenths = (until - now + std::chrono::milliseconds{99})
                  / std::chrono::milliseconds{100};
    return "a stable view, " + std::to_string(tenths / 10) + "."
           + std::to_string(tenths % 10) + " s left";
  }
  auto moving = std::count_if(moving_.begin(), moving_.end(), [&](auto& kv) {
    return kv.first.region == region.id;
  });
  if (moving > 0)
    return std::to_string(moving)
           + (moving == 1 ? " move under way" : " moves under way");
  bool closed = std::any_of(closed_.begin(), closed_.end(),
                            [&](auto& kv) { return kv.second.until > now; });
  return closed && !asked_for ? "another try of moves that were rolled back"
                              : "";
}

// When the view of the region has been the same for long enough.
boot_time coordinator::stable_at(region_id id) const {
  auto i = changed_.find(id);
  auto changed = i == changed_.end() ? boot_time{0} : i->second;
  return std::max(changed, nodes_changed_) + settings_.stabilisation;
}

void coordinator::on_move(command_origin from, const proto::MoveRequest& what,
                          const shard_map& map) {
  auto* region = map.region(what.region());
  if (!region)
    return answer(from, errc::unknown_region,
                  "no region '" + what.region() + "'",
                  "list the regions with 'troupectl regions'");
  if (what.partition() >= region->partitions.size())
    return answer(from, errc::partition_out_of_range,
                  "partition " + std::to_string(what.partition()) + " of "
                      + std::to_string(region->partitions.size()),
                  "partitions are numbered from 0");
  auto* target = map.node(what.to());
  if (!target)
    return answer(from, errc::unknown_node, "no node '" + what.to() + "'",
                  "list the nodes with 'troupectl nodes'");
  if (!target->available() || leaves_.count(target->id) != 0
      || !map.can_host(*region, *target))
    return answer(from, errc::conflict,
                  "'" + what.to() + "' cannot take partitions of '"
                      + what.region() + "' now",
                  "choose a node that hosts the region, is up and not "
                  "draining");
  auto& a = region->partitions[what.partition()];
  if (a.stage == stage::running && a.owner == target->id)
    return answer(from, errc::conflict,
                  "partition " + std::to_string(what.partition()) + " of '"
                      + what.region() + "' runs on '" + what.to() + "' already",
                  "nothing to do, or name another node");
  if (a.stage != stage::running
      && (a.stage != stage::unassigned || a.source_epoch))
    return answer(from, errc::conflict,
                  "partition " + std::to_string(what.partition()) + " is "
                      + std::string{to_string(a.stage)} + " now",
                  "wait until it runs, then ask again");
  queued one{from, {}};
  proto::PartitionRow* row;
  if (a.stage == stage::running) {
    one.command.mutable_pause()->set_cause("asked for");
    row = one.command.mutable_pause()->add_rows();
  } else {
    one.command.mutable_assign()->set_cause("asked for");
    row = one.command.mutable_assign()->add_rows();
  }
  row->set_region(region->id.value);
  row->set_partition(what.partition());
  row->set_epoch(a.epoch.value);
  row->set_node(target->id.value);
  queue_.push_back(std::move(one));
}

void coordinator::answer(command_origin to, errc code, std::string detail,
                         std::string hint) {
  if (to.id == 0)
    return;
  command_answer out{to, {}};
  out.reply.set_id(to.id);
  out.reply.set_code(static_cast<std::uint32_t>(code));
  out.reply.set_detail(std::move(detail));
  out.reply.set_hint(std::move(hint));
  answers_.push_back(std::move(out));
}

void coordinator::done(const proposal& what, log_index at,
                       const std::vector<command_result>& results) {
  for (std::size_t i = 0; i < results.size() && i < what.origins.size(); ++i) {
    auto& origin = what.origins[i];
    if (origin.id == 0)
      continue;
    auto& result = results[i];
    command_answer out{origin, {}};
    out.reply.set_id(origin.id);
    out.reply.set_code(static_cast<std::uint32_t>(result.refused.code));
    out.reply.set_detail(result.refused.detail);
    out.reply.set_hint(result.refused.hint);
    out.reply.set_node(result.node.value);
    out.reply.set_incarnation(result.next_incarnation.value);
    out.reply.set_index(at.value);
    answers_.push_back(std::move(out));
  }
}

void coordinator::failed(const proposal& what, errc code) {
  for (auto& origin : what.origins)
    answer(origin, code,
           code == errc::outcome_unknown
               ? "the leader was lost before the command was known to hold"
               : "the command was not taken",
           "look at the map, then ask again if need be");
  // What it was to place still has to be.
  for (auto& command : what.entry.commands()) {
    for (auto& row : command.assign().rows())
      orphaned_.insert(region_id{row.region()});
    for (auto& row : command.pause().rows())
      unbalanced_.insert(region_id{row.region()});
  }
  idle_.clear();
  plans_.clear();
}

// -- what the map became ------------------------------------------------------

void coordinator::track(boot_time now, partition_key key,
                        const shard_map& map) {
  auto* a = map.find(key);
  if (a && a->stage == stage::starting && moving_.count(key) != 0)
    closed_.erase({a->source, a->owner}); // it was paused, and came over
  if (a && (a->stage == stage::pausing || a->stage == stage::starting))
    moving_[key] = now;
  else
    moving_.erase(key);
  if (a && a->stage == stage::unassigned && !a->quarantined)
    orphaned_.insert(key.region);
  if (a && a->stage == stage::unassigned && a->source_epoch)
    stranded_[key] = now;
  else
    stranded_.erase(key);
  if (!a || a->stage == stage::running)
    holders_.erase(key);
}

void coordinator::applied(boot_time now, const troupe::applied& what,
                          const shard_map& map) {
  for (auto key : what.partitions) {
    track(now, key, map);
    auto* a = map.find(key);
    if (!a)
      cut_[key.region] = now;
    if (auto run = plans_.find(key.region);
        run != plans_.end() && !follows(run->second, key, a))
      plans_.erase(run);
  }
  if (what.nodes || !what.regions.empty())
    plans_.clear();
  for (auto id : what.regions) {
    changed_[id] = now;
    unbalanced_.insert(id);
    orphaned_.insert(id);
  }
  for (auto id : what.lost) {
    versions_.erase(id);
    std::erase_if(holders_, [&](auto& kv) { return kv.second.node == id; });
    // Who asked to leave and was started anew since does not go.
    if (auto* node = map.node(id); node && node->liveness == liveness::up) {
      leaves_.erase(id);
      leaving_.erase(id);
    }
  }
  if (!what.nodes)
    return;
  closed_.clear();
  bool planned_change = false;
  for (auto& event : what.events) {
    auto kind = event.kind();
    planned_change = planned_change || kind == proto::EVENT_KIND_NODE_UP
                     || kind == proto::EVENT_KIND_NODE_LEFT;
    if (kind == proto::EVENT_KIND_NODE_INTENT)
      for (auto& [id, region] : map.regions())
        urgent_.insert(id);
  }
  if (planned_change)
    nodes_changed_ = now;
  for (auto& [id, region] : map.regions()) {
    unbalanced_.insert(id);
    orphaned_.insert(id);
  }
  for (auto& [id, node] : map.nodes()) {
    bool away = node.intent == intent::restart && node.liveness != liveness::up;
    if (away)
      restarting_.emplace(id, now);
    else
      restarting_.erase(id);
    if (node.liveness == liveness::joining)
      joining_.emplace(id, now);
    else
      joining_.erase(id);
    if (node.liveness == liveness::left && leaves_.count(id)) {
      leaves_.erase(id);
      leaving_.erase(id);
    }
  }
}

void coordinator::restored(boot_time now, const shard_map& map) {
  moving_.clear();
  stranded_.clear();
  idle_.clear();
  plans_.clear();
  closed_.clear();
  orphaned_.clear();
  unbalanced_.clear();
  for (auto& [id, region] : map.regions()) {
    changed_[id] = now;
    cut_[id] = now;
    unbalanced_.insert(id);
    for (partition_id p = 0; p < region.partitions.size(); ++p)
      track(now, {id, p}, map);
  }
  nodes_changed_ = now;
  restarting_.clear();
  for (auto& [id, node] : map.nodes())
    if (node.intent == intent::restart && node.liveness != liveness::up)
      restarting_[id] = now;
  joining_.clear();
  for (auto& [id, node] : map.nodes())
    if (node.liveness == liveness::joining)
      joining_[id] = now;
}

} // namespace troupe
