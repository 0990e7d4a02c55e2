// Nodes that start, crash and join.
#include <algorithm>
#include <stdexcept>

#include <troupe/actors/error.hpp>
#include <troupe/runtime/testing/cluster_impl.hpp>
#include <troupe/runtime/version.hpp>

namespace troupe::testing {

namespace {

std::string uuid_of(std::size_t index) {
  auto text = "testing-node-" + std::to_string(index);
  text.resize(16, '.');
  return text;
}

const std::string cluster_id = "testing-cluster.";

std::vector<std::string> sorted(std::vector<std::string> x) {
  std::sort(x.begin(), x.end());
  return x;
}

} // namespace

cluster::impl::impl(std::size_t nodes, cluster_options options)
    : options_(std::move(options)),
      time_(options_.seed),
      net_(time_, {options_.delay_min, options_.delay_max,
                   options_.settings.frame_bytes_max}) {
  if (nodes == 0)
    throw std::logic_error{"a cluster has at least one node"};
  node_options check_these;
  check_these.settings = options_.settings;
  if (auto why = check(check_these))
    throw std::logic_error{why.detail + "; " + why.hint};
  for (auto& [name, place] : options_.strategies) {
    auto made = make_strategy(name, place);
    if (auto* why = std::get_if<placement_refusal>(&made))
      throw std::logic_error{why->text};
    strategies_[name] = std::get<placement_strategy_ptr>(made);
  }
  // As founders with empty disks would: all from the same map, at index 1.
  std::vector<founder> founders;
  raft::snapshot_meta meta{log_index{1}, raft::term{1}, {}};
  auto voters = nodes >= 7 ? 5u : 3u;
  for (std::size_t i = 0; i < nodes; ++i) {
    auto m = std::make_unique<machine>(time_, options_.disk_delay_max);
    m->id = node_id{i + 1};
    m->name = "n" + std::to_string(i);
    m->uuid = uuid_of(i);
    if (i < options_.nodes.size())
      m->traits = options_.nodes[i];
    founders.push_back({m->id, m->uuid, m->name, m->name + ":0"});
    (meta.conf.voters.size() < voters ? meta.conf.voters : meta.conf.learners)
        .push_back(m->id);
    machines_.push_back(std::move(m));
  }
  proto::MapSnapshot first;
  shard_map::found(cluster_id, founders, meta.index).save(first);
  for (auto& m : machines_)
    m->disk.found(meta, first.SerializeAsString());
  for (std::size_t i = 0; i < nodes; ++i)
    start(i);
}

cluster::impl::~impl() {
  time_.clear();
  for (auto& m : machines_)
    if (m->running)
      m->running->end(false);
  for (auto& m : machines_)
    m->running.reset();
  ended_.clear();
}

auto cluster::impl::at(std::size_t node) -> machine& {
  if (node >= machines_.size())
    throw std::out_of_range{"no node " + std::to_string(node) + " of "
                            + std::to_string(machines_.size())
                            + "; they are counted from 0"};
  return *machines_[node];
}

process& cluster::impl::live(std::size_t node) {
  auto& m = at(node);
  if (!m.running)
    throw std::logic_error{m.name + " does not run: " + m.ended};
  return *m.running;
}

std::size_t cluster::impl::index_of(node_id id) const {
  for (std::size_t i = machines_.size(); i > 0; --i)
    if (machines_[i - 1]->id == id)
      return i - 1; // a freed id may be given again: the newest has it
  return machines_.size();
}

void cluster::impl::start(std::size_t node) {
  auto& m = at(node);
  if (m.running)
    throw std::logic_error{m.name + " runs already"};
  if (m.left)
    throw std::logic_error{m.name
                           + " has left the cluster for good; "
                             "add_node() lets another one in"};
  process::config what;
  what.index = node;
  what.node.self = m.id;
  what.node.started = incarnation{m.next_incarnation++};
  what.node.boot_id = time_.draw() | 1;
  what.node.seed = time_.draw();
  what.node.name = m.name;
  what.node.address = m.name + ":0";
  what.node.roles = sorted(m.traits.roles);
  what.node.labels = m.traits.labels;
  what.node.weight = m.traits.weight;
  what.node.version = version();
  what.node.settings = options_.settings;
  what.node.strategies = strategies_;
  what.uuid = m.uuid;
  what.cluster = cluster_id;
  for (auto& other : machines_)
    if (!other->left)
      what.first_peers.push_back(other->id);
  what.configure_caf = options_.configure_caf;
  note(m.id.value << 8 | what.node.started.value);
  m.running =
      std::make_unique<process>(std::move(what), time_, net_, m.disk, *this);
  m.ended.clear();
  m.running->start(regions_);
}

void cluster::impl::end(std::size_t node, bool in_order, std::string why) {
  auto& m = at(node);
  auto& who = live(node);
  m.ended = std::move(why);
  // Whoever asked has ended with it, but the test wants to know.
  for (auto& one : std::exchange(m.asked, {}))
    if (!one->content)
      one->content = caf::make_message(make_error(
          errc::outcome_unknown, "the node that asked has ended: " + m.ended));
  who.end(in_order);
  if (!in_order)
    m.disk.crash();
  ended_.push_back(std::move(m.running));
}

std::size_t cluster::impl::add_node(node_traits traits) {
  auto index = machines_.size();
  auto m = std::make_unique<machine>(time_, options_.disk_delay_max);
  m->name = "n" + std::to_string(index);
  m->uuid = uuid_of(index);
  m->traits = std::move(traits);
  proto::CommandRequest what;
  auto& admit = *what.mutable_map()->mutable_admit_node();
  admit.set_uuid(m->uuid);
  admit.set_name(m->name);
  admit.set_address(m->name + ":0");
  for (auto& role : m->traits.roles)
    admit.add_roles(role);
  for (auto& [key, value] : m->traits.labels)
    (*admit.mutable_labels())[key] = value;
  admit.set_weight(m->traits.weight);
  auto reply = command(std::move(what), "letting a node in");
  if (reply.code() != 0)
    throw refused{static_cast<errc>(reply.code()),
                  "letting a node in: " + reply.detail() + "; " + reply.hint()};
  m->id = node_id{reply.node()};
  m->next_incarnation = reply.incarnation();
  if (auto* lead = leader())
    m->disk.admit({lead->core().leadership().term, m->id, {}});
  machines_.push_back(std::move(m));
  start(index);
  return index;
}

// -- the leader ---------------------------------------------------------------

process* cluster::impl::leader() {
  process* best = nullptr;
  for (auto& m : machines_) {
    if (!m->running || m->running->paused())
      continue;
    auto& now = m->running->core().leadership();
    if (now.role == raft::role::leader && now.caught_up
        && (!best || best->core().leadership().term < now.term))
      best = m->running.get();
  }
  return best;
}

bool cluster::impl::cut_off(const process& who, const process& from) const {
  return !net_.reachable(who.core().config().self, from.core().config().self);
}

process* cluster::impl::gate() {
  auto* lead = leader();
  if (!lead)
    return nullptr;
  for (auto& m : machines_)
    if (m->running && !m->running->paused()
        && m->running->core().leadership().leader == lead->core().config().self
        && !cut_off(*m->running, *lead))
      return m->running.get();
  return lead;
}

proto::CommandReply cluster::impl::command(process& by,
                                           proto::CommandRequest what,
                                           boot_time limit) {
  auto reply = std::make_shared<std::optional<proto::CommandReply>>();
  by.post([what = std::move(what), reply](coordinator_actor& self) {
    self.command(what, [reply](const proto::CommandReply& x) { *reply = x; });
  });
  if (run_while([&] { return !*reply && !by.ended(); }, limit) && *reply)
    return **reply;
  proto::CommandReply out;
  out.set_code(static_cast<std::uint32_t>(errc::no_quorum));
  out.set_detail("no majority of the voters answers");
  return out;
}

proto::CommandReply cluster::impl::command(proto::CommandRequest what,
                                           const std::string& text) {
  auto until = time_.now() + options_.patience;
  for (;;) {
    run_until([this] { return gate() != nullptr; }, until - time_.now(),
              text + " found no leader");
    auto reply = command(*gate(), what, until - time_.now());
    auto code = static_cast<errc>(reply.code());
    bool again = code == errc::not_leader || code == errc::no_quorum;
    if (!again || time_.now() >= until)
      return reply;
    run_for(std::chrono::milliseconds{10});
  }
}

// -- the map ------------------------------------------------------------------

const shard_map* cluster::impl::newest_map() const {
  const shard_map* best = nullptr;
  for (auto& m : machines_)
    if (m->running
        && (!best || best->version() < m->running->core().map().version()))
      best = &m->running->core().map();
  return best;
}

const assignment* cluster::impl::find(const std::string& region,
                                      partition_id p) const {
  auto* map = newest_map();
  auto* known = map ? map->region(region) : nullptr;
  return known && p < known->partitions.size() ? &known->partitions[p]
                                               : nullptr;
}

// -- what processes say -------------------------------------------------------

void cluster::impl::happened(std::size_t node, const proto::Event& event) {
  if (event.local()) {
    machines_[node]->local_events.push_back(event);
    return;
  }
  if (event.seq() <= last_event_)
    return; // another node said so before
  last_event_ = event.seq();
  events_.push_back(event);
}

void cluster::impl::lost_message(std::size_t node, dead_letter letter) {
  letters_.push_back(
      {node, time_.now() - timeline::beginning, std::move(letter)});
}

// Said within the process: it ends a moment later.
void cluster::impl::broken(std::size_t node, const failure& why) {
  time_.after(boot_time{0}, [this, node, who = machines_[node]->running.get(),
                             text = why.detail + "; " + why.hint] {
    if (machines_[node]->running.get() == who && who)
      end(node, false, text);
  });
}

} // namespace troupe::testing
