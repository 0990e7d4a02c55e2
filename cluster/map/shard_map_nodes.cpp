// Commands about nodes: who is a member, who runs, who wants to leave.
#include <algorithm>

#include <troupe/cluster/map/apply_context.hpp>

namespace troupe {

namespace {

template <class Command>
void describe(const Command& from, node_record& to) {
  to.roles.assign(from.roles().begin(), from.roles().end());
  std::sort(to.roles.begin(), to.roles.end());
  to.labels.clear();
  for (auto& [key, value] : from.labels())
    to.labels[key] = value;
  to.weight = from.weight();
}

std::string quoted(const std::string& name) {
  return "'" + name + "'";
}

// Nodes that left are remembered, so that they can return as themselves; no
// more than so many, or a cluster of ever new names would grow for ever.
constexpr std::ptrdiff_t left_nodes_max = 16;

} // namespace

void shard_map::set_liveness(apply_context& ctx, node_record& node,
                             liveness next) {
  node.liveness = next;
  node.since_us = ctx.time_us;
  ctx.out.nodes = true;
}

// Its id is free from now on; a later bearer counts its starts on.
void shard_map::retire(apply_context& ctx, node_id id) {
  retired_[id] = nodes_.at(id).incarnation;
  for (auto& [number, region] : regions_)
    std::erase(region.hosts, id);
  nodes_.erase(id);
  ctx.out.nodes = true;
}

// Whoever left is no member of the group any more.
void shard_map::forget_left(apply_context& ctx) {
  auto left = [](auto& kv) { return kv.second.liveness == liveness::left; };
  if (std::count_if(nodes_.begin(), nodes_.end(), left) <= left_nodes_max)
    return;
  auto oldest = nodes_.end();
  for (auto i = nodes_.begin(); i != nodes_.end(); ++i)
    if (left(*i)
        && (oldest == nodes_.end()
            || i->second.since_us < oldest->second.since_us))
      oldest = i;
  retire(ctx, oldest->first);
}

command_result shard_map::on(apply_context& ctx, const proto::AdmitNode& cmd) {
  for (auto& [id, node] : nodes_)
    if (node.uuid == cmd.uuid()) {
      if (node.liveness == liveness::removed)
        return refuse(errc::foreign_node,
                      "this data directory belonged to a node that was "
                      "replaced",
                      "start with an empty data directory");
      return {{}, id, incarnation{node.incarnation.value + 1}};
    }
  for (auto& [id, old] : nodes_) {
    if (old.name != cmd.name() || old.liveness == liveness::removed)
      continue;
    if (old.liveness == liveness::up || old.liveness == liveness::joining)
      return refuse(errc::conflict,
                    "the name " + quoted(cmd.name()) + " belongs to node "
                        + std::to_string(id.value) + " at " + old.address,
                    "choose another --name, or start with that node's data "
                    "directory");
    set_liveness(ctx, old, liveness::removed);
    old.intent = intent::none;
    unassign_all(ctx, id, false);
    ctx.out.lost.push_back(id);
  }
  auto id = node_id{1};
  while (nodes_.count(id))
    ++id.value;
  node_record node;
  node.id = id;
  node.uuid = cmd.uuid();
  node.name = cmd.name();
  node.address = cmd.address();
  describe(cmd, node);
  if (auto i = retired_.find(id); i != retired_.end()) {
    node.incarnation = i->second;
    retired_.erase(i);
  }
  auto next = incarnation{node.incarnation.value + 1};
  set_liveness(ctx, node, liveness::joining);
  emit(ctx, proto::EVENT_KIND_NODE_JOINED, node).set_cause("asked to join");
  nodes_.emplace(id, std::move(node));
  return {{}, id, next};
}

command_result shard_map::on(apply_context& ctx, const proto::NodeUp& cmd) {
  auto i = nodes_.find(node_id{cmd.node()});
  if (i == nodes_.end() || i->second.liveness == liveness::removed)
    return refuse(errc::unknown_node,
                  "node " + std::to_string(cmd.node())
                      + " is not a member of this cluster",
                  "start with an empty data directory to join as a new node");
  auto& node = i->second;
  auto started = incarnation{cmd.incarnation()};
  if (started < node.incarnation
      || (started == node.incarnation && node.boot_id != 0
          && node.boot_id != cmd.boot_id()))
    return refuse(errc::foreign_node,
                  "another process runs as node " + quoted(node.name)
                      + ", started later",
                  "stop one of the two; a copied data directory must not be "
                  "started");
  bool fresh = started > node.incarnation;
  bool was_up = node.liveness == liveness::up;
  node.incarnation = started;
  node.boot_id = cmd.boot_id();
  node.address = cmd.address();
  node.http_address = cmd.http_address();
  node.version = cmd.version();
  describe(cmd, node);
  auto gap = was_up ? 0 : since(ctx, node.since_us);
  bool returns = node.intent == intent::restart;
  if (fresh || !was_up)
    set_liveness(ctx, node, liveness::up);
  if (fresh) {
    node.intent = intent::none;
    unassign_all(ctx, node.id, true);
    ctx.out.lost.push_back(node.id);
  }
  ctx.out.nodes = true;
  if (fresh || !was_up) {
    auto& event = emit(ctx, proto::EVENT_KIND_NODE_UP, node);
    event.set_cause(!fresh ? "heard again" : returns ? "restart" : "start");
    event.set_duration_us(gap);
    event.set_text("incarnation " + std::to_string(started.value));
  }
  return {{}, node.id, {}};
}

// Its lease is over, so nobody owns what it owned. What stopped for a restart
// that was announced waits until the restart is given up: the second time. A
// node that was admitted and never came up is down too, so that its name is
// free for the next one.
command_result shard_map::on(apply_context& ctx, const proto::NodeDown& cmd) {
  auto i = nodes_.find(node_id{cmd.node()});
  if (i == nodes_.end() || i->second.incarnation.value != cmd.incarnation())
    return {};
  auto& node = i->second;
  bool restarting = node.intent == intent::restart;
  if (node.liveness != liveness::up && node.liveness != liveness::joining
      && !restarting)
    return {};
  bool given_up = restarting && node.liveness != liveness::up;
  auto& event = emit(ctx, proto::EVENT_KIND_NODE_DOWN, node);
  event.set_cause(cmd.cause());
  event.set_duration_us(since(ctx, node.since_us));
  set_liveness(ctx, node, liveness::down);
  if (given_up)
    node.intent = intent::none;
  ctx.out.lost.push_back(node.id);
  unassign_all(ctx, node.id, restarting && !given_up);
  return {};
}

command_result shard_map::on(apply_context& ctx, const proto::NodeLeft& cmd) {
  auto i = nodes_.find(node_id{cmd.node()});
  if (i == nodes_.end() || i->second.incarnation.value != cmd.incarnation())
    return {};
  auto& node = i->second;
  if (node.liveness == liveness::left || node.liveness == liveness::removed)
    return {};
  bool restarts = node.intent == intent::restart;
  auto& event = emit(ctx, proto::EVENT_KIND_NODE_LEFT, node);
  event.set_cause(restarts ? "restart" : "leave");
  event.set_duration_us(since(ctx, node.since_us));
  set_liveness(ctx, node, liveness::left);
  ctx.out.lost.push_back(node.id);
  unassign_all(ctx, node.id, restarts);
  forget_left(ctx);
  return {};
}

command_result shard_map::on(apply_context& ctx, const proto::SetIntent& cmd) {
  auto i = nodes_.find(node_id{cmd.node()});
  if (i == nodes_.end())
    return refuse(errc::unknown_node, "no node " + std::to_string(cmd.node()),
                  "list the nodes with 'troupectl nodes'");
  auto& node = i->second;
  auto wish = cmd.intent() == proto::INTENT_DRAIN     ? intent::drain
              : cmd.intent() == proto::INTENT_RESTART ? intent::restart
                                                      : intent::none;
  if (node.liveness != liveness::up && wish != intent::none)
    return refuse(errc::conflict,
                  quoted(node.name) + " is "
                      + std::string{to_string(node.liveness)},
                  "only a node that is up can be asked to "
                      + std::string{to_string(wish)});
  if (wish == intent::drain) {
    const region_record* stuck = nullptr;
    bool all_stuck = true;
    for (auto& [id, region] : regions_) {
      if (!can_host(region, node))
        continue;
      bool other = has_host_beside(node.id, region);
      all_stuck = all_stuck && !other;
      if (!other)
        stuck = &region;
    }
    if (stuck && (all_stuck || !cmd.ends()))
      return refuse(errc::conflict,
                    quoted(node.name) + " is the only host of region "
                        + quoted(stuck->settings.name),
                    "start another node that hosts it first");
  }
  if (node.intent != wish) {
    auto& event = emit(ctx, proto::EVENT_KIND_NODE_INTENT, node);
    event.set_text(std::string{to_string(wish)});
    event.set_cause(cmd.cause());
    if (node.intent != intent::none)
      event.set_duration_us(since(ctx, node.intent_time_us));
    node.intent = wish;
    node.intent_time_us = ctx.time_us;
    ctx.out.nodes = true;
  }
  return {{}, node.id, {}};
}

} // namespace troupe
