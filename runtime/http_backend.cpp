#include <troupe/runtime/http_backend.hpp>

#include <algorithm>

#include <caf/make_actor.hpp>

#include <troupe/actors/ask_sink.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/payload/protobuf_types.hpp>
#include <troupe/actors/router/router.hpp>
#include <troupe/proto/message.pb.h>
#include <troupe/runtime/boot_clock.hpp>

namespace troupe {

namespace {

http::api_errc to_api(errc code) {
  switch (code) {
  case errc::unknown_region:
    return http::api_errc::unknown_region;
  case errc::unknown_node:
    return http::api_errc::unknown_node;
  case errc::unknown_type:
    return http::api_errc::unknown_type;
  case errc::partition_out_of_range:
    return http::api_errc::partition_out_of_range;
  case errc::key_too_long:
    return http::api_errc::key_too_large;
  case errc::message_too_large:
    return http::api_errc::body_too_large;
  case errc::overloaded:
    return http::api_errc::overloaded;
  case errc::expired:
    return http::api_errc::deadline;
  case errc::no_owner:
  case errc::quarantined:
  case errc::moved:
    return http::api_errc::no_owner;
  case errc::no_quorum:
  case errc::not_leader:
    return http::api_errc::no_quorum;
  case errc::outcome_unknown:
    return http::api_errc::outcome_unknown;
  case errc::stopping:
  case errc::wrong_state:
    return http::api_errc::stopping;
  case errc::handler_failed:
    return http::api_errc::handler_failed;
  default:
    return http::api_errc::refused;
  }
}

http::api_error to_api(const caf::error& err, caf::actor_system& sys) {
  auto code = code_of(err);
  if (code == errc::none)
    return {http::api_errc::handler_failed, sys.render(err), {}};
  auto text = text_of(err);
  return {to_api(code), text.empty() ? std::string{to_string(code)} : text, {}};
}

http::api_error to_api(const proto::CommandReply& reply) {
  return {to_api(static_cast<errc>(reply.code())), reply.detail(),
          reply.hint()};
}

http::region_settings to_api(const region_settings& from) {
  return {from.partitions, from.strategy, from.roles, from.keep_running};
}

} // namespace

http_backend::http_backend(node::impl& self) : self_(self) {
  auto gauge = [&](const char* name, const char* help,
                   std::function<double()> read) {
    gauges_.push_back(self_.metrics_.computed(name, help, std::move(read)));
  };
  auto count = [&](const char* name, const char* help,
                   std::atomic<std::uint64_t>& value) {
    gauge(name, help, [&value] { return static_cast<double>(value.load()); });
  };
  auto& c = self_.plane_->counters();
  count("troupe_messages_accepted", "messages that routers here took",
        c.accepted);
  count("troupe_messages_delivered", "messages put into mailboxes here",
        c.delivered);
  count("troupe_messages_processed", "messages that partitions here processed",
        c.processed);
  count("troupe_messages_sent", "messages sent to other nodes", c.sent);
  count("troupe_messages_returned", "messages that other nodes gave back",
        c.returned);
  count("troupe_messages_dropped", "messages that reached nobody", c.dropped);
  count("troupe_messages_unknown", "messages lost with their owner", c.unknown);
  count("troupe_messages_held", "messages that wait for their partition",
        c.held);
  count("troupe_held_bytes", "bytes of messages that wait", c.held_bytes);
  gauge("troupe_map_version", "raft index the map is at", [this] {
    return static_cast<double>(self_.mirror_.state().version.value);
  });
  gauge("troupe_leader", "1 on the node that leads", [this] {
    auto& id = self_.identity_.node;
    return self_.mirror_.state().leadership.leader == id ? 1.0 : 0.0;
  });
  gauge("troupe_partitions_owned", "partitions of this node", [this] {
    double sum = 0;
    for (auto& [region, n] : self_.mirror_.owned(self_.identity_.node))
      sum += n;
    return sum;
  });
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

http::node_status http_backend::status() {
  auto now = self_.mirror_.state();
  auto& id = self_.identity_;
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
  auto left = now.lease_end - boot_now();
  out.quorum = left > boot_time{0} && now.leadership.leader;
  using ms = std::chrono::duration<double, std::milli>;
  out.lease_ms = std::max(0.0, ms{left}.count());
  out.uptime_s =
      std::chrono::duration<double>{boot_now() - self_.started_at_}.count();
  out.version = "0.1.0";
  return out;
}

std::vector<http::node_row> http_backend::nodes() {
  auto now = self_.mirror_.state();
  std::vector<http::node_row> out;
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
    auto& voters = now.members.voters;
    row.member = std::binary_search(voters.begin(), voters.end(), id)
                     ? http::member_kind::voter
                     : http::member_kind::learner;
    row.partitions = self_.mirror_.owned(id);
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
    for (auto& a : one.partitions) {
      row.unassigned += a.stage == stage::unassigned;
      row.starting += a.stage == stage::starting;
      row.running += a.stage == stage::running;
      row.pausing += a.stage == stage::pausing;
    }
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
  out.settings = to_api(found->settings);
  partition_id p = 0;
  for (auto& a : found->partitions) {
    http::partition_row row;
    row.partition = p++;
    row.owner = self_.mirror_.name_of(a.owner);
    row.epoch = a.epoch;
    row.stage = static_cast<http::partition_stage>(
        static_cast<int>(a.stage) - static_cast<int>(stage::unassigned));
    if (a.stage == stage::pausing)
      row.next = self_.mirror_.name_of(a.target);
    out.partitions.push_back(std::move(row));
  }
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

// -- messages -----------------------------------------------------------------

void http_backend::ask(const std::string& region, const http::target& target,
                       std::unique_ptr<google::protobuf::Message> message,
                       std::chrono::milliseconds timeout, traced done) {
  auto* plane = self_.plane_->find(region);
  if (!plane)
    return done({caf::make_message(make_error(errc::unknown_region)), {}, {}},
                {});
  std::string key;
  partition_id p;
  if (auto* named = std::get_if<std::string>(&target)) {
    key = *named;
    p = partition_of(key, plane->partitions);
  } else {
    p = std::get<partition_id>(target);
  }
  caf::strong_actor_ptr sink;
  if (done) {
    caf::actor_config cfg;
    auto* self = &self_;
    sink = caf::make_actor<ask_sink, caf::strong_actor_ptr>(
        self_.system_->next_actor_id(), self_.system_->node(),
        self_.system_.get(), cfg, self_.identity_.node,
        [self, done = std::move(done)](traced_answer answer) {
          std::vector<std::string> path;
          for (auto id : answer.path)
            path.push_back(self->mirror_.name_of(node_id{id}));
          done(std::move(answer), std::move(path));
        });
    self_.expire_later(boot_now() + timeout, sink);
  }
  auto mid = sink ? caf::make_message_id(1) : caf::make_message_id();
  auto element =
      make_payload_element(sink, mid, std::move(key), std::move(message));
  self_.plane_->accept_at(*plane, p, std::move(element), nullptr,
                          timeout.count() > 0 ? boot_now() + timeout
                                              : boot_time{0});
}

void http_backend::ping(http::ping_request request,
                        http::callback<http::ping_reply> done) {
  auto* plane = self_.plane_->find(request.region);
  auto p = std::holds_alternative<std::string>(request.target)
               ? (plane ? partition_of(std::get<std::string>(request.target),
                                       plane->partitions)
                        : 0)
               : std::get<partition_id>(request.target);
  ask(request.region, request.target, std::make_unique<proto::Ping>(),
      request.timeout,
      [this, p, done](traced_answer answer, std::vector<std::string> path) {
        auto& content = answer.content;
        if (content.match_elements<caf::error>())
          return done(to_api(content.get_as<caf::error>(0), *self_.system_));
        http::ping_reply out;
        out.partition = p;
        out.node = path.empty() ? "" : path.back();
        out.epoch = answer.at;
        out.hops = static_cast<std::uint32_t>(path.size());
        out.path = std::move(path);
        done(std::move(out));
      });
}

void http_backend::send(http::send_request request,
                        http::callback<http::send_reply> done) {
  auto* type = find_message_type(request.type);
  if (!type)
    return done(http::api_error{http::api_errc::unknown_type,
                                "no message type '" + request.type + "'"});
  std::unique_ptr<google::protobuf::Message> message{type->New()};
  message->ParseFromString(request.payload);
  auto* plane = self_.plane_->find(request.region);
  auto p = std::holds_alternative<std::string>(request.target)
               ? (plane ? partition_of(std::get<std::string>(request.target),
                                       plane->partitions)
                        : 0)
               : std::get<partition_id>(request.target);
  if (request.mode == http::send_mode::tell) {
    ask(request.region, request.target, std::move(message), {}, nullptr);
    http::send_reply out;
    out.partition = p;
    return done(std::move(out));
  }
  ask(request.region, request.target, std::move(message), request.timeout,
      [this, p, done](traced_answer answer, std::vector<std::string> path) {
        auto& content = answer.content;
        if (content.match_elements<caf::error>())
          return done(to_api(content.get_as<caf::error>(0), *self_.system_));
        http::send_reply out;
        out.partition = p;
        out.epoch = answer.at;
        out.node = path.empty() ? "" : path.back();
        out.path = std::move(path);
        if (!content.empty()) {
          auto* reply = as_protobuf(content.content(), 0);
          if (!reply)
            return done(
                http::api_error{http::api_errc::handler_failed,
                                "the answer is no protobuf message: "
                                    + to_string(content).substr(0, 200)});
          out.type = reply->GetTypeName();
          out.payload = reply->SerializeAsString();
        }
        done(std::move(out));
      });
}

// -- commands -----------------------------------------------------------------

void http_backend::planned(std::string region, bool apply,
                           http::callback<http::plan_view> done) {
  proto::CommandRequest what;
  what.mutable_plan()->set_region(region);
  what.mutable_plan()->set_apply(apply);
  self_.command(std::move(what), [this, done](const proto::CommandReply& r) {
    if (r.code() != 0)
      return done(to_api(r));
    http::plan_view out;
    out.map_version = self_.mirror_.state().version.value;
    for (auto& m : r.moves())
      out.moves.push_back({m.region(), m.partition(), m.from(), m.to()});
    done(std::move(out));
  });
}

void http_backend::plan(std::string region,
                        http::callback<http::plan_view> done) {
  planned(std::move(region), false, std::move(done));
}

void http_backend::rebalance(std::string region,
                             http::callback<http::plan_view> done) {
  planned(std::move(region), true, std::move(done));
}

void http_backend::move(http::move_request request,
                        http::callback<http::move_accepted> done) {
  http::move_accepted out;
  out.move = {request.region, request.partition, {}, request.to};
  if (auto found = self_.mirror_.find(request.region))
    if (request.partition < found->partitions.size()) {
      auto& a = found->partitions[request.partition];
      out.move.from = self_.mirror_.name_of(a.owner);
      out.epoch = a.epoch;
    }
  proto::CommandRequest what;
  what.mutable_move()->set_region(request.region);
  what.mutable_move()->set_partition(request.partition);
  what.mutable_move()->set_to(request.to);
  self_.command(std::move(what), [out, done](const proto::CommandReply& r) {
    if (r.code() != 0)
      return done(to_api(r));
    done(out);
  });
}

void http_backend::intend(std::string name, proto::Intent intent,
                          http::node_state state,
                          http::callback<http::node_command_accepted> done) {
  auto node = self_.mirror_.node(name);
  if (!node)
    return done(http::api_error{http::api_errc::unknown_node,
                                "no node '" + name + "'"});
  proto::CommandRequest what;
  auto& cmd = *what.mutable_map()->mutable_set_intent();
  cmd.set_node(node->id.value);
  cmd.set_intent(intent);
  cmd.set_cause("asked for");
  self_.command(std::move(what), [this, id = node->id, name, state,
                                  done](const proto::CommandReply& r) {
    if (r.code() != 0)
      return done(to_api(r));
    http::node_command_accepted out{name, state, 0};
    for (auto& [region, n] : self_.mirror_.owned(id))
      out.partitions += n;
    done(out);
  });
}

void http_backend::drain(std::string node,
                         http::callback<http::node_command_accepted> done) {
  intend(std::move(node), proto::INTENT_DRAIN, http::node_state::draining,
         std::move(done));
}

void http_backend::undrain(std::string node,
                           http::callback<http::node_command_accepted> done) {
  intend(std::move(node), proto::INTENT_UNSPECIFIED, http::node_state::up,
         std::move(done));
}

void http_backend::restart(std::string node,
                           http::callback<http::node_command_accepted> done) {
  intend(std::move(node), proto::INTENT_RESTART, http::node_state::restarting,
         std::move(done));
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
