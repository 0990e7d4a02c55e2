// What this node knows, and can say without waiting.
#include <troupe/runtime/http_backend.hpp>

#include <algorithm>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/version.hpp>

namespace troupe {

namespace {

http::region_settings to_api(const region_settings& from) {
  return {from.partitions, from.strategy, from.roles, from.keep_running};
}

http::message_counts to_api(const plane_counters& from) {
  http::message_counts out;
  // What is done is read first: it was accepted before.
  out.settled = from.settled();
  out.unknown = from.unknown;
  out.accepted = from.accepted;
  out.delivered = from.delivered;
  out.processed = from.processed;
  out.answered = from.answered;
  out.sent = from.sent;
  out.returned = from.returned;
  out.held = from.held;
  out.held_bytes = from.held_bytes;
  for (std::size_t i = 0; i < from.dropped.size(); ++i)
    if (auto n = from.dropped[i].load())
      out.dropped[std::string{to_string(static_cast<errc>(i))}] = n;
  return out;
}

} // namespace

http_backend::http_backend(node::impl& self) : self_(self) {
}

// -- queries ------------------------------------------------------------------

http::node_state http_backend::state_of(const node_record& node,
                                        const map_mirror::summary& now) const {
  using http::node_state;
  switch (node.liveness) {
  case liveness::joining:
    return node_state::joining;
  case liveness::down:
    return node.intent == intent::restart ? node_state::restarting
                                          : node_state::down;
  case liveness::left:
  case liveness::removed:
    return node_state::left;
  case liveness::up:
    break;
  }
  if (node.intent == intent::drain)
    return node_state::draining;
  if (node.intent == intent::restart)
    return node_state::restarting;
  auto& suspects = now.suspected;
  bool suspected =
      std::find(suspects.begin(), suspects.end(), node.id) != suspects.end();
  return suspected ? node_state::suspected : node_state::up;
}

bool http_backend::has_quorum(const map_mirror::summary& now) {
  return now.lease_end > boot_now() && now.leadership.leader;
}

http::node_status http_backend::status() {
  auto now = self_.mirror_.state();
  auto id = self_.identity();
  http::node_status out;
  out.cluster_id = disk::to_string(id.cluster);
  out.leader = self_.mirror_.name_of(now.leadership.leader);
  out.term = now.leadership.term.value;
  out.map_version = now.version.value;
  out.id = id.node;
  out.name = id.name;
  out.incarnation = id.self;
  out.address = self_.address_;
  if (self_.http_)
    out.http = self_.http_->address();
  auto is_voter = [&](node_id who) {
    auto& voters = now.members.voters;
    return std::binary_search(voters.begin(), voters.end(), who);
  };
  out.role = !is_voter(id.node)
                 ? "learner"
                 : std::string{raft::to_string(now.leadership.role)};
  if (auto node = self_.mirror_.node(id.node))
    out.state = state_of(*node, now);
  out.roles = self_.options_.roles;
  out.labels = self_.options_.labels;
  out.weight = self_.options_.weight;
  for (auto voter : now.members.voters)
    out.voters.push_back(self_.mirror_.name_of(voter));
  for (auto learner : now.members.learners)
    out.learners.push_back(self_.mirror_.name_of(learner));
  out.quorum = has_quorum(now);
  using ms = std::chrono::duration<double, std::milli>;
  out.lease_ms = std::max(0.0, ms{now.lease_end - boot_now()}.count());
  out.uptime_s =
      std::chrono::duration<double>{boot_now() - self_.started_at_}.count();
  out.version = version();
  out.messages = to_api(self_.plane_->counters());
  for (auto& [region, one] : self_.mirror_.degraded())
    out.degraded.push_back(
        {region, one.level,
         std::chrono::duration<double>{boot_now() - one.since}.count()});
  return out;
}

std::vector<http::node_row> http_backend::nodes() {
  auto now = self_.mirror_.state();
  std::vector<http::node_row> out;
  auto owned = self_.mirror_.owned();
  for (auto& [id, node] : self_.mirror_.nodes()) {
    if (node.liveness == liveness::removed)
      continue;
    http::node_row row;
    row.id = id;
    row.name = node.name;
    row.incarnation = node.incarnation;
    row.address = node.address;
    row.http = node.http_address;
    row.roles = node.roles;
    row.labels = node.labels;
    row.weight = node.weight;
    row.state = state_of(node, now);
    auto among = [id = id](const std::vector<node_id>& members) {
      return std::binary_search(members.begin(), members.end(), id);
    };
    if (among(now.members.voters))
      row.member = http::member_kind::voter;
    else if (among(now.members.learners))
      row.member = http::member_kind::learner;
    row.partitions = owned[id];
    row.version = node.version;
    out.push_back(std::move(row));
  }
  return out;
}

std::vector<http::region_row> http_backend::regions() {
  std::vector<http::region_row> out;
  for (auto& one : self_.mirror_.regions()) {
    http::region_row row;
    row.region = one.settings.name;
    row.settings = to_api(one.settings);
    one.partitions.each([&](auto& a) {
      row.unassigned += a.stage == stage::unassigned;
      row.starting += a.stage == stage::starting;
      row.running += a.stage == stage::running;
      row.pausing += a.stage == stage::pausing;
    });
    out.push_back(std::move(row));
  }
  std::sort(out.begin(), out.end(),
            [](auto& a, auto& b) { return a.region < b.region; });
  return out;
}

std::optional<http::region_view> http_backend::region(std::string_view name) {
  auto found = self_.mirror_.find(name);
  if (!found)
    return std::nullopt;
  http::region_view out;
  out.region = found->settings.name;
  out.version = found->version.value;
  out.settings = to_api(found->settings);
  for (auto host : found->hosts)
    out.hosts.push_back(self_.mirror_.name_of(host));
  std::map<node_id, std::string> names;
  auto name_of = [&](node_id id) -> const std::string& {
    auto [i, first] = names.try_emplace(id);
    if (first)
      i->second = self_.mirror_.name_of(id);
    return i->second;
  };
  partition_id p = 0;
  found->partitions.each([&](auto& a) {
    http::partition_row row;
    row.partition = p++;
    row.owner = name_of(a.owner);
    row.epoch = a.epoch;
    row.stage = static_cast<http::partition_stage>(
        static_cast<int>(a.stage) - static_cast<int>(stage::unassigned));
    if (a.stage == stage::pausing)
      row.next = name_of(a.target);
    row.weight = a.weight;
    row.quarantined = a.quarantined;
    row.failure = a.failure;
    out.partitions.push_back(std::move(row));
  });
  return out;
}

std::optional<std::uint32_t>
http_backend::partition_count(std::string_view region) {
  return self_.mirror_.partition_count(region);
}

std::vector<http::setting_row> http_backend::settings() {
  std::vector<http::setting_row> out;
  for (auto& s : settings_of(self_.options_))
    out.push_back({s.name, s.value, s.unit, s.standard, s.description});
  return out;
}

http::health http_backend::health() {
  auto now = self_.mirror_.state();
  http::health out;
  out.ready = now.joined && now.lease_end > boot_now();
  if (!now.joined)
    out.reason = "not yet a member of the cluster";
  else if (!out.ready)
    out.reason = "no quorum of the coordinator group was heard within the "
                 "lease";
  return out;
}

std::string http_backend::metrics_text() {
  return self_.metrics_.text();
}

// -- events -------------------------------------------------------------------

http::event_page http_backend::events(http::event_sequence sequence,
                                      std::uint64_t since,
                                      std::size_t count_max) {
  auto& ring = sequence == http::event_sequence::local ? self_.local_events_
                                                       : self_.cluster_events_;
  return ring.after(since, count_max);
}

std::shared_ptr<void> http_backend::on_events(http::event_sequence sequence,
                                              std::function<void()> wake) {
  auto& ring = sequence == http::event_sequence::local ? self_.local_events_
                                                       : self_.cluster_events_;
  return ring.on_change(std::move(wake));
}

} // namespace troupe
