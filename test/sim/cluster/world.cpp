#include "world.hpp"

#include <algorithm>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace troupe::sim {

std::uint64_t hash_of(const std::string& bytes) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (unsigned char c : bytes)
    h = (h ^ c) * 0x100000001b3;
  return h;
}

cluster_settings quick_settings() {
  using namespace std::chrono_literals;
  cluster_settings out;
  out.move_step = 1000ms;
  out.stop_deadline = 500ms;
  out.stabilisation = 500ms;
  out.restart_grace = 6000ms;
  out.held_message = 60000ms;
  out.event_history = 16;
  out.snapshot_every = 60;
  out.keep_tail = 20;
  return out;
}

world::world(world_options options)
    : options_(std::move(options)),
      luck_(options_.seed),
      reg_(options_.strict),
      net_(time_, luck_, *this) {
  std::vector<founder> founders;
  for (std::uint64_t i = 1; i <= options_.nodes; ++i)
    founders.push_back({node_id{i}, "uuid-of-founder-" + std::to_string(i),
                        "n" + std::to_string(i),
                        "n" + std::to_string(i) + ":1"});
  raft::snapshot_meta meta;
  meta.index = log_index{1};
  meta.term = raft::term{1};
  auto voters = options_.nodes >= 7 ? 5u : 3u;
  for (auto& f : founders)
    (meta.conf.voters.size() < voters ? meta.conf.voters : meta.conf.learners)
        .push_back(f.id);
  auto map = shard_map::found("the cluster", founders, meta.index);
  proto::MapSnapshot snapshot;
  map.save(snapshot);
  for (auto& f : founders) {
    auto node =
        std::make_unique<sim_node>(*this, f.id, f.name, f.uuid, incarnation{1});
    node->disk().found(meta, snapshot.SerializeAsString());
    nodes_[f.id] = std::move(node);
  }
}

world::~world() = default;

std::vector<sim_node*> world::nodes() {
  std::vector<sim_node*> out;
  for (auto& [id, node] : nodes_)
    out.push_back(node.get());
  return out;
}

sim_node& world::node(std::uint64_t id) {
  return *nodes_.at(node_id{id});
}

sim_node* world::any(const std::function<bool(sim_node&)>& pred) {
  std::vector<sim_node*> fit;
  for (auto& [id, node] : nodes_)
    if (pred(*node))
      fit.push_back(node.get());
  return fit.empty() ? nullptr : fit[luck_.below(fit.size())];
}

sim_node* world::leader() {
  sim_node* best = nullptr;
  for (auto& [id, node] : nodes_) {
    if (!node->alive() || node->paused())
      continue;
    auto& now = node->core().leadership();
    if (now.role == raft::role::leader && now.caught_up
        && (!best || best->core().leadership().term < now.term))
      best = node.get();
  }
  return best;
}

void world::add_region(region_settings settings) {
  regions_.push_back(settings);
  for (auto* node : nodes())
    if (node->alive())
      node->core().announce(node->now(), settings, true);
}

void world::join(std::string name) {
  ++joining_;
  admit(std::move(name), "uuid-of-newcomer-" + std::to_string(luck_.next()));
}

void world::admit(std::string name, std::string uuid) {
  auto* gate = any([](sim_node& n) { return n.accepts(); });
  if (!gate) {
    time_.after(std::chrono::milliseconds{100},
                [this, name, uuid] { admit(name, uuid); });
    return;
  }
  proto::CommandRequest what;
  auto& cmd = *what.mutable_map()->mutable_admit_node();
  cmd.set_name(name);
  cmd.set_uuid(uuid);
  cmd.set_address(name + ":1");
  cmd.set_weight(100);
  auto asked = std::make_shared<bool>(false);
  auto again = [this, name, uuid, asked] {
    if (!std::exchange(*asked, true))
      admit(name, uuid);
  };
  // The process that was asked may end before it answers.
  time_.after(std::chrono::seconds{12}, again);
  gate->request(std::move(what), [=, this](const proto::CommandReply& reply) {
    if (*asked)
      return;
    if (reply.code() != 0) {
      time_.after(std::chrono::milliseconds{200}, again);
      return;
    }
    *asked = true;
    node_id id{reply.node()};
    if (auto i = nodes_.find(id); i != nodes_.end()) {
      if (!i->second->left())
        reg_.fail("node id " + std::to_string(id.value) + " given twice");
      retired_.push_back(std::move(i->second));
    }
    nodes_[id] = std::make_unique<sim_node>(*this, id, name, uuid,
                                            incarnation{reply.incarnation()});
    --joining_;
    time_.after(std::chrono::milliseconds{5},
                [this, id] { node(id.value).start(); });
  });
}

// -- running ------------------------------------------------------------------

void world::step() {
  time_.step();
}

