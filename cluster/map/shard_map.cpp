#include <troupe/cluster/map/shard_map.hpp>

#include <algorithm>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/map/apply_context.hpp>

namespace troupe {

shard_map shard_map::found(std::string cluster_id,
                           const std::vector<founder>& founders, log_index at,
                           std::size_t event_history) {
  shard_map map{event_history};
  map.cluster_id_ = std::move(cluster_id);
  map.version_ = at;
  for (auto& f : founders) {
    node_record node;
    node.id = f.id;
    node.uuid = f.uuid;
    node.name = f.name;
    node.address = f.address;
    map.nodes_.emplace(f.id, std::move(node));
  }
  return map;
}

applied shard_map::apply(log_index at, const proto::MapEntry& entry) {
  TROUPE_ASSERT(at > version_, "entry {} applied to version {}", at, version_);
  version_ = at;
  apply_context ctx{at, entry.time_us(), {}};
  for (auto& command : entry.commands()) {
    using one = proto::MapCommand;
    command_result result;
    switch (command.command_case()) {
    case one::kAdmitNode:
      result = on(ctx, command.admit_node());
      break;
    case one::kNodeUp:
      result = on(ctx, command.node_up());
      break;
    case one::kNodeDown:
      result = on(ctx, command.node_down());
      break;
    case one::kNodeLeft:
      result = on(ctx, command.node_left());
      break;
    case one::kSetIntent:
      result = on(ctx, command.set_intent());
      break;
    case one::kAnnounceRegion:
      result = on(ctx, command.announce_region());
      break;
    case one::kConfigureRegion:
      result = on(ctx, command.configure_region());
      break;
    case one::kPause:
      result = on(ctx, command.pause());
      break;
    case one::kAssign:
      result = on(ctx, command.assign());
      break;
    case one::kStarted:
      result = on(ctx, command.started());
      break;
    case one::kFailed:
      result = on(ctx, command.failed());
      break;
    case one::kPlanMade:
      result = on(ctx, command.plan_made());
      break;
    case one::COMMAND_NOT_SET:
      result = refuse(errc::conflict,
                      "a command that this version of troupe "
                      "does not know",
                      "upgrade this node");
      break;
    }
    ctx.out.results.push_back(std::move(result));
  }
  publish(ctx);
  return std::move(ctx.out);
}

applied shard_map::apply_members(log_index at,
                                 const raft::configuration& members) {
  version_ = std::max(version_, at);
  apply_context ctx{at, 0, {}};
  auto is_member = [&](node_id id) {
    auto in = [&](const std::vector<node_id>& xs) {
      return std::binary_search(xs.begin(), xs.end(), id);
    };
    return in(members.voters) || in(members.voters_outgoing)
           || in(members.learners) || in(members.learners_next);
  };
  for (auto i = nodes_.begin(); i != nodes_.end();) {
    auto& [id, node] = *i++;
    if (node.liveness == liveness::removed && !is_member(id))
      retire(ctx, id);
  }
  publish(ctx);
  return std::move(ctx.out);
}

const node_record* shard_map::node(node_id id) const {
  auto i = nodes_.find(id);
  return i == nodes_.end() ? nullptr : &i->second;
}

const node_record* shard_map::node(std::string_view name) const {
  for (auto& [id, record] : nodes_)
    if (record.name == name && record.liveness != liveness::removed)
      return &record;
  return nullptr;
}

std::string shard_map::name_of(node_id id) const {
  if (!id)
    return {};
  if (auto* record = node(id))
    return record->name;
  return "node " + std::to_string(id.value);
}

const region_record* shard_map::region(region_id id) const {
  auto i = regions_.find(id);
  return i == regions_.end() ? nullptr : &i->second;
}

const region_record* shard_map::region(std::string_view name) const {
  for (auto& [id, record] : regions_)
    if (record.settings.name == name)
      return &record;
  return nullptr;
}

const assignment* shard_map::find(partition_key key) const {
  auto* record = region(key.region);
  if (!record || key.partition >= record->partitions.size())
    return nullptr;
  return &record->partitions[key.partition];
}

assignment* shard_map::find_mutable(partition_key key) {
  return const_cast<assignment*>(std::as_const(*this).find(key));
}

assignment* shard_map::find_row(const proto::PartitionRow& row) {
  auto* a = find_mutable({region_id{row.region()}, row.partition()});
  return a && a->epoch.value == row.epoch() ? a : nullptr;
}

bool shard_map::can_host(const region_record& region,
                         const node_record& node) const {
  auto& roles = region.settings.roles;
  return std::binary_search(region.hosts.begin(), region.hosts.end(), node.id)
         && std::includes(node.roles.begin(), node.roles.end(), roles.begin(),
                          roles.end());
}

bool shard_map::has_host_beside(node_id node,
                                const region_record& region) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](auto& kv) {
    return kv.first != node && kv.second.available()
           && can_host(region, kv.second);
  });
}

// -- events -------------------------------------------------------------------

// How long ago that was. Clocks may jump, and nothing is decided by it.
std::uint64_t shard_map::since(const apply_context& ctx, std::uint64_t us) {
  return us > 0 && ctx.time_us > us ? ctx.time_us - us : 0;
}

proto::Event& shard_map::emit(apply_context& ctx, proto::EventKind kind) {
  auto& event = ctx.out.events.emplace_back();
  event.set_seq(next_event_++);
  event.set_kind(kind);
  event.set_time_ms(ctx.time_us / 1000);
  event.set_epoch(ctx.at.value);
  return event;
}

proto::Event& shard_map::emit(apply_context& ctx, proto::EventKind kind,
                              const node_record& node) {
  auto& event = emit(ctx, kind);
  event.set_node(node.id.value);
  event.set_node_name(node.name);
  return event;
}

proto::Event& shard_map::emit(apply_context& ctx, proto::EventKind kind,
                              const proto::PartitionRow& row,
                              const assignment& a) {
  auto& event = emit(ctx, kind);
  event.set_region(region(region_id{row.region()})->settings.name);
  event.set_partition(row.partition());
  event.set_has_partition(true);
  event.set_epoch(a.epoch.value);
  event.set_node(a.owner.value);
  event.set_node_name(name_of(a.owner));
  event.set_cause(a.cause);
  event.set_duration_us(since(ctx, a.stage_time_us));
  return event;
}

void shard_map::publish(apply_context& ctx) {
  auto& changed = ctx.out.partitions;
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  auto& regions = ctx.out.regions;
  std::sort(regions.begin(), regions.end());
  regions.erase(std::unique(regions.begin(), regions.end()), regions.end());
  auto& lost = ctx.out.lost;
  std::sort(lost.begin(), lost.end());
  lost.erase(std::unique(lost.begin(), lost.end()), lost.end());
  auto& events = ctx.out.events;
  auto kept = std::min(events.size(), event_history_);
  events_.insert(events_.end(), events.end() - static_cast<long>(kept),
                 events.end());
  while (events_.size() > event_history_)
    events_.pop_front();
}

void shard_map::touch(apply_context& ctx, const proto::PartitionRow& row,
                      assignment& a) {
  a.version = ctx.at;
  a.stage_time_us = ctx.time_us;
  ctx.out.partitions.push_back({region_id{row.region()}, row.partition()});
}

} // namespace troupe
