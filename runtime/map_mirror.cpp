#include <troupe/runtime/map_mirror.hpp>

#include <algorithm>

namespace troupe {

map_mirror::rows::rows(const std::vector<assignment>& from)
    : size_(from.size()) {
  for (std::size_t first = 0; first < size_; first += page_size) {
    auto begin = from.begin() + static_cast<std::ptrdiff_t>(first);
    auto count = std::min(page_size, size_ - first);
    pages_.push_back({std::make_shared<std::vector<assignment>>(
                          begin, begin + static_cast<std::ptrdiff_t>(count)),
                      0});
  }
}

void map_mirror::rows::set(partition_id p, const assignment& to) {
  auto& page = pages_[p / page_size];
  if (page.made < copies_)
    page = {std::make_shared<std::vector<assignment>>(*page.rows), copies_};
  (*page.rows)[p % page_size] = to;
}

void map_mirror::update(const node_core& core, boot_time now) {
  summary next;
  next.leadership = core.leadership();
  next.members = core.members();
  next.version = core.map().version();
  next.lease_end = core.lease_end();
  next.degraded_since = core.degraded_since();
  next.joined = core.joined();
  next.cluster_id = core.map().cluster_id();
  for (auto& [id, node] : core.map().nodes())
    if (node.liveness == liveness::up && core.suspects(id, now))
      next.suspected.push_back(id);
  std::lock_guard guard{mutex_};
  state_ = std::move(next);
}

void map_mirror::update_nodes(const node_core& core) {
  std::lock_guard guard{mutex_};
  nodes_ = core.map().nodes();
}

void map_mirror::update(const region_record& what) {
  std::lock_guard guard{mutex_};
  regions_[what.id] = {what.id, what.settings, what.version, what.hosts,
                       rows{what.partitions}};
}

void map_mirror::update(partition_key key, const assignment& now) {
  std::lock_guard guard{mutex_};
  auto i = regions_.find(key.region);
  if (i != regions_.end() && key.partition < i->second.partitions.size())
    i->second.partitions.set(key.partition, now);
}

void map_mirror::happened(const proto::Event& event, boot_time now) {
  std::lock_guard guard{mutex_};
  if (event.kind() == proto::EVENT_KIND_DEGRADED)
    degraded_[event.region()] = {
        now - std::chrono::microseconds{event.duration_us()}, event.cause()};
  else if (event.kind() == proto::EVENT_KIND_RESTORED)
    degraded_.erase(event.region());
}

auto map_mirror::degraded() const -> std::map<std::string, degraded_region> {
  std::lock_guard guard{mutex_};
  return degraded_;
}

auto map_mirror::state() const -> summary {
  std::lock_guard guard{mutex_};
  return state_;
}

std::map<node_id, node_record> map_mirror::nodes() const {
  std::lock_guard guard{mutex_};
  return nodes_;
}

std::optional<node_record> map_mirror::node(node_id id) const {
  std::lock_guard guard{mutex_};
  auto i = nodes_.find(id);
  if (i == nodes_.end())
    return std::nullopt;
  return i->second;
}

std::optional<node_record> map_mirror::node(std::string_view name) const {
  std::lock_guard guard{mutex_};
  for (auto& [id, node] : nodes_)
    if (node.name == name && node.liveness != liveness::removed)
      return node;
  return std::nullopt;
}

std::string map_mirror::name_of(node_id id) const {
  if (!id)
    return {};
  auto found = node(id);
  return found ? found->name : "node " + std::to_string(id.value);
}

auto map_mirror::regions() const -> std::vector<region> {
  std::lock_guard guard{mutex_};
  std::vector<region> out;
  for (auto& [id, one] : regions_) {
    ++one.partitions.copies_;
    out.push_back(one);
  }
  return out;
}

auto map_mirror::find(std::string_view name) const -> std::optional<region> {
  std::lock_guard guard{mutex_};
  for (auto& [id, one] : regions_)
    if (one.settings.name == name) {
      ++one.partitions.copies_;
      return one;
    }
  return std::nullopt;
}

std::optional<std::uint32_t>
map_mirror::partition_count(std::string_view name) const {
  std::lock_guard guard{mutex_};
  for (auto& [id, one] : regions_)
    if (one.settings.name == name)
      return one.settings.partitions;
  return std::nullopt;
}

auto map_mirror::owned() const
    -> std::map<node_id, std::map<std::string, std::uint32_t>> {
  auto all = regions();
  std::map<node_id, std::map<std::string, std::uint32_t>> out;
  for (auto& [id, node] : nodes())
    for (auto& one : all)
      out[id][one.settings.name] = 0;
  for (auto& one : all) {
    std::map<node_id, std::uint32_t> counts;
    one.partitions.each([&](auto& a) { ++counts[a.owner]; });
    for (auto& [id, n] : counts)
      if (id)
        out[id][one.settings.name] = n;
  }
  return out;
}

} // namespace troupe