void world::run_for(boot_time span) {
  auto end = time_.now() + span;
  while (!broken() && !time_.empty() && time_.next_at() <= end)
    step();
}

bool world::run_until(const std::function<bool()>& pred, boot_time bound) {
  auto end = time_.now() + bound;
  while (!broken() && !time_.empty() && time_.next_at() <= end) {
    if (pred())
      return true;
    step();
  }
  return !broken() && pred();
}

bool world::run_until_calm(boot_time bound) {
  auto end = time_.now() + bound;
  while (!broken() && time_.now() < end) {
    run_for(std::chrono::milliseconds{100});
    retire_those_let_go();
    if (!broken() && unrest().empty())
      return true;
  }
  return false;
}

void world::retire_those_let_go() {
  auto* lead = leader();
  if (!lead)
    return;
  for (auto* node : nodes()) {
    auto* row = lead->core().map().node(node->id());
    bool gone = !row || row->liveness == liveness::left;
    if (gone && !node->left() && !node->busy_leaving())
      node->retire();
  }
}

// -- commands -----------------------------------------------------------------

void world::command(proto::CommandRequest what, sim_node::reply_handler then) {
  if (auto* node = any([](sim_node& n) { return n.accepts(); }))
    node->request(std::move(what), std::move(then));
}

void world::move(const std::string& region, partition_id p,
                 const std::string& to) {
  proto::CommandRequest what;
  what.mutable_move()->set_region(region);
  what.mutable_move()->set_partition(p);
  what.mutable_move()->set_to(to);
  command(std::move(what));
}

void world::rebalance() {
  proto::CommandRequest what;
  what.mutable_plan()->set_apply(true);
  command(std::move(what));
}

void world::set_intent(node_id node, proto::Intent intent) {
  proto::CommandRequest what;
  auto& cmd = *what.mutable_map()->mutable_set_intent();
  cmd.set_node(node.value);
  cmd.set_intent(intent);
  command(std::move(what));
}

void world::stop_faults() {
  net_.heal_all();
  net_.conditions() = {};
  for (auto* node : nodes()) {
    node->disk().slowness() = std::chrono::microseconds{800};
    node->fail_starts(0);
    node->slow_handlers(std::chrono::milliseconds{2});
    node->resume();
    if (!node->alive() && !node->left())
      time_.after(luck_.between(boot_time{0}, std::chrono::milliseconds{200}),
                  [node] { node->start(); });
  }
}

// -- the network's calls ------------------------------------------------------

sim_node* world::find(process_id who) {
  auto i = nodes_.find(who.node);
  if (i == nodes_.end() || !i->second->alive() || i->second->process() != who)
    return nullptr;
  return i->second.get();
}

void world::control_arrived(process_id to, node_id from, frame_kind kind,
                            const std::string& bytes) {
  if (auto* node = find(to))
    node->control_arrived(from, kind, bytes);
}

void world::data_arrived(process_id to, process_id from, data_frame frame) {
  if (auto* node = find(to))
    node->data_arrived(from, std::move(frame));
}

void world::session_ended(process_id who, node_id with) {
  if (auto* node = find(who))
    node->session_ended(with);
}

void world::peer_left(process_id who, node_id peer,
                      std::vector<data_frame> untaken) {
  if (auto* node = find(who))
    node->peer_left(peer, std::move(untaken));
}

// -- checks -------------------------------------------------------------------

void world::note(std::uint64_t x) {
  trace_ = (trace_ ^ x) * 0x100000001b3;
  trace_ ^= trace_ >> 29;
}

namespace {

std::string bytes_of(const shard_map& map) {
  proto::MapSnapshot snapshot;
  map.save(snapshot);
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream{&out};
    google::protobuf::io::CodedOutputStream coded{&stream};
    coded.SetSerializationDeterministic(true);
    snapshot.SerializeToCodedStream(&coded);
  }
  return out;
}

std::uint64_t content_of(const raft::entry& e) {
  if (auto* command = std::get_if<raft::payload>(&e.body))
    return hash_of(**command);
  if (auto* change = std::get_if<raft::configuration_change>(&e.body)) {
    std::uint64_t h = 7;
    for (auto& one : change->changes)
      h = h * 31 + one.member.value * 4 + static_cast<std::uint64_t>(one.op);
    return h;
  }
  return 1;
}

} // namespace

void world::check_node(sim_node& node) {
  auto& core = node.core();
  auto& lead = core.leadership();
  if (lead.role == raft::role::leader) {
    auto [i, fresh] = leaders_.emplace(lead.term, node.id());
    if (i->second != node.id())
      reg_.fail("two leaders in term " + std::to_string(lead.term.value)
                + ": nodes " + std::to_string(i->second.value) + " and "
                + std::to_string(node.id().value));
  }
  auto version = core.map().version().value;
  auto key = node.process().life;
  auto& seen = checked_[key];
  if (seen == version)
    return;
  seen = version;
  auto bytes = bytes_of(core.map());
  auto hash = hash_of(bytes);
  note(hash);
  auto [i, fresh] = maps_.emplace(version, hash);
  if (i->second != hash)
    reg_.fail("two maps at version " + std::to_string(version) + ", one on "
              + node.name());
}

