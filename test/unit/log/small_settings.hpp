#pragma once

#include <troupe/runtime/log/raft_store.hpp>

namespace troupe::test {

/// Segments so small that a few writes fill one.
inline disk::store_settings small_segments() {
  disk::store_settings to;
  to.cluster[0] = 7;
  to.node = node_id{1};
  to.self = incarnation{1};
  to.segment_bytes = 8192;
  to.reserve_bytes = 4096;
  to.background = false;
  return to;
}

/// A batch of entries `first` to `last` of one term, each `bytes` long.
inline raft::persist_batch entries(std::uint64_t first, std::uint64_t last,
                                   std::size_t bytes = 100,
                                   std::uint64_t term = 1) {
  raft::persist_batch to;
  to.must_sync = true;
  for (auto i = first; i <= last; ++i)
    to.append.push_back({raft::term{term}, raft::log_index{i},
                         std::make_shared<const std::string>(bytes, 'x')});
  return to;
}

inline disk::result<void> write(disk::raft_store& store,
                                const raft::persist_batch& batch) {
  return store.write({&batch, 1});
}

inline raft::snapshot_meta snapshot_at(std::uint64_t index,
                                       std::uint64_t term = 1) {
  return {raft::log_index{index}, raft::term{term}, {{node_id{1}}, {}, {}, {}}};
}

inline disk::result<void> save(disk::raft_store& store, std::uint64_t index,
                               std::string_view bytes,
                               std::uint64_t keep_tail = 0) {
  return store.save_snapshot(
      snapshot_at(index),
      [&](disk::snapshot_writer& to) { return to.append(bytes); }, keep_tail);
}

} // namespace troupe::test
