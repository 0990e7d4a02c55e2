#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <test/model/digest.hpp>
#include <troupe/cluster/coordinator/coordinator.hpp>
#include <troupe/cluster/map/shard_map.hpp>

namespace troupe::model {

/// The nodes of the model are numbered 1 to 3 and called A, B and C.
inline constexpr std::size_t node_count = 3;
inline char letter(node_id id) {
  return static_cast<char>('A' + id.value - 1);
}

/// The one partition that moves.
inline const partition_key the_key{region_id{1}, 0};

/// A log: its last entry, which knows the one before.
using log_ref = std::uint32_t;

/// What a leader is asked to decide. Each time the leader is a new one, that
/// knows the map and what it is told, and nothing else. [INV-COORD-3]
struct question {
  enum class kind : std::uint8_t {
    facts, // of `about`; of all, if that is none
    move,  // to `about`
    late,  // the move takes too long
    lost,  // `about` is silent for longer than any lease
    up,    // `about` asks to be up again
    leave, // `about` asks to be let go
  };
  kind what{};
  node_id about;
};

/// What a node has told the leader.
struct report {
  proto::Facts facts;
  log_index applied;
};

/// All logs that the group can have, as a tree, with the map that each makes:
/// the real map, from the real coordinator's entries.
class history {
public:
  struct entry {
    log_ref before = 0;
    log_index at;
    shard_map map;
    applied what;      // that this entry changed
    std::string label; // what it says, for people
    bool says_lost = false;
    assignment row;
    std::uint8_t up = 0; // nodes, as bits
    digest shown;        // of the map, as far as it decides anything
  };

  history();

  const entry& at(log_ref log) const { return entries_[log]; }
  /// The log that ends with entry `at` of this one.
  log_ref upto(log_ref log, log_index at) const;
  const assignment& row(log_ref log) const { return at(log).row; }
  bool is_up(log_ref log, node_id id) const {
    return at(log).up >> (id.value - 1) & 1;
  }

  /// Partition on A, running, everybody up.
  log_ref first() const { return first_; }
  /// The first entries, for nodes to apply.
  static constexpr std::uint64_t before_assignment = 2;

  /// The log with one more entry; a leader's first entry says nothing.
  log_ref append(log_ref log, const proto::MapEntry& what);
  log_ref append_nothing(log_ref log) { return append(log, {}); }

  /// The log with what the real coordinator makes of it; none: nothing to say.
  std::optional<log_ref> decide(log_ref log, question about,
                                const std::array<report, node_count>& said);

  /// As a design without epochs would roll back: running again, as it was.
  log_ref resume_same_epoch(log_ref log);
  /// A move that waits for nothing: the target begins, empty.
  log_ref start_unconfirmed(log_ref log);

private:
  log_ref add(log_ref before, shard_map map, applied what, std::string label,
              bool says_lost);
  std::optional<proto::MapEntry>
  ask(log_ref log, question about,
      const std::array<report, node_count>& said) const;

  cluster_settings settings_;
  std::deque<entry> entries_;
  log_ref first_ = 0;
  std::map<std::pair<log_ref, std::string>, log_ref> children_;
};

} // namespace troupe::model
