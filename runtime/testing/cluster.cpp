#include <troupe/runtime/testing/cluster.hpp>

#include <algorithm>
#include <stdexcept>

#include <troupe/runtime/testing/cluster_impl.hpp>

namespace troupe::testing {

cluster::cluster(std::size_t nodes, std::uint64_t seed) {
  cluster_options options;
  options.seed = seed;
  impl_ = std::make_unique<impl>(nodes, std::move(options));
}

cluster::cluster(std::size_t nodes, cluster_options options)
    : impl_(std::make_unique<impl>(nodes, std::move(options))) {
}

cluster::~cluster() = default;

region cluster::host(const std::string& name, region_options options,
                     partition_factory make) {
  if (options.partitions < 1 || options.partitions > partitions_max)
    throw std::logic_error{"region '" + name + "': it takes 1 to "
                           + std::to_string(partitions_max) + " partitions"};
  hosted_region region;
  region.settings.name = name;
  region.settings.partitions = options.partitions;
  region.settings.strategy = options.strategy;
  region.settings.strategy_options = options.strategy_options;
  region.settings.roles = options.roles;
  std::sort(region.settings.roles.begin(), region.settings.roles.end());
  region.settings.keep_running = options.keep_running;
  region.settings.overrun = options.overrun;
  region.hosts = true;
  region.make = std::move(make);
  impl_->regions_[name] = region;
  for (auto& m : impl_->machines_)
    if (m->running)
      m->running->host(region);
  return {*impl_, name};
}

std::chrono::nanoseconds cluster::now() const {
  return impl_->time_.now() - timeline::beginning;
}

void cluster::run_for(std::chrono::nanoseconds span) {
  impl_->run_for(span);
}

void cluster::run_until(const std::function<bool()>& comes_true,
                        std::chrono::nanoseconds limit) {
  impl_->run_until(comes_true, limit,
                   "what run_until waits for did not come "
                   "true");
}

void cluster::settle() {
  impl_->settle();
}

std::size_t cluster::size() const {
  return impl_->machines_.size();
}

bool cluster::running(std::size_t node) const {
  return impl_->at(node).running != nullptr;
}

std::optional<std::size_t> cluster::leader() const {
  auto* lead = impl_->leader();
  if (!lead)
    return std::nullopt;
  return impl_->index_of(lead->core().config().self);
}

caf::actor_system& cluster::system(std::size_t node) {
  return impl_->live(node).system();
}

void cluster::subscribe(std::size_t node, const caf::actor& who) {
  impl_->live(node).subscribe(who);
}

std::size_t cluster::add_node(node_traits traits) {
  return impl_->add_node(std::move(traits));
}

void cluster::crash(std::size_t node) {
  impl_->end(node, false, "it crashed");
}

void cluster::start(std::size_t node) {
  impl_->start(node);
}

void cluster::stop(std::size_t node, node::stop_kind how) {
  impl_->stop(node, how);
}

void cluster::restart(std::size_t node, std::chrono::nanoseconds downtime) {
  impl_->stop(node, node::stop_kind::restart);
  impl_->run_for(downtime);
  impl_->start(node);
}

void cluster::pause(std::size_t node) {
  impl_->live(node).pause();
}

void cluster::resume(std::size_t node) {
  impl_->live(node).resume();
}

void cluster::cut(std::size_t a, std::size_t b) {
  impl_->net_.cut(impl_->at(a).id, impl_->at(b).id);
}

void cluster::isolate(std::size_t node) {
  for (std::size_t other = 0; other < size(); ++other)
    cut(node, other);
}

void cluster::heal(std::size_t a, std::size_t b) {
  impl_->net_.heal(impl_->at(a).id, impl_->at(b).id);
}

void cluster::heal() {
  for (auto [a, b] : std::set{impl_->net_.cuts()})
    impl_->net_.heal(a, b);
}

const std::vector<event>& cluster::events() const {
  return impl_->events_;
}

const std::vector<event>& cluster::local_events(std::size_t node) const {
  return impl_->at(node).local_events;
}

const std::vector<lost_message>& cluster::dead_letters() const {
  return impl_->letters_;
}

message_books cluster::books(std::size_t node) const {
  return impl_->books(impl_->live(node));
}

std::string cluster::picture() const {
  return impl_->picture();
}

std::uint64_t cluster::trace() const {
  return impl_->trace_ ^ impl_->net_.trace();
}

void for_each_seed(std::uint64_t first, std::uint64_t count,
                   const std::function<void(std::uint64_t)>& test) {
  for (auto seed = first; seed < first + count; ++seed) {
    auto text = "seed " + std::to_string(seed) + ": ";
    try {
      test(seed);
    } catch (const refused& why) {
      throw refused{why.code(), text + why.what()};
    } catch (const timed_out& why) {
      throw timed_out{text + why.what()};
    } catch (const std::exception& why) {
      throw std::runtime_error{text + why.what()};
    }
  }
}

} // namespace troupe::testing
