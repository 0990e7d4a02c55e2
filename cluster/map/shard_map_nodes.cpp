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

} // namespace

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
    old.liveness = liveness::removed;
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
  emit(ctx, proto::EVENT_KIND_NODE_JOINED, node);
  nodes_.emplace(id, std::move(node));
  ctx.out.nodes = true;
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
  node.liveness = liveness::up;
  if (fresh) {
    node.intent = intent::none;
    unassign_all(ctx, node.id, true);
    ctx.out.lost.push_back(node.id);
  }
  ctx.out.nodes = true;
  if (fresh || !was_up)
    emit(ctx, proto::EVENT_KIND_NODE_UP, node)
        .set_text("incarnation " + std::to_string(started.value));
  return {{}, node.id, {}};
}

// Its lease is over, so nobody owns what it owned. What stopped for a restart
// that was announced waits until the restart is given up: the second time.
command_result shard_map::on(apply_context& ctx, const proto::NodeDown& cmd) {
  auto i = nodes_.find(node_id{cmd.node()});
  if (i == nodes_.end() || i->second.incarnation.value != cmd.incarnation())
    return {};
  auto& node = i->second;
  bool restarting = node.intent == intent::restart;
  if (node.liveness != liveness::up && !restarting)
    return {};
  bool given_up = restarting && node.liveness != liveness::up;
  node.liveness = liveness::down;
  if (given_up)
    node.intent = intent::none;
  ctx.out.nodes = true;
  ctx.out.lost.push_back(node.id);
  emit(ctx, proto::EVENT_KIND_NODE_DOWN, node).set_cause(cmd.cause());
  unassign_all(ctx, node.id, restarting && !given_up);
  return {};
}

command_result shard_map::on(apply_context& ctx, const proto::NodeLeft& cmd) {
  auto i = nodes_.find(node_id{cmd.node()});
  if (i == nodes_.end() || i->second.incarnation.value != cmd.incarnation())
    return {};
  if (i->second.liveness != liveness::left
      && i->second.liveness != liveness::removed) {
    i->second.liveness = liveness::left;
    ctx.out.nodes = true;
    ctx.out.lost.push_back(i->first);
    unassign_all(ctx, i->first, i->second.intent == intent::restart);
    emit(ctx, proto::EVENT_KIND_NODE_LEFT, i->second)
        .set_cause(i->second.intent == intent::restart ? "restart" : "leave");
  }
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
    for (auto& [id, region] : regions_) {
      if (!can_host(region, node))
        continue;
      bool other = std::any_of(nodes_.begin(), nodes_.end(), [&](auto& kv) {
        return kv.first != node.id && kv.second.available()
               && can_host(region, kv.second);
      });
      if (!other)
        return refuse(errc::conflict,
                      quoted(node.name) + " is the only host of region "
                          + quoted(region.settings.name),
                      "start another node that hosts it first");
    }
  }
  if (node.intent != wish) {
    node.intent = wish;
    node.intent_time_ms = ctx.time_ms;
    ctx.out.nodes = true;
    emit(ctx, proto::EVENT_KIND_NODE_INTENT, node)
        .set_text(std::string{to_string(wish)});
    ctx.out.events.back().set_cause(cmd.cause());
  }
  return {{}, node.id, {}};
}

} // namespace troupe
