#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <troupe/cluster/node/node_core.hpp>

#include "disk.hpp"
#include "registry.hpp"

namespace troupe::sim {

/// Compares what the nodes decide: one leader in a term, one entry at a place,
/// one map at a version, one event under a number. And sees that what a node
/// says or shows rests on its disk.
///
/// Out: `registry::fail`.
class cluster_checks {
public:
  struct subject {
    const std::string& name;
    std::uint64_t life;
    const node_core& core;
    const sim::disk& disk;
  };

  explicit cluster_checks(registry& reg) : reg_(reg) {}

  /// After each input. The map's hash if it is another one than before.
  std::optional<std::uint64_t> ran(const subject& node);
  /// Before the batch is written.
  void writes(const subject& node, const raft::persist_batch& batch);
  /// Before the frame leaves. [INV-NODE-1]
  void says(const subject& node, const send_frame& frame);
  void happened(const subject& node, const proto::Event& event);

  /// Events of the map in the order of their numbers, as first seen.
  const std::map<std::uint64_t, proto::Event>& events() const {
    return events_;
  }

private:
  struct logged {
    std::uint64_t content = 0;
    std::uint64_t before = 0; // the term of the entry before it
  };
  struct seen {
    std::uint64_t version = 0;        // of its map
    std::set<std::uint64_t> commands; // indexes of those it wrote
    std::uint64_t installing = 0;     // a snapshot that is not durable yet
  };

  void check_commands(const subject& node, const raft::entry& e);

  registry& reg_;
  std::map<std::uint64_t, seen> lives_;
  std::map<raft::term, node_id> leaders_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, logged> log_;
  std::map<std::uint64_t, std::uint64_t> maps_; // version -> hash
  std::map<std::uint64_t, proto::Event> events_;
};

std::uint64_t hash_of(const std::string& bytes);

} // namespace troupe::sim
