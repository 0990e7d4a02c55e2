#include <troupe/runtime/testing/process.hpp>

#include <algorithm>

#include <caf/make_actor.hpp>
#include <caf/send.hpp>

#include <troupe/actors/error.hpp>
#include <troupe/actors/payload/protobuf_inspect.hpp>

namespace troupe::testing {

namespace {

/// Whoever sends plain messages on behalf of a test. Why one was not taken is
/// in the dead letters.
class plain_sender final : public caf::monitorable_actor {
public:
  using caf::abstract_actor::enqueue;
  explicit plain_sender(caf::actor_config& cfg) : monitorable_actor(cfg) {}
  void enqueue(caf::mailbox_element_ptr what,
               caf::execution_unit* ctx) override {
    handle_system_message(*what, ctx, false);
  }
  const char* name() const override { return "troupe.testing.sender"; }
};

constexpr std::uint64_t wall_ms_at_the_beginning = 1'700'000'000'000;

template <class To>
To as_bytes(const std::string& from) {
  To out{};
  std::copy_n(from.begin(), std::min(from.size(), out.size()), out.begin());
  return out;
}

} // namespace

process::process(config what, timeline& time, memory_network& net,
                 memory_disk& disk, process_listener& listener)
    : index_(what.index),
      what_(std::move(what)),
      time_(time),
      disk_(disk),
      listener_(listener),
      links_(&net.open(*this)) {
  virtual_scheduler::use_in(caf_config_);
  caf_config_.set("logger.verbosity", caf::atom("quiet"));
  caf_config_.add_error_category(
      error_category,
      [](std::uint8_t code, caf::atom_value, const caf::message& context) {
        std::string out{to_string(static_cast<errc>(code))};
        if (context.size() == 1 && context.match_element<std::string>(0))
          out += ": " + context.get_as<std::string>(0);
        return out;
      });
  if (what_.configure_caf)
    what_.configure_caf(caf_config_);
  system_ = std::make_unique<caf::actor_system>(caf_config_);
  set_time(time_.now());
  plane_ = std::make_shared<data_plane>(*system_, *this);
  caf::actor_config cfg;
  sender_ = caf::make_actor<plain_sender, caf::actor>(
      system_->next_actor_id(), system_->node(), system_.get(), cfg);
}

process::~process() {
  end(false);
  subscribers_.clear();
  sender_ = nullptr;
  // An actor that outlives its end (detached, blocking) is not waited for.
  system_->await_actors_before_shutdown(system_->registry().running() == 0);
  system_.reset();
  plane_.reset();
}

void process::start(const std::map<std::string, hosted_region>& regions) {
  auto& node = what_.node;
  for (auto& [name, region] : regions)
    plane_->region(name, region.settings.partitions);
  plane_->attach(
      {node.self, node.settings, [this] { return time_.now(); }, node.started},
      *links_);
  link::identity self;
  self.cluster = as_bytes<link::bytes16>(what_.cluster);
  self.node = node.self;
  self.incarnation = node.started;
  self.boot = node.boot_id;
  self.uuid = as_bytes<link::bytes16>(what_.uuid);
  self.name = node.name;
  self.address = node.address;
  links_->set_identity(self);
  std::vector<link::peer_address> peers;
  for (auto id : what_.first_peers)
    if (id != node.self)
      peers.push_back({id, {}, {}});
  links_->set_peers(peers);
  auto core = std::make_unique<node_core>(node, disk_.recover(), time_.now());
  core_ = core.get();
  coordinator_ = system_->spawn<coordinator_actor>(
      std::move(core), static_cast<coordinator_ports&>(*this), *plane_,
      static_cast<link::transport&>(*links_),
      coordinator_clock{
          [this] { return time_.now(); },
          [this] {
            using namespace std::chrono;
            auto since = time_.now() - timeline::beginning;
            return wall_ms_at_the_beginning
                   + static_cast<std::uint64_t>(
                       duration_cast<milliseconds>(since).count());
          }});
  for (auto& [name, region] : regions)
    host(region);
}

void process::host(const hosted_region& region) {
  plane_->region(region.settings.name, region.settings.partitions);
  post([region](coordinator_actor& self) { self.host(region); });
}

void process::end(bool in_order) {
  if (std::exchange(ended_, true))
    return;
  if (in_order)
    links_->say_goodbye();
  else
    links_->abandon();
  backlog_.clear();
  core_ = nullptr;
  coordinator_ = nullptr;
  virtual_scheduler::of(*system_).end_actors();
  plane_->stop();
}

void process::resume() {
  paused_ = false;
  set_time(time_.now());
  while (!backlog_.empty() && !paused_ && !ended_) {
    auto f = std::move(backlog_.front());
    backlog_.pop_front();
    f();
  }
}

// -- running ------------------------------------------------------------------

std::size_t process::ready() const {
  return ended_ || paused_ ? 0 : virtual_scheduler::of(*system_).ready();
}

caf::actor_id process::run_one(std::size_t which) {
  return virtual_scheduler::of(*system_).run_one(which);
}

std::optional<boot_time> process::next_timeout() {
  if (ended_ || paused_)
    return std::nullopt;
  return virtual_scheduler::of(*system_).next_timeout();
}

void process::set_time(boot_time now) {
  if (!ended_ && !paused_)
    virtual_scheduler::of(*system_).set_time(now);
}

// -- the coordinator ----------------------------------------------------------

template <class T>
void process::tell(T what) {
  if (!ended_ && coordinator_)
    caf::anon_send(coordinator_, std::move(what));
}

void process::post(std::function<void(coordinator_actor&)> f) {
  tell(coordinator_task{std::move(f)});
}

// What comes from outside waits while the process is paused, and is nobody's
// once it has ended.
std::function<void()> process::later(std::function<void()> f) {
  return [this, f = std::move(f)]() mutable {
    if (ended_)
      return;
    if (paused_)
      backlog_.push_back(std::move(f));
    else
      f();
  };
}

void process::report(partition_report what) {
  tell(std::move(what));
}

void process::partition_started(partition_key key, epoch at) {
  report({partition_report::kind::started, key, at, std::nullopt, {}});
}

void process::partition_stopped(partition_key key, epoch at,
                                std::optional<partition_state> state) {
  report({partition_report::kind::stopped, key, at, std::move(state), {}});
}

void process::partition_failed(partition_key key, epoch at, std::string why) {
  report(
      {partition_report::kind::failed, key, at, std::nullopt, std::move(why)});
}

void process::lost_message(dead_letter letter) {
  if (!ended_)
    listener_.lost_message(index_, std::move(letter));
}

// -- the disk -----------------------------------------------------------------

void process::persist(raft::persist_batch batch) {
  auto id = batch.id;
  disk_.write(std::move(batch), later([this, id] {
                tell(disk_done{disk_done::kind::persisted, id, {}, {}});
              }));
}

void process::save_snapshot(raft::snapshot_meta meta,
                            std::shared_ptr<const std::string> bytes) {
  auto index = meta.index.value;
  disk_.save(std::move(meta), std::move(bytes), later([this, index] {
               tell(disk_done{disk_done::kind::snapshot_saved, index, {}, {}});
             }));
}

void process::store_snapshot(raft::snapshot_meta meta,
                             std::shared_ptr<const std::string> bytes) {
  auto index = meta.index.value;
  disk_.store(
      std::move(meta), std::move(bytes), later([this, index] {
        tell(disk_done{disk_done::kind::snapshot_stored, index, {}, {}});
      }));
}

void process::keep_state(partition_key key, std::string region, epoch at,
                         partition_state state) {
  disk_.keep({std::move(region), key.partition}, at, std::move(state),
             later([this, key, at] {
               tell(disk_done{disk_done::kind::state_kept, 0, key, at});
             }));
}

void process::drop_state(partition_key key, std::string region) {
  disk_.drop({std::move(region), key.partition});
}

std::optional<partition_state>
process::find_state(partition_key key, const std::string& region, epoch at) {
  return disk_.find({region, key.partition}, at);
}

// -- the map ------------------------------------------------------------------

void process::ticked(const node_core&) {
  for (auto i = unlink_at_.begin(); i != unlink_at_.end();) {
    if (time_.now() < i->second) {
      ++i;
      continue;
    }
    links_->drop_peer(i->first);
    i = unlink_at_.erase(i);
  }
}

void process::nodes_changed(const node_core& core) {
  std::vector<link::peer_address> peers;
  std::set<node_id> linked;
  for (auto& [id, node] : core.map().nodes()) {
    if (id == what_.node.self || node.liveness == liveness::removed
        || node.liveness == liveness::left)
      continue;
    peers.push_back({id, node.incarnation, node.address});
    linked.insert(id);
  }
  links_->set_peers(peers);
  for (auto id : linked)
    unlink_at_.erase(id);
  for (auto id : linked_) {
    if (linked.count(id) != 0)
      continue;
    auto* node = core.map().node(id);
    if (node && node->liveness == liveness::left)
      unlink_at_[id] = time_.now() + what_.node.settings.farewell;
    else
      links_->drop_peer(id);
  }
  linked_ = std::move(linked);
}

void process::happened(const proto::Event& event) {
  if (ended_)
    return;
  listener_.happened(index_, event);
  for (auto& who : subscribers_)
    caf::anon_send(who, event);
}

void process::stop_process(const failure& why) {
  if (!ended_)
    listener_.broken(index_, why);
}

void process::goes_on_leaving(const departing& what) {
  if (what.now == departing::stage::serves_nobody)
    post([](coordinator_actor& c) { c.core().clients_gone(); });
  else if (what.now == departing::stage::ended)
    left_ = what;
}

// -- the links ----------------------------------------------------------------

void process::on_frame(node_id peer, link::lane, std::uint8_t kind,
                       std::string_view payload) {
  later([this, peer, kind, bytes = std::string{payload}] {
    auto what = static_cast<frame_kind>(kind);
    bool for_plane = !is_control(what) && what != frame_kind::state
                     && what != frame_kind::state_taken;
    if (for_plane)
      plane_->receive(peer, peers_[peer], what, bytes);
    else
      tell(frame_arrived{peer, what, bytes});
  })();
}

void process::on_connected(const link::identity& peer) {
  later([this, node = peer.node, started = peer.incarnation] {
    peers_[node] = started;
  })();
}

void process::on_disconnected(node_id peer, link::close_reason) {
  later([this, peer] {
    post([peer](coordinator_actor& self) { self.core().unreachable(peer); });
  })();
}

void process::on_session_ended(const link::session_end& end) {
  later([this, end] {
    plane_->session_ended(end);
    tell(session_over{end.peer});
  })();
}

std::optional<link::refusal> process::on_hello(const link::hello& from) {
  auto* known = core_ ? core_->map().node(from.from.node) : nullptr;
  if (!known)
    return std::nullopt; // the map is behind: a newcomer dials first
  bool other = !known->uuid.empty()
               && as_bytes<link::bytes16>(known->uuid) != from.from.uuid;
  if (known->liveness == liveness::removed || other)
    return link::refusal{link::refusal_code::owner,
                         "node " + std::to_string(from.from.node.value)
                             + " is not '" + from.from.name + "' any more",
                         static_cast<std::uint32_t>(errc::foreign_node)};
  return std::nullopt;
}

} // namespace troupe::testing
