#pragma once

#include <troupe/cluster/coordinator/coordinator.hpp>

namespace troupe {

/// The next entry while it is made. Private to coordinator's sources.
struct coordinator::builder {
  boot_time now;
  const shard_map& map;
  const raft::configuration& members;
  proposal out;
  std::size_t rows_max;
  std::set<partition_key> touched; // by this entry

  bool full() const { return touched.size() >= rows_max; }

  proto::MapCommand& add(command_origin origin = {}) {
    out.origins.push_back(origin);
    return *out.entry.add_commands();
  }

  // Claims a partition for one command of this entry. Null: there is none,
  // another command has it, or there is no room: its turn is in a later entry.
  const assignment* claim(partition_key key) {
    if (full())
      return nullptr;
    auto* a = map.find(key);
    return a && touched.insert(key).second ? a : nullptr;
  }
};

inline void set_row(proto::PartitionRow& row, partition_key key,
                    const assignment& a, node_id node) {
  row.set_region(key.region.value);
  row.set_partition(key.partition);
  row.set_epoch(a.epoch.value);
  row.set_node(node.value);
}

/// The owner starts again, from what it saved.
inline void add_rollback(proto::Assign& to, partition_key key,
                         const assignment& a) {
  auto& row = *to.add_rows();
  set_row(row, key, a, a.owner);
  row.set_source(a.owner.value);
  row.set_source_epoch(a.epoch.value);
}

} // namespace troupe
