// The parts of a node and what passes between them.
#include <troupe/runtime/node.hpp>

#include <algorithm>

#include <troupe/actors/ask_sink.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/scheduling/scheduler.hpp>
#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/event_rows.hpp>
#include <troupe/runtime/http_backend.hpp>
#include <troupe/runtime/logger.hpp>
#include <troupe/runtime/node_impl.hpp>

namespace troupe {

// -- node: a thin door --------------------------------------------------------

node::node(node_options options)
    : impl_(std::make_unique<impl>(std::move(options))) {
}

node::~node() = default;

failure node::start() {
  return impl_->start();
}

void node::stop(stop_kind how) {
  impl_->stop(how);
}

void node::request_stop(stop_kind how) noexcept {
  impl_->request_stop(how);
}

node::end node::wait() {
  return impl_->wait();
}

caf::actor_system& node::system() {
  return *impl_->system_;
}

std::string node::address() const {
  return impl_->address_;
}

std::string node::http_address() const {
  return impl_->http_ ? impl_->http_->address() : std::string{};
}

std::string node::name() const {
  return impl_->identity_.name;
}

void node::subscribe(const caf::actor& who) {
  impl_->subscribe(who);
}

region node::host(const std::string& name, region_options options,
                  partition_factory make) {
  return impl_->host(name, std::move(options), std::move(make));
}

region node::proxy_region(const std::string& name, region_options options) {
  return impl_->host(name, std::move(options), nullptr);
}

void node::add_strategy(const std::string& name, placement_function place) {
  auto made = make_strategy(name, std::move(place));
  if (auto* strategy = std::get_if<placement_strategy_ptr>(&made))
    impl_->strategies_[name] = *strategy;
}

// -- assembly -----------------------------------------------------------------

node::impl::impl(node_options options) : options_(std::move(options)) {
  use_shared_queue(config_);
  config_.add_error_category(
      error_category,
      [](std::uint8_t code, caf::atom_value, const caf::message& context) {
        std::string out{to_string(static_cast<errc>(code))};
        if (context.size() == 1 && context.match_element<std::string>(0))
          out += ": " + context.get_as<std::string>(0);
        return out;
      });
  if (options_.configure_caf)
    options_.configure_caf(config_);
  system_ = std::make_unique<caf::actor_system>(config_);
  plane_ = std::make_shared<data_plane>(*system_, *this);
}

node::impl::~impl() {
  stop(stop_kind::now);
  http_.reset();
  backend_.reset();
  // Waits for the user's actors; they may still send to routers meanwhile.
  system_.reset();
  plane_.reset();
}

failure node::impl::check_regions() const {
  for (auto& [name, region] : regions_) {
    auto invalid = [&, name = name](std::string detail, std::string hint) {
      return failure{errc::invalid_setting,
                     "region '" + name + "': " + std::move(detail),
                     std::move(hint)};
    };
    auto& settings = region.settings;
    if (settings.partitions < 1 || settings.partitions > partitions_max)
      return invalid(std::to_string(settings.partitions) + " partitions",
                     "it takes 1 to " + std::to_string(partitions_max));
    if (strategies_.count(settings.strategy) != 0)
      continue;
    auto& values = settings.strategy_options;
    auto made =
        make_strategy(settings.strategy, {values.begin(), values.end()});
    if (auto* why = std::get_if<placement_refusal>(&made))
      return invalid(why->text, "name a strategy that all nodes have");
  }
  return {};
}

region node::impl::host(const std::string& name, region_options options,
                        partition_factory make) {
  hosted_region region;
  region.settings.name = name;
  region.settings.partitions = options.partitions;
  region.settings.strategy = options.strategy;
  region.settings.strategy_options = options.strategy_options;
  region.settings.roles = options.roles;
  std::sort(region.settings.roles.begin(), region.settings.roles.end());
  region.settings.keep_running = options.keep_running;
  region.settings.overrun = options.overrun;
  region.hosts = static_cast<bool>(make);
  region.make = std::move(make);
  regions_[name] = region; // as asked for: `start` checks it
  region.settings.partitions =
      std::clamp(options.partitions, 1u, partitions_max);
  auto& plane = plane_->region(name, region.settings.partitions);
  post([region](coordinator_actor& self) { self.host(region); });
  return {name, plane.router};
}

void node::impl::subscribe(const caf::actor& who) {
  std::lock_guard guard{mutex_};
  subscribers_.push_back(who);
}

void node::impl::post(std::function<void(coordinator_actor&)> f) {
  std::lock_guard guard{mutex_};
  if (coordinator_)
    caf::anon_send(coordinator_, coordinator_task{std::move(f)});
}

void node::impl::command(proto::CommandRequest request,
                         std::function<void(const proto::CommandReply&)> done) {
  post([request = std::move(request), done = std::move(done)](
           coordinator_actor& self) { self.command(request, done); });
}

void node::impl::expire_later(boot_time when, caf::strong_actor_ptr who) {
  std::lock_guard guard{asks_mutex_};
  asks_.emplace(when, std::move(who));
}

// -- from partitions and senders ----------------------------------------------

void node::impl::partition_started(partition_key key, epoch at) {
  std::lock_guard guard{mutex_};
  if (coordinator_)
    caf::anon_send(
        coordinator_,
        partition_report{
            partition_report::kind::started, key, at, std::nullopt, {}});
}

void node::impl::partition_stopped(partition_key key, epoch at,
                                   std::optional<partition_state> state) {
  std::lock_guard guard{mutex_};
  if (coordinator_)
    caf::anon_send(
        coordinator_,
        partition_report{
            partition_report::kind::stopped, key, at, std::move(state), {}});
}

void node::impl::partition_failed(partition_key key, epoch at,
                                  std::string why) {
  std::lock_guard guard{mutex_};
  if (coordinator_)
    caf::anon_send(coordinator_,
                   partition_report{partition_report::kind::failed, key, at,
                                    std::nullopt, std::move(why)});
}

void node::impl::lost_message(dead_letter letter) {
  http::event_row row;
  row.kind = "dead_letter";
  row.time_ms = static_cast<std::int64_t>(wall_ms());
  row.region = std::move(letter.region);
  row.partition = letter.partition;
  row.detail = std::move(letter.key);
  row.cause = to_string(letter.why);
  local_events_.append_next(std::move(row));
}

// -- from the coordinator -----------------------------------------------------

void node::impl::persist(raft::persist_batch batch) {
  disk_->persist(std::move(batch));
}

void node::impl::save_snapshot(raft::snapshot_meta meta,
                               std::shared_ptr<const std::string> bytes) {
  disk_->save_snapshot(std::move(meta), std::move(bytes));
}

void node::impl::store_snapshot(raft::snapshot_meta meta,
                                std::shared_ptr<const std::string> bytes) {
  disk_->store_snapshot(std::move(meta), std::move(bytes));
}

void node::impl::keep_state(partition_key key, std::string region, epoch at,
                            partition_state state) {
  disk_->keep_state(key, std::move(region), at, std::move(state));
}

void node::impl::drop_state(partition_key key, std::string region) {
  disk_->drop_state(key, std::move(region));
}

std::optional<partition_state>
node::impl::find_state(partition_key key, const std::string& region, epoch at) {
  auto found = states_->load(region, key.partition);
  if (!found || !*found || (*found)->epoch != at || (*found)->bytes.empty())
    return std::nullopt;
  auto& bytes = (*found)->bytes;
  partition_state out;
  out.present = bytes[0] != '\0';
  if (out.present)
    out.bytes = std::make_shared<const std::string>(bytes.substr(1));
  return out;
}

void node::impl::ticked(const node_core& core) {
  auto now = boot_now();
  mirror_.update(core, now);
  for (auto i = unlink_at_.begin(); i != unlink_at_.end();) {
    if (now < i->second) {
      ++i;
      continue;
    }
    links_->drop_peer(i->first);
    i = unlink_at_.erase(i);
  }
  changed_.notify_all();
  std::vector<caf::strong_actor_ptr> late;
  {
    std::lock_guard guard{asks_mutex_};
    while (!asks_.empty() && asks_.begin()->first <= now) {
      late.push_back(std::move(asks_.begin()->second));
      asks_.erase(asks_.begin());
    }
  }
  for (auto& who : late)
    static_cast<ask_sink*>(who->get())
        ->finish({caf::make_message(
                      make_error(errc::outcome_unknown,
                                 "no answer in time; the message may have been "
                                 "processed")),
                  {},
                  {}});
}

void node::impl::region_changed(const region_record& region) {
  mirror_.update(region);
}

void node::impl::partition_changed(partition_key key, const assignment& now) {
  mirror_.update(key, now);
}

void node::impl::nodes_changed(const node_core& core) {
  mirror_.update_nodes(core);
  std::vector<link::peer_address> peers;
  std::set<node_id> linked;
  bool restart = false;
  for (auto& [id, node] : core.map().nodes()) {
    if (id == identity_.node) {
      restart = node.intent == intent::restart
                && node.incarnation == identity_.self
                && node.liveness == liveness::up;
      continue;
    }
    if (node.liveness == liveness::removed || node.liveness == liveness::left)
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
      unlink_at_[id] = boot_now() + options_.settings.farewell;
    else
      links_->drop_peer(id);
  }
  linked_ = std::move(linked);
  if (restart && phase_ == phase::started)
    request_stop(stop_kind::restart);
}

void node::impl::happened(const proto::Event& event) {
  auto row = to_row(event);
  if (event.local())
    local_events_.append_next(std::move(row));
  else
    cluster_events_.append(std::move(row));
  std::lock_guard guard{mutex_};
  for (auto& who : subscribers_)
    caf::anon_send(who, event);
}

void node::impl::stop_process(const failure& why) {
  logger().error("{}: {}: {}; {}", identity_.name, to_string(why.code),
                 why.detail, why.hint);
  {
    std::lock_guard guard{mutex_};
    if (!broken_)
      broken_ = why;
  }
  request_stop(stop_kind::now);
}

// -- from the transport -------------------------------------------------------

void node::impl::on_frame(node_id peer, link::lane, std::uint8_t kind,
                          std::string_view payload) {
  auto what = static_cast<frame_kind>(kind);
  bool for_plane = !is_control(what) && what != frame_kind::state
                   && what != frame_kind::state_taken;
  if (for_plane) {
    plane_->receive(peer, peers_[peer], what, payload);
    return;
  }
  std::lock_guard guard{mutex_};
  if (coordinator_)
    caf::anon_send(coordinator_,
                   frame_arrived{peer, what, std::string{payload}});
}

void node::impl::on_disconnected(node_id peer, link::close_reason why) {
  logger().debug("{}: link to {} closed: {}", identity_.name, peer.value,
                 to_string(why));
  post([peer](coordinator_actor& self) { self.core().unreachable(peer); });
}

void node::impl::on_connected(const link::identity& peer) {
  peers_[peer.node] = peer.incarnation;
}

void node::impl::on_session_ended(const link::session_end& end) {
  plane_->session_ended(end);
  std::lock_guard guard{mutex_};
  if (coordinator_)
    caf::anon_send(coordinator_, session_over{end.peer});
}

std::optional<link::refusal> node::impl::on_hello(const link::hello& from) {
  auto known = mirror_.node(from.from.node);
  if (!known)
    return std::nullopt; // the map is behind: a newcomer dials first
  bool other = !known->uuid.empty()
               && !std::equal(known->uuid.begin(), known->uuid.end(),
                              from.from.uuid.begin(), from.from.uuid.end(),
                              [](char a, std::uint8_t b) {
                                return static_cast<std::uint8_t>(a) == b;
                              });
  if (known->liveness == liveness::removed || other)
    return link::refusal{link::refusal_code::owner,
                         "node " + std::to_string(from.from.node.value)
                             + " is not '" + from.from.name
                             + "' any more; start with an empty data directory",
                         static_cast<std::uint32_t>(errc::foreign_node)};
  return std::nullopt;
}

void node::impl::on_refused(const link::refused_link& what) {
  logger().warn("{}: link to {}: {}", identity_.name, what.address,
                what.what.text);
  // Nobody would ever tell this process by the map: it is not linked any more.
  using link::refusal_code;
  auto code = what.what.code;
  if (what.by_peer
      && (code == refusal_code::stale_incarnation
          || (code == refusal_code::same_incarnation
              && phase_ == phase::starting)))
    stop_process({errc::foreign_node,
                  "another process was started as this node: " + what.what.text,
                  "stop one of the two; a copied data directory must not be "
                  "started"});
}

void node::impl::on_malformed(std::string_view remote,
                              link::malformed_reason why) {
  logger().warn("{}: closed a connection from {}: malformed {}", identity_.name,
                remote, to_string(why));
}

void node::impl::on_introduction(std::string request, std::string,
                                 introduction_reply reply) {
  bool member;
  {
    std::lock_guard guard{mutex_};
    member = static_cast<bool>(coordinator_);
  }
  if (member)
    return answer_as_member(std::move(request), std::move(reply));
  std::string bytes;
  {
    std::lock_guard guard{boot_mutex_};
    if (boot_)
      bytes = boot_->answer(request, boot_now());
  }
  if (!bytes.empty())
    reply(std::move(bytes));
  changed_.notify_all();
}

boot::member_view node::impl::member_view(coordinator_actor& self) {
  auto& core = self.core();
  boot::member_view view;
  auto id = [](const std::string& bytes) {
    boot::uuid out;
    std::copy_n(bytes.begin(), std::min<std::size_t>(bytes.size(), 16),
                out.bytes.begin());
    return out;
  };
  std::copy(identity_.cluster.begin(), identity_.cluster.end(),
            view.cluster.bytes.begin());
  std::copy(identity_.node_uuid.begin(), identity_.node_uuid.end(),
            view.own.uuid.bytes.begin());
  view.own.name = identity_.name;
  view.own.address = address_;
  view.can_forward_joins = static_cast<bool>(core.leadership().leader);
  for (auto& [node, record] : core.map().nodes()) {
    if (record.liveness == liveness::removed)
      view.removed.push_back(id(record.uuid));
    else
      view.members.push_back(
          {node, id(record.uuid), record.name, record.address});
  }
  return view;
}

void node::impl::answer_as_member(std::string request,
                                  introduction_reply reply) {
  post([this, request = std::move(request),
        reply = std::move(reply)](coordinator_actor& self) {
    auto answer = boot::member_answer(request, member_view(self));
    if (answer.join)
      answer_join(*answer.join, reply);
    else if (!answer.bytes.empty())
      reply(std::move(answer.bytes));
  });
}

// The leader gives the newcomer its id; this node passes question and answer
// on.
void node::impl::answer_join(const boot::join_request& request,
                             introduction_reply reply) {
  auto uuid = request.who.uuid;
  proto::CommandRequest what;
  auto& admit = *what.mutable_map()->mutable_admit_node();
  admit.set_uuid(std::string{uuid.bytes.begin(), uuid.bytes.end()});
  admit.set_name(request.who.name);
  admit.set_address(request.who.address);
  for (auto& role : request.roles)
    admit.add_roles(role);
  for (auto& [key, value] : request.labels)
    (*admit.mutable_labels())[key] = value;
  admit.set_weight(request.weight);
  command(std::move(what), [this, uuid, reply](const proto::CommandReply& r) {
    auto code = static_cast<errc>(r.code());
    if (code == errc::none) {
      post([this, uuid, reply, r](coordinator_actor& self) {
        boot::admitted out;
        auto view = member_view(self);
        out.cluster = view.cluster;
        out.node = node_id{r.node()};
        out.first_incarnation = incarnation{r.incarnation()};
        out.term = self.core().leadership().term;
        out.members = view.members;
        reply(boot::join_answer(uuid, out));
      });
      return;
    }
    auto text = r.detail() + (r.hint().empty() ? "" : "; " + r.hint());
    if (code == errc::conflict)
      reply(boot::join_answer(
          uuid, boot::refusal{boot::refusal_code::name_in_use, text}));
    else if (code == errc::foreign_node)
      reply(boot::join_answer(
          uuid, boot::refusal{boot::refusal_code::removed_member, text}));
    else
      reply(boot::join_answer(
          uuid, boot::join_retry{std::chrono::milliseconds{500}, text}));
  });
}

} // namespace troupe
