#pragma once

#include <algorithm>

#include "lab.hpp"

/// Words for what a leader lives through.
namespace troupe {

inline const cluster_settings defaults;
inline const boot_time lease_over = defaults.lease + defaults.margin;

inline void all(coordinator_lab& l) {
  while (auto more = l.next())
    l.leader.done(*more, log_index{l.at + 1}, l.apply(more->entry).results);
}

inline void elect_again(coordinator_lab& l) {
  l.leader.retire();
  l.leader.lead(l.now, l.now, l.map);
}

/// All that there is to do is done, and then a partition begins to move from
/// node 1 to 2.
inline partition_id begin_move(coordinator_lab& l) {
  l.run();
  auto p = l.owned_by(1);
  l.move(p, 2);
  l.step();
  return p;
}

/// The node asks to be up, as this start.
inline void ask_up(coordinator_lab& l, std::uint64_t id,
                   std::uint64_t started) {
  proto::MapEntry entry;
  coordinator_lab::add_up(entry, id, started);
  proto::CommandRequest what;
  *what.mutable_map() = entry.commands(0);
  l.leader.request(l.now, {node_id{id}, 50 + started}, what, l.map);
}

inline void ask_to_leave(coordinator_lab& l, std::uint64_t id) {
  proto::CommandRequest what;
  what.mutable_leave()->set_incarnation(
      l.map.node(node_id{id})->incarnation.value);
  l.leader.request(l.now, {node_id{id}, 9}, what, l.map);
}

inline proto::MapEntry down(const coordinator_lab& l, std::uint64_t id) {
  proto::MapEntry entry;
  auto& cmd = *entry.add_commands()->mutable_node_down();
  cmd.set_node(id);
  cmd.set_incarnation(l.map.node(node_id{id})->incarnation.value);
  return entry;
}

inline void resize(coordinator_lab& l, std::uint32_t partitions) {
  proto::MapEntry entry;
  auto& cmd = *entry.add_commands()->mutable_configure_region();
  cmd.set_region("r");
  cmd.set_partitions(partitions);
  cmd.set_force(true);
  l.apply(entry);
}

/// Partition p was to go from 1 to 2, and 1 is lost: who has its state?
struct orphan : coordinator_lab {
  partition_id p = 0;

  explicit orphan(std::uint64_t nodes = 4) : coordinator_lab{nodes} {
    p = begin_move(*this);
    leader.take_answers();
    silent = node_id{1};
    // The others have not seen yet what became of it.
    auto before = map.version();
    for (boot_time passed{0}; passed <= lease_over;
         passed += std::chrono::milliseconds{50}) {
      now += std::chrono::milliseconds{50};
      for (std::uint64_t id = 2; id <= nodes; ++id)
        leader.heard(now, node_id{id}, incarnation{1}, before, {}, map);
    }
    step();
    REQUIRE(row(p).stage == stage::unassigned);
    REQUIRE(row(p).source_epoch);
    all(*this);
    REQUIRE(row(p).stage == stage::unassigned);
  }
};

inline std::size_t count_events(const coordinator_lab& l,
                                proto::EventKind kind) {
  return static_cast<std::size_t>(
      std::count_if(l.events.begin(), l.events.end(),
                    [&](auto& e) { return e.kind() == kind; }));
}

} // namespace troupe