void world::check_batch(sim_node& node, const raft::persist_batch& batch) {
  std::uint64_t before = 0;
  for (auto& e : batch.append) {
    logged now{content_of(e), before};
    auto [i, fresh] = log_.emplace(std::pair{e.index.value, e.term.value}, now);
    if (!fresh && i->second.before == 0)
      i->second.before = before;
    if (i->second.content != now.content
        || (before != 0 && i->second.before != before))
      reg_.fail("two logs differ at entry " + std::to_string(e.index.value)
                + " of term " + std::to_string(e.term.value) + ", one on "
                + node.name());
    before = e.term.value;
  }
}

void world::check_event(sim_node& node, const proto::Event& event) {
  if (event.local())
    return;
  auto [i, fresh] = events_.emplace(event.seq(), event);
  if (!fresh
      && (i->second.kind() != event.kind() || i->second.node() != event.node()
          || i->second.epoch() != event.epoch()))
    reg_.fail("two events with number " + std::to_string(event.seq())
              + ", one on " + node.name());
}

std::size_t world::count_events(proto::EventKind kind) const {
  return static_cast<std::size_t>(
      std::count_if(events_.begin(), events_.end(),
                    [&](auto& kv) { return kv.second.kind() == kind; }));
}

std::string world::unrest() {
  if (joining_ > 0)
    return "somebody still wants to join";
  auto* lead = leader();
  if (!lead)
    return "no leader";
  for (auto* node : nodes()) {
    if (node->left())
      continue;
    if (!node->alive() || node->paused())
      return node->name() + " is not running";
    auto& core = node->core();
    if (core.leadership().leader != lead->id())
      return node->name() + " does not follow " + lead->name();
    if (core.map().version() != lead->core().map().version())
      return node->name() + " has another map than the leader";
    if (!core.joined())
      return node->name() + " is not up in the map";
    if (node->lease_end() <= node->now())
      return node->name() + " has no lease";
    if (node->busy_leaving())
      return node->name() + " is about to leave or restart";
    if (auto text = node->unfinished(); !text.empty())
      return text;
  }
  if (auto text = unrest_of_map(*lead); !text.empty())
    return text;
  if (reg_.open_count() > 0)
    return "messages without an end: " + reg_.open_messages();
  return {};
}

std::string world::unrest_of_map(sim_node& lead) {
  auto& map = lead.core().map();
  std::size_t up = 0;
  for (auto& [id, node] : map.nodes())
    up += node.liveness == liveness::up;
  for (auto& wanted : regions_) {
    auto* region = map.region(wanted.name);
    if (!region)
      return "region " + wanted.name + " is not announced";
    for (auto& [id, node] : map.nodes())
      if (node.available() && !map.can_host(*region, node))
        return node.name + " does not host " + wanted.name + " yet";
    std::map<node_id, std::size_t> load;
    for (auto& [id, node] : map.nodes())
      if (node.available() && map.can_host(*region, node))
        load[id] = 0;
    for (partition_id p = 0; p < region->partitions.size(); ++p) {
      auto& a = region->partitions[p];
      auto text = wanted.name + " " + std::to_string(p);
      if (a.quarantined)
        continue;
      if (a.stage != stage::running)
        return text + " is " + std::string{to_string(a.stage)};
      if (!load.count(a.owner))
        return text + " is on node " + std::to_string(a.owner.value)
               + ", which may not have it";
      ++load[a.owner];
      if (!nodes_.at(a.owner)->has_actor({region->id, p}))
        return text + " runs in the map, but not on node "
               + std::to_string(a.owner.value);
    }
    auto [low, high] =
        std::minmax_element(load.begin(), load.end(), [](auto& a, auto& b) {
          return a.second < b.second;
        });
    if (low != load.end() && high->second > low->second + 1 && even_)
      return wanted.name + " is not spread evenly";
  }
  auto& members = lead.core().members();
  std::size_t wanted = up >= 7 ? 5 : 3;
  if (members.joint())
    return "the group changes its members";
  if (members.voters.size() != std::min(up, wanted))
    return std::to_string(members.voters.size()) + " voters of "
           + std::to_string(up) + " nodes";
  for (auto id : members.voters)
    if (!map.node(id) || map.node(id)->liveness != liveness::up)
      return "voter " + std::to_string(id.value) + " is not up";
  return {};
}

} // namespace troupe::sim
