#include <troupe/runtime/http/to_json.hpp>

namespace troupe::http {

std::string_view to_string(member_kind x) {
  switch (x) {
  case member_kind::none:
    break;
  case member_kind::voter:
    return "voter";
  case member_kind::learner:
    return "learner";
  }
  return "";
}

std::string_view to_string(node_state x) {
  switch (x) {
  case node_state::joining:
    return "joining";
  case node_state::up:
    return "up";
  case node_state::draining:
    return "draining";
  case node_state::restarting:
    return "restarting";
  case node_state::suspected:
    return "suspected";
  case node_state::down:
    return "down";
  case node_state::left:
    return "left";
  }
  return "?";
}

std::string_view to_string(partition_stage x) {
  switch (x) {
  case partition_stage::unassigned:
    return "unassigned";
  case partition_stage::starting:
    return "starting";
  case partition_stage::running:
    return "running";
  case partition_stage::pausing:
    return "pausing";
  }
  return "?";
}

json name_json(const std::string& x) {
  return x.empty() ? json(nullptr) : json(x);
}

json epoch_json(troupe::epoch x) {
  return x ? json(x.value) : json(nullptr);
}

json to_json(const message_counts& x) {
  return {{"accepted", x.accepted},     {"settled", x.settled},
          {"unknown", x.unknown},       {"under_way", x.under_way()},
          {"delivered", x.delivered},   {"processed", x.processed},
          {"answered", x.answered},     {"sent", x.sent},
          {"returned", x.returned},     {"held", x.held},
          {"held_bytes", x.held_bytes}, {"dropped", x.dropped}};
}

json to_json(const degraded_row& x) {
  return {{"region", x.region}, {"level", x.level}, {"seconds", x.seconds}};
}

json to_json(const node_status& x) {
  json node{{"id", x.id.value},
            {"name", x.name},
            {"incarnation", x.incarnation.value},
            {"address", x.address},
            {"http", x.http},
            {"role", x.role},
            {"status", to_string(x.state)},
            {"roles", x.roles},
            {"labels", x.labels},
            {"weight", x.weight},
            {"uptime_s", x.uptime_s}};
  auto degraded = json::array();
  for (auto& row : x.degraded)
    degraded.push_back(to_json(row));
  return {{"cluster_id", x.cluster_id},
          {"leader", name_json(x.leader)},
          {"term", x.term},
          {"map_version", x.map_version},
          {"quorum", x.quorum},
          {"voters", x.voters},
          {"learners", x.learners},
          {"lease_ms", x.lease_ms},
          {"version", x.version},
          {"node", std::move(node)},
          {"messages", to_json(x.messages)},
          {"degraded", std::move(degraded)}};
}

json to_json(const node_row& x) {
  return {{"id", x.id.value},
          {"name", x.name},
          {"incarnation", x.incarnation.value},
          {"address", x.address},
          {"http", x.http},
          {"roles", x.roles},
          {"labels", x.labels},
          {"weight", x.weight},
          {"status", to_string(x.state)},
          {"member", name_json(std::string{to_string(x.member)})},
          {"partitions", x.partitions},
          {"version", x.version}};
}

json to_json(const region_settings& x) {
  return {{"partitions", x.partitions},
          {"strategy", x.strategy},
          {"roles", x.roles},
          {"keep_running", x.keep_running}};
}

json to_json(const region_row& x) {
  return {{"region", x.region},         {"settings", to_json(x.settings)},
          {"unassigned", x.unassigned}, {"starting", x.starting},
          {"running", x.running},       {"pausing", x.pausing}};
}

json to_json(const region_view& x) {
  auto partitions = json::array();
  for (auto& p : x.partitions) {
    json row{{"partition", p.partition},
             {"owner", name_json(p.owner)},
             {"epoch", epoch_json(p.epoch)},
             {"stage", to_string(p.stage)}};
    if (!p.next.empty())
      row["next"] = p.next;
    if (p.weight != 1)
      row["weight"] = p.weight;
    if (p.quarantined)
      row["quarantined"] = true;
    if (!p.failure.empty())
      row["failure"] = p.failure;
    partitions.push_back(std::move(row));
  }
  return {{"region", x.region},
          {"version", x.version},
          {"settings", to_json(x.settings)},
          {"hosts", x.hosts},
          {"partitions", std::move(partitions)}};
}

json to_json(const setting_row& x) {
  return {{"name", x.name},
          {"value", x.value},
          {"unit", x.unit},
          {"default", x.default_value},
          {"description", x.description}};
}

json to_json(const ping_reply& x) {
  return {{"partition", x.partition},
          {"node", x.node},
          {"epoch", epoch_json(x.epoch)},
          {"hops", x.hops},
          {"path", x.path}};
}

json to_json(const planned_move& x) {
  return {{"region", x.region},
          {"partition", x.partition},
          {"from", name_json(x.from)},
          {"to", name_json(x.to)}};
}

json to_json(const plan_view& x) {
  auto moves = json::array();
  for (auto& m : x.moves)
    moves.push_back(to_json(m));
  return {{"map_version", x.map_version},
          {"waiting_for", name_json(x.waiting_for)},
          {"moves", std::move(moves)}};
}

json to_json(const move_accepted& x) {
  auto out = to_json(x.move);
  out["epoch"] = epoch_json(x.epoch);
  return out;
}

json to_json(const region_changed& x) {
  return {{"region", x.region}, {"map_version", x.map_version}};
}

json to_json(const node_command_accepted& x) {
  return {{"node", x.node},
          {"status", to_string(x.state)},
          {"partitions", x.partitions}};
}

json to_json(const event_row& x) {
  json out{{"seq", x.seq}, {"event", x.kind}, {"time_ms", x.time_ms}};
  auto put = [&](const char* name, const std::string& value) {
    if (!value.empty())
      out[name] = value;
  };
  put("region", x.region);
  if (x.partition)
    out["partition"] = *x.partition;
  if (x.epoch)
    out["epoch"] = x.epoch.value;
  put("node", x.node);
  put("from", x.from);
  put("to", x.to);
  put("cause", x.cause);
  if (x.duration_ms)
    out["duration_ms"] = *x.duration_ms;
  if (x.move_ms)
    out["move_ms"] = *x.move_ms;
  put("detail", x.detail);
  for (auto& [name, value] : x.more)
    if (!out.contains(name))
      out[name] = value;
  return out;
}

json to_json(const event_gap& x) {
  return {{"seq", x.last},
          {"event", "gap"},
          {"first", x.first},
          {"last", x.last},
          {"lost", x.last - x.first + 1}};
}

json to_json(const api_error& x) {
  return {
      {"error", to_string(x.code)},
      {"detail", x.detail},
      {"hint", x.hint.empty() ? std::string(default_hint(x.code)) : x.hint}};
}

std::string to_line(const json& x) {
  return x.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

std::string to_lines(const event_page& page) {
  std::string out;
  if (page.gap)
    out += to_line(to_json(*page.gap));
  for (auto& event : page.events)
    out += to_line(to_json(event));
  return out;
}

} // namespace troupe::http
