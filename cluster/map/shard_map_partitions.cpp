// Commands about regions and their partitions. A row that names another epoch
// than the map has is late and changes nothing.
#include <algorithm>

#include <troupe/cluster/map/apply_context.hpp>
#include <troupe/cluster/map/codec.hpp>

namespace troupe {

// What is known of a saved state stays: the next owner may still get it.
void shard_map::unassign(assignment& a) {
  if (a.stage == stage::pausing) {
    a.source = {};
    a.source_epoch = a.epoch;
  }
  a.stage = stage::unassigned;
  a.owner = {};
  a.owner_incarnation = {};
  a.target = {};
}

// `keep_restarting`: what has stopped to wait for its owner's restart stays.
void shard_map::unassign_all(apply_context& ctx, node_id owner,
                             bool keep_restarting) {
  for (auto& [id, region] : regions_) {
    for (partition_id p = 0; p < region.partitions.size(); ++p) {
      auto& a = region.partitions[p];
      bool waits = a.stage == stage::pausing && a.target == owner;
      if (a.owner != owner || (keep_restarting && waits))
        continue;
      unassign(a);
      a.version = ctx.at;
      a.stage_time_us = ctx.time_us;
      ctx.out.partitions.push_back({id, p});
    }
  }
}

command_result shard_map::on(apply_context& ctx,
                             const proto::AnnounceRegion& cmd) {
  auto* node = this->node(node_id{cmd.node()});
  if (!node || node->incarnation.value != cmd.incarnation())
    return refuse(errc::conflict, "the node has been started again since",
                  "nothing to do");
  auto settings = from_proto(cmd.settings());
  auto found = std::find_if(regions_.begin(), regions_.end(), [&](auto& kv) {
    return kv.second.settings.name == settings.name;
  });
  if (found == regions_.end()) {
    auto id = region_id{next_region_++};
    region_record fresh;
    fresh.id = id;
    fresh.settings = settings;
    fresh.partitions.resize(settings.partitions);
    fresh.version = ctx.at;
    for (auto& a : fresh.partitions)
      a.version = ctx.at;
    found = regions_.emplace(id, std::move(fresh)).first;
    auto& event = emit(ctx, proto::EVENT_KIND_REGION_ANNOUNCED, *node);
    event.set_region(settings.name);
    event.set_cause("announced");
    event.set_text(std::to_string(settings.partitions) + " partitions");
  }
  auto& region = found->second;
  if (!region.agrees(settings))
    return refuse(errc::conflict,
                  "region '" + settings.name + "' has other settings: "
                      + difference(settings, region.settings),
                  "start this node with the cluster's settings");
  auto& hosts = region.hosts;
  auto at = std::lower_bound(hosts.begin(), hosts.end(), node->id);
  bool listed = at != hosts.end() && *at == node->id;
  if (cmd.hosts() && !listed)
    hosts.insert(at, node->id);
  else if (!cmd.hosts() && listed)
    hosts.erase(at);
  ctx.out.regions.push_back(region.id);
  return {};
}

command_result shard_map::on(apply_context& ctx, const proto::Pause& cmd) {
  for (auto& row : cmd.rows()) {
    auto* a = find_row(row);
    auto target = node_id{row.node()};
    bool moves = a && a->stage == stage::pausing && a->target != target;
    if (!a || !node(target) || (a->stage != stage::running && !moves))
      continue;
    a->cause = cmd.cause();
    auto& event = emit(ctx, proto::EVENT_KIND_PARTITION_PAUSED, row, *a);
    event.set_to(target.value);
    event.set_to_name(name_of(target));
    if (a->stage != stage::pausing)
      a->move_time_us = ctx.time_us;
    a->stage = stage::pausing;
    a->target = target;
    touch(ctx, row, *a);
  }
  return {};
}

command_result shard_map::on(apply_context& ctx, const proto::Assign& cmd) {
  for (auto& row : cmd.rows()) {
    auto* a = find_row(row);
    auto* owner = node(node_id{row.node()});
    if (!a || !owner || owner->liveness != liveness::up)
      continue;
    bool confirmed = a->stage == stage::pausing && row.source() != 0;
    auto kind = confirmed ? proto::EVENT_KIND_PARTITION_CONFIRMED
                          : proto::EVENT_KIND_PARTITION_ASSIGNED;
    if (!cmd.cause().empty())
      a->cause = cmd.cause(); // else that of the move which goes on
    if (!confirmed)
      a->move_time_us = ctx.time_us;
    auto& event = emit(ctx, kind, row, *a);
    event.set_to(owner->id.value);
    event.set_to_name(owner->name);
    if (row.state_lost())
      emit(ctx, proto::EVENT_KIND_STATE_LOST, row, *a);
    a->stage = stage::starting;
    a->owner = owner->id;
    a->owner_incarnation = owner->incarnation;
    a->epoch = epoch{ctx.at.value};
    a->target = {};
    a->source = node_id{row.source()};
    a->source_epoch = epoch{row.source_epoch()};
    a->quarantined = false;
    touch(ctx, row, *a);
  }
  return {};
}

command_result shard_map::on(apply_context& ctx, const proto::Started& cmd) {
  for (auto& row : cmd.rows()) {
    auto* a = find_row(row);
    if (!a || a->stage != stage::starting)
      continue;
    emit(ctx, proto::EVENT_KIND_PARTITION_STARTED, row, *a)
        .set_move_us(since(ctx, a->move_time_us));
    a->stage = stage::running;
    a->source = {};
    a->source_epoch = {};
    a->failures = 0;
    a->failure.clear();
    touch(ctx, row, *a);
  }
  return {};
}

command_result shard_map::on(apply_context& ctx, const proto::Failed& cmd) {
  for (auto& row : cmd.rows()) {
    auto* a = find_row(row);
    if (!a || a->stage == stage::unassigned)
      continue;
    emit(ctx, proto::EVENT_KIND_PARTITION_FAILED, row, *a)
        .set_cause(row.text());
    auto failed_at = a->owner;
    unassign(*a);
    a->target = failed_at;
    a->failure = row.text();
    if (!row.unstarted())
      ++a->failures;
    if (cmd.quarantine_after() > 0 && a->failures >= cmd.quarantine_after()) {
      a->quarantined = true;
      emit(ctx, proto::EVENT_KIND_QUARANTINED, row, *a).set_cause(row.text());
    }
    touch(ctx, row, *a);
  }
  return {};
}

command_result shard_map::on(apply_context& ctx, const proto::PlanMade& cmd) {
  auto& event = emit(ctx, proto::EVENT_KIND_PLAN_MADE);
  event.set_region(cmd.region());
  event.set_cause(cmd.cause());
  event.set_text(cmd.problem().empty()
                     ? std::to_string(cmd.moves()) + " moves, "
                           + std::to_string(cmd.assignments()) + " assignments"
                     : cmd.problem());
  return {};
}

} // namespace troupe
