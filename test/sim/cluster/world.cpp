#include "world.hpp"

#include <algorithm>

#include "calm.hpp"

namespace troupe::sim {

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
      checks_(reg_),
      net_(time_, luck_, *this) {
  reg_.watch_leases([this](process_id who) {
    auto* node = find(who);
    return node && node->now() < node->lease_end();
  });
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
  if (!broken())
    time_.pass_until(end);
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

void world::isolate(node_id id) {
  for (auto* other : nodes())
    if (other->id() != id) {
      net_.cut(id, other->id());
      net_.cut(other->id(), id);
    }
}

void world::stop_faults() {
  net_.heal_all();
  net_.conditions() = {};
  net_.lose_if({});
  for (auto* node : nodes()) {
    node->disk().slowness() = std::chrono::microseconds{800};
    node->disk().make_room();
    node->fail_starts(0);
    node->slow_handlers(std::chrono::milliseconds{2});
    node->let_actors_die(0);
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

void world::session_ended(process_id who, process_id with) {
  if (auto* node = find(who))
    node->session_ended(with);
}

void world::peer_left(process_id who, process_id peer,
                      std::vector<data_frame> untaken) {
  if (auto* node = find(who))
    node->peer_left(peer, std::move(untaken));
}

// -- checks -------------------------------------------------------------------

void world::note(std::uint64_t x) {
  trace_ = (trace_ ^ x) * 0x100000001b3;
  trace_ ^= trace_ >> 29;
}

std::size_t world::count_events(proto::EventKind kind) const {
  return static_cast<std::size_t>(
      std::count_if(events().begin(), events().end(),
                    [&](auto& kv) { return kv.second.kind() == kind; }));
}

std::string world::unrest() {
  return unrest_of(*this, even_);
}

} // namespace troupe::sim
