#include <troupe/cluster/map/codec.hpp>
#include <troupe/cluster/map/shard_map.hpp>

namespace troupe {

void shard_map::save(proto::MapSnapshot& to) const {
  to.set_index(version_.value);
  to.set_cluster_id(cluster_id_);
  for (auto& [id, node] : nodes_)
    to_proto(node, *to.add_nodes());
  for (auto& [id, region] : regions_) {
    auto& out = *to.add_regions();
    out.set_id(id.value);
    to_proto(region.settings, *out.mutable_settings());
    if (region.announced)
      to_proto(*region.announced, *out.mutable_announced());
    for (auto host : region.hosts)
      out.add_hosts(host.value);
    for (auto& a : region.partitions)
      to_proto(a, *out.add_partitions());
    out.set_version(region.version.value);
  }
  to.set_next_region(next_region_);
  to.set_next_event(next_event_);
  for (auto& event : events_)
    *to.add_events() = event;
  for (auto& [id, last] : retired_)
    (*to.mutable_retired())[id.value] = last.value;
}

bool shard_map::restore(const proto::MapSnapshot& from) {
  shard_map next{event_history_};
  next.version_ = log_index{from.index()};
  next.cluster_id_ = from.cluster_id();
  for (auto& row : from.nodes()) {
    auto node = from_proto(row);
    if (!node)
      return false;
    next.nodes_.emplace(node->id, std::move(*node));
  }
  for (auto& row : from.regions()) {
    region_record region;
    region.id = region_id{row.id()};
    region.settings = from_proto(row.settings());
    if (row.has_announced())
      region.announced = from_proto(row.announced());
    for (auto host : row.hosts())
      region.hosts.emplace_back(host);
    for (auto& one : row.partitions()) {
      auto a = from_proto(one);
      if (!a)
        return false;
      region.partitions.push_back(std::move(*a));
    }
    if (region.partitions.size() != region.settings.partitions)
      return false;
    region.version = log_index{row.version()};
    next.regions_.emplace(region.id, std::move(region));
  }
  next.next_region_ = from.next_region();
  next.next_event_ = from.next_event();
  next.events_.assign(from.events().begin(), from.events().end());
  for (auto& [id, last] : from.retired())
    next.retired_[node_id{id}] = incarnation{last};
  *this = std::move(next);
  return true;
}

} // namespace troupe
