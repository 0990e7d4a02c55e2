// What a node asks of the leader, announces, and hears from its partitions.
#include <algorithm>
#include <array>

#include <troupe/cluster/node/node_core.hpp>
#include <troupe/proto/raft.pb.h>

namespace troupe {

namespace {

constexpr boot_time announce_every = std::chrono::milliseconds{200};
constexpr boot_time command_patience = std::chrono::seconds{10};

} // namespace

// -- commands -----------------------------------------------------------------

std::uint64_t node_core::ask(boot_time now, proto::CommandRequest request) {
  auto id = next_command_++;
  request.set_id(id);
  commands_[id] = {std::move(request), now + command_patience, {}, {}, false};
  return id;
}

std::uint64_t node_core::command(boot_time now, proto::CommandRequest request) {
  auto id = ask(now, std::move(request));
  send_commands(now);
  pump(now);
  return id;
}

// Sends what has not been sent to the present leader. What an earlier leader
// got may have happened: it is not said twice, unless that is harmless.
void node_core::send_commands(boot_time now) {
  if (!leadership_.leader)
    return;
  bool here = leadership_.leader == config_.self;
  if (here && !leadership_.caught_up)
    return;
  for (auto& [id, one] : commands_) {
    if (one.sent_to)
      continue;
    one.sent_to = leadership_.leader;
    one.sent_at = now;
    if (here)
      coordinator_.request(now, {config_.self, id}, one.request, map_);
    else
      send(leadership_.leader, frame_kind::command, one.request);
  }
}

void node_core::expire_commands(boot_time now) {
  std::vector<proto::CommandReply> over;
  for (auto& [id, one] : commands_) {
    bool unsent = !one.sent_to;
    bool leader_gone = !unsent && one.sent_to != leadership_.leader;
    if (now < one.deadline && !(leader_gone && !one.own))
      continue;
    proto::CommandReply reply;
    reply.set_id(id);
    reply.set_code(static_cast<std::uint32_t>(unsent ? errc::no_quorum
                                                     : errc::outcome_unknown));
    reply.set_detail(unsent ? "no leader was elected in time"
                            : "the leader was lost before it answered");
    reply.set_hint(unsent ? "see 'troupectl nodes': are most voters up?"
                          : "look at the map, then ask again if need be");
    over.push_back(std::move(reply));
  }
  for (auto& reply : over)
    on(now, reply);
}

void node_core::on(boot_time now, node_id from,
                   const proto::CommandRequest& request) {
  if (leadership_.role == raft::role::leader && leadership_.caught_up) {
    coordinator_.request(now, {from, request.id()}, request, map_);
    return;
  }
  proto::CommandReply reply;
  reply.set_id(request.id());
  reply.set_code(static_cast<std::uint32_t>(errc::not_leader));
  reply.set_node(leadership_.leader.value); // whom to ask
  send(from, frame_kind::command_reply, reply);
}

void node_core::answer(const command_answer& one) {
  if (one.to.node == config_.self)
    on(boot_time{0}, one.reply);
  else
    send(one.to.node, frame_kind::command_reply, one.reply);
}

void node_core::on(boot_time now, const proto::CommandReply& reply) {
  auto code = static_cast<errc>(reply.code());
  auto i = commands_.find(reply.id());
  if (i == commands_.end()) {
    if (code == errc::not_leader && reply.node() != 0)
      knock_at_ = node_id{reply.node()};
    return;
  }
  if (code == errc::not_leader) {
    i->second.sent_to = {}; // refused before it began: ask the next leader
    return;
  }
  auto one = std::move(i->second);
  commands_.erase(i);
  if (departure_ && departure_->answered(reply))
    return;
  if (!one.own) {
    emit(command_done{reply});
    return;
  }
  auto& said = one.request.map();
  bool refused = code == errc::conflict || code == errc::foreign_node
                 || code == errc::unknown_node;
  if (!refused)
    return;
  failure why{code, reply.detail(), reply.hint()};
  if (said.has_announce_region()) {
    announced_[said.announce_region().settings().name()].refused = true;
    proto::Event event;
    event.set_kind(proto::EVENT_KIND_REFUSED);
    event.set_region(said.announce_region().settings().name());
    event.set_text(why.detail);
    local_event(now, std::move(event));
  }
  emit(stop_process{std::move(why)});
}

// -- announcements ------------------------------------------------------------

void node_core::announce(boot_time now, region_settings settings, bool hosts) {
  auto name = settings.name;
  announced_[name] = {std::move(settings), hosts, false};
  announce_at_ = boot_time{0};
  announce_all(now);
  pump(now);
}

proto::MapCommand node_core::node_up() const {
  proto::MapCommand what;
  auto& up = *what.mutable_node_up();
  up.set_node(config_.self.value);
  up.set_incarnation(config_.started.value);
  up.set_boot_id(config_.boot_id);
  up.set_address(config_.address);
  up.set_http_address(config_.http_address);
  for (auto& role : config_.roles)
    up.add_roles(role);
  for (auto& [key, value] : config_.labels)
    (*up.mutable_labels())[key] = value;
  up.set_weight(config_.weight);
  up.set_version(config_.version);
  return what;
}

// A node that had left is no member of the raft group, so no leader speaks to
// it. It tells one node after the other that it is back, and whom these name.
void node_core::knock() {
  auto& nodes = map_.nodes();
  auto next = nodes.upper_bound(knocked_);
  if (knock_at_)
    next = nodes.find(std::exchange(knock_at_, node_id{}));
  if (next == nodes.end())
    next = nodes.begin();
  if (next == nodes.end())
    return;
  knocked_ = next->first;
  if (knocked_ == config_.self)
    return;
  proto::CommandRequest request;
  request.set_id(next_command_++);
  *request.mutable_map() = node_up();
  send(knocked_, frame_kind::command, request);
}

// Says what the map does not show yet: that this node is up, and its regions.
void node_core::announce_all(boot_time now) {
  if (retired_ || (announce_at_ != boot_time{0} && now < announce_at_))
    return;
  announce_at_ = now + announce_every;
  if (!leadership_.leader) {
    if (!joined())
      knock();
    return;
  }
  std::erase_if(commands_, [](auto& kv) { return kv.second.own; });
  auto say = [&](proto::MapCommand what) {
    auto id = next_command_++;
    proto::CommandRequest request;
    request.set_id(id);
    *request.mutable_map() = std::move(what);
    commands_[id] = {std::move(request), now + command_patience, {}, {}, true};
  };
  auto* self = map_.node(config_.self);
  bool left = self && self->liveness == liveness::left
              && self->incarnation == config_.started;
  if (left)
    return; // let go: what is left to do is to stop
  if (!joined() || self->http_address != config_.http_address
      || self->address != config_.address) {
    say(node_up());
  }
  if (joined()) {
    for (auto& [name, one] : announced_) {
      auto* region = map_.region(name);
      bool hosts = region
                   && std::binary_search(region->hosts.begin(),
                                         region->hosts.end(), config_.self);
      bool same = region && region->agrees(one.settings);
      if ((same && hosts == one.hosts) || one.refused)
        continue;
      proto::MapCommand what;
      auto& cmd = *what.mutable_announce_region();
      cmd.set_node(config_.self.value);
      cmd.set_incarnation(config_.started.value);
      to_proto(one.settings, *cmd.mutable_settings());
      cmd.set_hosts(one.hosts);
      say(std::move(what));
    }
  }
  send_commands(now);
}

// -- partitions ---------------------------------------------------------------

void node_core::actor_started(boot_time now, partition_key key, epoch at) {
  host_.started(key, at);
  pump(now);
}

void node_core::actor_stopped(boot_time now, partition_key key, epoch at,
                              std::optional<partition_state> state) {
  host_.stopped(key, at, std::move(state));
  pump(now);
}

void node_core::actor_failed(boot_time now, partition_key key, epoch at,
                             std::string why) {
  host_.failed(key, at, std::move(why));
  pump(now);
}

void node_core::state_kept(boot_time now, partition_key key, epoch at) {
  --states_open_;
  host_.kept(key, at);
  pump(now);
}

void node_core::state_refused(boot_time now, partition_key, epoch) {
  --states_open_;
  ++states_refused_;
  pump(now);
}

void node_core::state_found(partition_key key, epoch at,
                            partition_state state) {
  host_.recovered(key, at, std::move(state));
  if (auto* a = map_.find(key)) // of the snapshot on this disk
    host_.learn(key, *a);
}

void node_core::session_ended(boot_time now, node_id with) {
  farewells_.erase(with);
  host_.session_ended(with);
  pump(now);
}

// A handler that does not return cannot be ended; the event names it. What
// then comes is the region's choice: the leader knows of `wait` and `fence`,
// `exit` is done here. [L6]
void node_core::watch_handlers(boot_time now) {
  host_.give_up_states(now, config_.settings.move_step);
  auto limit = config_.settings.stop_deadline + config_.settings.move_step;
  for (auto& one : host_.overruns(now, limit)) {
    auto* region = map_.region(one.key.region);
    auto policy = region ? region->settings.overrun : overrun_policy::wait;
    proto::Event event;
    event.set_kind(proto::EVENT_KIND_OVERRUN);
    event.set_node(config_.self.value);
    event.set_node_name(map_.name_of(config_.self));
    event.set_region(region ? region->settings.name : "");
    event.set_has_partition(true);
    event.set_partition(one.key.partition);
    event.set_epoch(one.epoch.value);
    event.set_cause(std::string{to_string(policy)});
    event.set_duration_us(
        static_cast<std::uint64_t>((now - one.since).count() / 1000));
    event.set_text(std::string{"a handler has not returned since the partition "
                               "was told to "}
                   + (one.starts ? "start" : "stop"));
    auto name = event.region() + "/" + std::to_string(one.key.partition);
    local_event(now, std::move(event));
    if (policy == overrun_policy::exit)
      emit(stop_process{{errc::overrun,
                         "partition " + name + " does not "
                             + (one.starts ? "start" : "stop")
                             + ": its handler has not returned",
                         "look for a call in it that blocks"}});
  }
}

// Regions that run on without a lease: said when it begins, again when it has
// lasted, and when it is over.
void node_core::watch_lease(boot_time now) {
  constexpr std::array<std::pair<boot_time, const char*>, 3> alerts{{
      {boot_time{0}, "notice"},
      {std::chrono::seconds{10}, "warning"},
      {std::chrono::minutes{1}, "critical"},
  }};
  auto say = [&](region_id id, proto::EventKind kind, const char* cause,
                 boot_time since) {
    proto::Event event;
    event.set_kind(kind);
    event.set_node(config_.self.value);
    event.set_node_name(map_.name_of(config_.self));
    if (auto* region = map_.region(id))
      event.set_region(region->settings.name);
    event.set_cause(cause);
    event.set_duration_us(
        static_cast<std::uint64_t>((now - since).count() / 1000));
    local_event(now, std::move(event));
  };
  bool over = lease_.end() != boot_time{0} && now >= lease_.end();
  auto runs_on = [&](const region_record& region) {
    return over && region.settings.keep_running
           && std::any_of(region.partitions.begin(), region.partitions.end(),
                          [&](auto& a) {
                            return a.owner == config_.self
                                   && a.owner_incarnation == config_.started;
                          });
  };
  if (!over && degraded_.empty())
    return;
  for (auto& [id, region] : map_.regions()) {
    auto i = degraded_.find(id);
    if (!runs_on(region)) {
      if (i == degraded_.end())
        continue;
      say(id, proto::EVENT_KIND_RESTORED, over ? "taken away" : "lease again",
          i->second.since);
      degraded_.erase(i);
      continue;
    }
    if (i == degraded_.end())
      i = degraded_.emplace(id, degradation{lease_.end()}).first;
    auto& one = i->second;
    if (one.alerts < alerts.size()
        && now - one.since >= alerts[one.alerts].first)
      say(id, proto::EVENT_KIND_DEGRADED, alerts[one.alerts++].second,
          one.since);
  }
}

void node_core::perform_host() {
  auto effects = host_.take();
  for (auto& effect : effects) {
    if (auto* out = std::get_if<send_state>(&effect)) {
      proto::State state;
      state.set_region(out->key.region.value);
      state.set_partition(out->key.partition);
      state.set_epoch(out->epoch.value);
      state.set_present(out->state.present);
      if (out->state.present)
        state.set_data(*out->state.bytes);
      send(out->to, frame_kind::state, state);
    } else if (auto* ack = std::get_if<acknowledge_state>(&effect)) {
      proto::StateTaken taken;
      taken.set_region(ack->key.region.value);
      taken.set_partition(ack->key.partition);
      taken.set_epoch(ack->epoch.value);
      send(ack->to, frame_kind::state_taken, taken);
    } else if (!retired_ || !std::holds_alternative<start_actor>(effect)) {
      states_open_ += std::holds_alternative<keep_on_disk>(effect);
      std::visit(
          [&](auto& one) {
            if constexpr (std::is_constructible_v<node_effect,
                                                  decltype(std::move(one))>)
              emit(std::move(one));
          },
          effect);
    }
  }
}

} // namespace troupe
