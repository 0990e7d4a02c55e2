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
  arrivals_.emplace(*system_);
  plane_ = std::make_shared<data_plane>(*system_, *this);
}

node::impl::~impl() {
  stop(stop_kind::now);
  http_.reset();
  backend_.reset();
  // Waits for the user's actors; they may still send to routers meanwhile. What
  // makes partitions may hold handles of theirs.
  regions_.clear();
  arrivals_.reset();
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
  std::lock_guard guard{events_mutex_};
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
  event out;
  out.set_kind(proto::EVENT_KIND_DEAD_LETTER);
  out.set_local(true);
  out.set_time_ms(wall_ms());
  out.set_region(std::move(letter.region));
  out.set_has_partition(true);
  out.set_partition(letter.partition);
  out.set_text(std::move(letter.key));
  out.set_message_type(std::move(letter.type));
  out.set_cause(std::string{to_string(letter.why)});
  happened(out);
}

} // namespace troupe
