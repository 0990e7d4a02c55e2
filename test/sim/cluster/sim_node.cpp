#include "sim_node_impl.hpp"

namespace troupe::sim {

sim_node::sim_node(world& in, node_id id, std::string name, std::string uuid,
                   incarnation first)
    : world_(in),
      id_(id),
      name_(std::move(name)),
      uuid_(std::move(uuid)),
      next_incarnation_(first.value),
      disk_(in.time(), in.luck()) {
  clock_.offset = std::chrono::seconds{10 + in.luck().below(100000)};
  auto error = in.clock_error_ppm();
  clock_.drift_ppm = static_cast<std::int64_t>(in.luck().below(
                         static_cast<std::uint64_t>(2 * error + 1)))
                     - error;
  clock_.wall_ms = static_cast<std::int64_t>(in.luck().below(100'000'000));
}

sim_node::~sim_node() = default;

boot_time sim_node::now() const {
  return clock_.boot(world_.time().now());
}

// -- the process --------------------------------------------------------------

void sim_node::start() {
  if (alive() || left_)
    return;
  life_ = world_.next_life();
  world_.note(life_ * 2 + 1);
  paused_ = false;
  stopping_process_ = false;
  lease_end_ = boot_time{0};
  wish_ = wish::none;
  departed_.reset();
  node_config config;
  config.self = id_;
  config.started = incarnation{next_incarnation_++};
  config.boot_id = world_.luck().next() >> 8 | 1;
  config.seed = world_.luck().next();
  config.name = name_;
  config.address = name_ + ":1";
  config.settings = world_.settings();
  config.strategies = world_.strategies();
  core_ = std::make_unique<node_core>(config, disk_.recover(), now());
  for (auto& [key, file] : disk_.files())
    core_->state_found(key, file.epoch, file.state);
  world_.net().started(process(), config.started);
  for (auto& region : world_.regions())
    core_->announce(now(), region, true);
  world_.time().after(clock_.span(world_.settings().tick),
                      guarded([this] { tick(); }));
  run([] {});
}

void sim_node::end_process() {
  world_.note(life_ * 2);
  world_.reg().gone(process());
  world_.reg().router_gone(process());
  core_.reset();
  places_.clear();
  backlog_.clear();
  requests_.clear();
  numbers_.clear();
  done_.clear();
  paused_ = false;
  wish_ = wish::none;
  departed_.reset();
}

void sim_node::crash() {
  if (!alive())
    return;
  world_.net().ended(process());
  end_process();
  disk_.crash();
}

void sim_node::retire() {
  crash();
  left_ = true;
}

void sim_node::pause() {
  if (!alive() || paused_)
    return;
  paused_ = true;
  world_.reg().excuse(process());
}

void sim_node::resume() {
  if (!alive() || !paused_)
    return;
  paused_ = false;
  // The threads of a process that goes on run in any order.
  while (!backlog_.empty() && !paused_ && core_) {
    auto f = std::move(backlog_.front());
    backlog_.pop_front();
    f();
  }
}

// Every input of the process runs in here.
void sim_node::run(std::function<void()> f) {
  world_.note(static_cast<std::uint64_t>(world_.time().now().count())
              ^ (id_.value << 56));
  f();
  flush();
  if (stopping_process_ && core_) {
    crash();
    return;
  }
  if (core_)
    if (auto hash = world_.checks().ran({name_, life_, *core_, disk_}))
      world_.note(*hash);
}

void sim_node::flush() {
  if (flushing_ || !core_)
    return;
  flushing_ = true;
  for (auto effects = core_->take(); !effects.empty(); effects = core_->take())
    for (auto& effect : effects)
      std::visit([this](auto& x) { perform(x); }, effect);
  flushing_ = false;
}

void sim_node::tick() {
  core_->tick(now(), clock_.wall(world_.time().now()));
  for (auto& [key, here] : places_)
    if (here->slot.out().waits()) {
      env e{*this, key, *here};
      here->slot.expire(now(), world_.settings().fence_deadline, e);
    }
  poke_all();
  drive_wish();
  if (core_)
    world_.time().after(clock_.span(world_.settings().tick),
                        guarded([this] { tick(); }));
}

// -- users --------------------------------------------------------------------

std::uint64_t sim_node::request(proto::CommandRequest what,
                                reply_handler then) {
  std::uint64_t id = 0;
  // The answer may come before the call returns, but is performed after it.
  run([&] {
    id = core_->command(now(), std::move(what));
    requests_[id] = std::move(then);
  });
  return id;
}

void sim_node::send(std::uint32_t sender, partition_key key,
                    boot_time patience) {
  message msg;
  msg.origin = id_;
  msg.life = life_;
  msg.sender = sender;
  msg.number = ++numbers_[{sender, key}];
  msg.key = key;
  if (patience > boot_time{0})
    msg.deadline = now() + patience;
  msg.id = world_.reg().accepted(msg);
  run([&] {
    with(key,
         [&](place& here, env& e) { here.slot.accept(std::move(msg), e); });
    poke(key);
  });
}

// -- the network --------------------------------------------------------------

void sim_node::control_arrived(node_id from, frame_kind kind,
                               const std::string& bytes) {
  guarded([this, from, kind, bytes] {
    core_->receive(now(), from, kind, bytes);
  })();
}

void sim_node::garbage_arrived(node_id from, frame_kind kind) {
  guarded([this, from, kind] {
    auto before = core_->malformed();
    auto version = core_->map().version();
    auto bytes = "\xff\xff" + std::to_string(world_.luck().next());
    core_->receive(now(), from, kind, bytes);
    if (core_->malformed() != before + 1 || core_->map().version() != version)
      world_.reg().fail(name_ + " took garbage for a frame");
  })();
}

void sim_node::data_arrived(process_id from, data_frame frame) {
  auto shared = std::make_shared<data_frame>(std::move(frame));
  guarded([this, from, shared] {
    if (auto* x = std::get_if<message_frame>(shared.get())) {
      with(x->msg.key, [&](place& here, env& e) {
        here.slot.arrive(std::move(x->msg), x->epoch, e);
      });
      poke(x->msg.key);
    } else if (auto* x = std::get_if<give_back_frame>(shared.get())) {
      if (x->msg.life != life_)
        return;
      world_.reg().returned(x->msg);
      with(x->msg.key, [&](place& here, env& e) {
        here.slot.returned(std::move(x->msg), x->epoch, x->known, e);
      });
      poke(x->msg.key);
    } else if (auto* x = std::get_if<fence_frame>(shared.get())) {
      x->what.asked_by = incarnation{from.life};
      with(x->key, [&](place& here, env& e) { here.slot.arrive(x->what, e); });
      poke(x->key);
    } else if (auto* x = std::get_if<fenced_frame>(shared.get())) {
      with(x->key, [&](place& here, env& e) {
        auto& out = here.slot.out();
        if (out.streams_to(from.node) && out.at() == x->what.epoch)
          world_.reg().settled(process(), x->key, x->what.epoch);
        here.slot.fence_answered(x->what.epoch, e);
      });
      poke(x->key);
    } else if (auto* x = std::get_if<processed_frame>(shared.get())) {
      if (x->asked_by != life_)
        return;
      with(x->key, [&](place& here, env& e) {
        auto& out = here.slot.out();
        if (out.streams_to(from.node) && out.at() == x->epoch)
          world_.reg().reported(process(), x->key, x->epoch, x->messages);
        here.slot.processed(from.node, x->epoch, x->messages.size(), e);
      });
    } else if (auto* x = std::get_if<node_frame>(shared.get())) {
      core_->receive(now(), from.node, x->kind, x->bytes);
    }
  })();
}

void sim_node::session_ended(process_id with) {
  guarded([this, with] {
    owner_lost over{with.node, world_.net().started_as(with), log_index{~0ull}};
    perform(over);
    core_->session_ended(now(), with.node);
  })();
}

// The peer stopped in order: what it took it has processed or given back, and
// what it had not taken is here.
void sim_node::peer_left(process_id peer, std::vector<data_frame> untaken) {
  auto shared = std::make_shared<std::vector<data_frame>>(std::move(untaken));
  guarded([this, peer, shared] {
    for (auto& frame : *shared)
      if (auto* x = std::get_if<message_frame>(&frame)) {
        world_.reg().returned(x->msg);
        with(x->msg.key, [&](place& here, env& e) {
          here.slot.returned(std::move(x->msg), x->epoch,
                             here.slot.out().known(), e);
        });
      }
    auto upto = world_.net().started_as(peer);
    for (auto& [key, here] : places_)
      if (here->slot.out().streams_to(peer.node, upto)) {
        world_.reg().settled(process(), key, here->slot.out().at());
        env e{*this, key, *here};
        here->slot.owner_left(e);
        poke(key);
      }
    core_->session_ended(now(), peer.node);
  })();
}

// -- checks -------------------------------------------------------------------

std::string sim_node::unfinished() const {
  for (auto& [key, here] : places_) {
    auto& out = here->slot.out();
    if (out.held() > 0)
      return name_ + " holds " + std::to_string(out.held()) + " messages for "
             + to_text(key);
    if (out.current() == stream<message>::state::fencing)
      return name_ + " waits for a fence of " + to_text(key);
    if (here->actor && !here->actor->mailbox.empty())
      return name_ + " has mail for " + to_text(key);
  }
  if (!requests_.empty())
    return name_ + " has a command without an answer";
  // States that nobody may start from any more are held without end.
  auto facts = core_ ? core_->host().facts() : proto::Facts{};
  if (facts.confirmed_size() + facts.started_size() + facts.failed_size() > 0)
    return name_ + " has facts to tell";
  return {};
}

std::size_t sim_node::held() const {
  std::size_t n = 0;
  for (auto& [key, here] : places_)
    n += here->slot.out().held();
  return n;
}

bool sim_node::has_actor(partition_key key) const {
  auto i = places_.find(key);
  return i != places_.end() && i->second->actor
         && i->second->actor->now == actor::phase::running;
}

} // namespace troupe::sim
