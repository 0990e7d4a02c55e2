#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <troupe/cluster/ids.hpp>

/// The words of the raft protocol, shared by the core, the durable log and the
/// transport. Values only: no behaviour, no I/O.
namespace troupe::raft {

/// A member of the group. In a troupe cluster this is the node's id.
using member_id = node_id;
using term = strong_id<struct term_tag>;
using log_index = strong_id<struct log_index_tag>;

/// A command's bytes: shared by the log in memory, the disk and the network.
using payload = std::shared_ptr<const std::string>;

/// Who counts in elections and commits (as etcd's ConfState).
struct configuration {
  std::vector<member_id> voters;          // sorted, as all four
  std::vector<member_id> voters_outgoing; // not empty: a joint configuration
  std::vector<member_id> learners;
  std::vector<member_id> learners_next; // voters that become learners on leave
  bool auto_leave = false;

  bool joint() const { return !voters_outgoing.empty(); }
  friend bool operator==(const configuration&, const configuration&) = default;
};

enum class change_op : std::uint8_t { add_voter, add_learner, remove };

/// How a change of several members enters and leaves its joint configuration.
enum class transition : std::uint8_t {
  automatic,
  implicit_joint,
  explicit_joint
};

struct member_change {
  change_op op{};
  member_id member{};
  friend bool operator==(const member_change&, const member_change&) = default;
};

/// A change of the configuration. Without members it leaves a joint one.
struct configuration_change {
  std::vector<member_change> changes;
  transition how = transition::automatic;
  friend bool operator==(const configuration_change&,
                         const configuration_change&) = default;
};

struct noop {
  friend bool operator==(noop, noop) = default;
};

struct entry {
  raft::term term{};
  log_index index{};
  std::variant<noop, payload, configuration_change> body;
};

/// What a member must remember over a crash. `vote` none: not voted in `term`.
struct hard_state {
  raft::term term{};
  member_id vote{};
  log_index commit{};
  friend bool operator==(const hard_state&, const hard_state&) = default;
};

struct snapshot_meta {
  log_index index{};
  raft::term term{};
  configuration conf;
  friend bool operator==(const snapshot_meta&, const snapshot_meta&) = default;
};

/// One unit of writing: in this order, then one sync. A message that depends
/// on it leaves only after `persisted{id}`.
struct persist_batch {
  std::uint64_t id = 0;
  std::optional<snapshot_meta> install; // a received snapshot replaces the log
  std::optional<log_index> truncate_from; // drop the suffix from here on
  std::vector<entry> append;
  std::optional<hard_state> hard;
  bool must_sync = false; // false: only the commit index moved
};

/// What a member finds on its disk when it starts.
struct recovered {
  hard_state hard;
  snapshot_meta snapshot; // index 0: none
  std::vector<entry> log; // above the snapshot, without gaps
};

} // namespace troupe::raft
