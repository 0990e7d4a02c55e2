#include "history.hpp"

#include <utility>

#include <troupe/cluster/map/codec.hpp>

namespace troupe::model {

namespace {

using std::chrono::milliseconds;

digest shown(const shard_map& map) {
  digester d;
  auto& a = *map.find(the_key);
  d.add(a.stage, a.quarantined, a.owner, a.owner_incarnation, a.epoch, a.target,
        a.source, a.source_epoch, a.version, a.failures);
  for (auto& [id, node] : map.nodes())
    d.add(id, node.liveness, node.intent, node.incarnation);
  return d.get();
}

std::string say(const proto::PartitionRow& row) {
  return std::string{"@"} + std::to_string(row.epoch());
}

std::string name(std::uint64_t node) {
  return {letter(node_id{node})};
}

std::string say(const proto::MapEntry& entry) {
  std::string out;
  for (auto& one : entry.commands()) {
    if (one.has_plan_made() || one.has_announce_region())
      continue;
    if (!out.empty())
      out += ", ";
    if (one.has_node_up())
      out += name(one.node_up().node()) + " up";
    if (one.has_node_down())
      out += name(one.node_down().node()) + " down";
    if (one.has_node_left())
      out += name(one.node_left().node()) + " left";
    for (auto& row : one.pause().rows())
      out += "pausing " + say(row) + " for " + name(row.node());
    for (auto& row : one.assign().rows())
      out += "starting at " + name(row.node()) + " after " + say(row)
             + (row.source()       ? " with the state of " + name(row.source())
                : row.state_lost() ? ", its state lost"
                                   : "")
             + (one.assign().cause() == "rolled back" ? " (rolled back)" : "");
    for (auto& row : one.started().rows())
      out += "running " + say(row);
    for (auto& row : one.failed().rows())
      out += "failed " + say(row);
  }
  return out.empty() ? "a new leader's first entry" : out;
}

} // namespace

history::history() {
  std::vector<founder> founders;
  for (std::uint64_t i = 1; i <= node_count; ++i)
    founders.push_back({node_id{i}, name(i), name(i), name(i) + ":1"});
  entries_.emplace_back(); // 0 is no log
  log_ref log =
      add(0, shard_map::found("c", founders, log_index{1}, 0), {}, "", false);
  proto::MapEntry up;
  for (std::uint64_t i = 1; i <= node_count; ++i) {
    auto& node = *up.add_commands()->mutable_node_up();
    node.set_node(i);
    node.set_incarnation(1);
    node.set_boot_id(i);
    node.set_address(name(i) + ":1");
    node.set_weight(100);
  }
  region_settings region;
  region.name = "r";
  region.partitions = 1;
  for (std::uint64_t i = 1; i <= node_count; ++i) {
    auto& cmd = *up.add_commands()->mutable_announce_region();
    cmd.set_node(i);
    cmd.set_incarnation(1);
    to_proto(region, *cmd.mutable_settings());
    cmd.set_hosts(true);
  }
  log = append(log, up);
  proto::MapEntry assign;
  auto& row = *assign.add_commands()->mutable_assign()->add_rows();
  row.set_region(1);
  row.set_node(1);
  log = append(log, assign);
  proto::MapEntry started;
  auto& other = *started.add_commands()->mutable_started()->add_rows();
  other.set_region(1);
  other.set_epoch(3);
  first_ = append(log, started);
}

log_ref history::add(log_ref before, shard_map map, applied what,
                     std::string label, bool says_lost) {
  entry one{before,
            map.version(),
            std::move(map),
            std::move(what),
            std::move(label),
            says_lost,
            {},
            0,
            {}};
  if (auto* row = one.map.find(the_key)) {
    one.row = *row;
    one.shown = shown(one.map);
  }
  for (auto& [id, node] : one.map.nodes())
    if (node.liveness == liveness::up)
      one.up |= static_cast<std::uint8_t>(1u << (id.value - 1));
  entries_.push_back(std::move(one));
  return static_cast<log_ref>(entries_.size() - 1);
}

log_ref history::upto(log_ref log, log_index at) const {
  while (entries_[log].at > at)
    log = entries_[log].before;
  return log;
}

log_ref history::append(log_ref log, const proto::MapEntry& what) {
  auto [i, fresh] = children_.insert({{log, what.SerializeAsString()}, 0});
  if (!fresh)
    return i->second;
  auto map = at(log).map;
  auto done = map.apply(log_index{at(log).at.value + 1}, what);
  bool lost = false;
  for (auto& one : what.commands())
    for (auto& row : one.assign().rows())
      lost = lost || row.state_lost();
  return i->second = add(log, std::move(map), std::move(done), say(what), lost);
}

std::optional<log_ref>
history::decide(log_ref log, question about,
                const std::array<report, node_count>& said) {
  auto entry = ask(log, about, said);
  if (!entry)
    return std::nullopt;
  auto next = append(log, *entry);
  if (at(next).shown == at(log).shown)
    return std::nullopt;
  return next;
}

std::optional<proto::MapEntry>
history::ask(log_ref log, question about,
             const std::array<report, node_count>& said) const {
  using kind = question::kind;
  auto& map = at(log).map;
  auto began = boot_time{milliseconds{100'000}};
  auto now = began + milliseconds{1};
  if (about.what == kind::late)
    now =
        began + settings_.stop_deadline + settings_.move_step + milliseconds{1};
  else if (about.what == kind::lost)
    now = began + settings_.lease + settings_.margin + milliseconds{1};
  coordinator leader{settings_, {}};
  leader.lead(began, began, map);
  raft::configuration members;
  for (auto& [id, node] : map.nodes()) {
    if (about.what != kind::leave || id != about.about)
      members.voters.push_back(id);
    if (about.what == kind::lost && id == about.about)
      continue;
    auto& report = said[id.value - 1];
    bool all = !about.about && about.what == kind::facts;
    bool speaks = about.what == kind::facts && (all || about.about == id);
    leader.heard(now, id, node.incarnation,
                 speaks ? report.applied : log_index{},
                 speaks ? report.facts : proto::Facts{}, map);
  }
  proto::CommandRequest request;
  request.set_id(1);
  if (about.what == kind::move) {
    auto& move = *request.mutable_move();
    move.set_region("r");
    move.set_to(name(about.about.value));
  } else if (about.what == kind::up) {
    auto& node = *map.node(about.about);
    auto& up = *request.mutable_map()->mutable_node_up();
    up.set_node(node.id.value);
    up.set_incarnation(node.incarnation.value);
    up.set_boot_id(node.boot_id);
    up.set_address(node.address);
    up.set_weight(node.weight);
  } else if (about.what == kind::leave) {
    request.mutable_leave()->set_incarnation(
        map.node(about.about)->incarnation.value);
  }
  if (request.request_case() != proto::CommandRequest::REQUEST_NOT_SET)
    leader.request(now, {about.about, 1}, request, map);
  auto next = leader.next(now, 0, map, members);
  if (!next)
    return std::nullopt;
  return next->entry;
}

log_ref history::resume_same_epoch(log_ref log) {
  auto [i, fresh] = children_.insert({{log, "resume"}, 0});
  if (!fresh)
    return i->second;
  proto::MapSnapshot whole;
  auto map = at(log).map;
  applied what;
  what.partitions.push_back(the_key);
  map.apply(log_index{at(log).at.value + 1}, {});
  map.save(whole);
  auto& row = *whole.mutable_regions(0)->mutable_partitions(0);
  row.set_stage(proto::STAGE_RUNNING);
  row.set_target(0);
  row.set_version(map.version().value);
  (void)map.restore(whole);
  return i->second = add(log, std::move(map), std::move(what),
                         "running again, at the same epoch", false);
}

log_ref history::start_unconfirmed(log_ref log) {
  auto& a = row(log);
  proto::MapEntry what;
  auto& next = *what.add_commands()->mutable_assign()->add_rows();
  next.set_region(1);
  next.set_epoch(a.epoch.value);
  next.set_node(a.target.value);
  next.set_state_lost(true);
  return append(log, what);
}

} // namespace troupe::model
