#pragma once

#include <troupe/cluster/ids.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What a node tells over HTTP, as plain values. Nodes are named by their names
// everywhere; an empty name is "none".
namespace troupe::http {

/// Of the coordinator group; none: it left.
enum class member_kind { none, voter, learner };

enum class node_state {
  joining,
  up,
  draining,
  restarting,
  suspected,
  down,
  left,
};

enum class partition_stage { unassigned, starting, running, pausing };

/// What became of messages, since the node started. Once nothing is under way,
/// accepted = settled + unknown.
struct message_counts {
  std::uint64_t accepted = 0;  // by routers here
  std::uint64_t settled = 0;   // of them: processed anywhere, or dropped
  std::uint64_t unknown = 0;   // of them: lost with their owner
  std::uint64_t delivered = 0; // into mailboxes here, whoever took them
  std::uint64_t processed = 0; // here
  std::uint64_t answered = 0;  // by partitions here
  std::uint64_t sent = 0;      // to other nodes
  std::uint64_t returned = 0;  // given back by them
  std::uint64_t held = 0;      // now
  std::uint64_t held_bytes = 0;
  std::map<std::string, std::uint64_t> dropped; // here, by reason, if any

  /// Neither settled nor unknown yet.
  std::uint64_t under_way() const {
    auto known = settled + unknown;
    return accepted > known ? accepted - known : 0;
  }
};

/// A region that runs on here without a lease.
struct degraded_row {
  std::string region;
  std::string level; // notice; warning after 10 s; critical after a minute
  double seconds = 0;
};

/// The node that answers, and the cluster as it sees it.
struct node_status {
  std::string cluster_id;
  std::string leader; // empty: none known
  std::uint64_t term = 0;
  std::uint64_t map_version = 0; // raft index that the map stands at
  node_id id;
  std::string name;
  troupe::incarnation incarnation;
  std::string address; // of the links
  std::string http;    // of this interface
  std::string role;    // leader, follower, candidate, learner
  node_state state = node_state::joining;
  std::vector<std::string> roles; // what regions choose hosts by
  std::map<std::string, std::string> labels;
  double weight = 1;
  std::vector<std::string> voters;
  std::vector<std::string> learners;
  bool quorum = false; // a leader with a quorum was heard within the lease
  double lease_ms = 0; // left of this node's lease, zero: none
  double uptime_s = 0; // since the node started
  std::string version; // of troupe
  message_counts messages;
  std::vector<degraded_row> degraded; // by region
};

struct node_row {
  node_id id;
  std::string name;
  troupe::incarnation incarnation;
  std::string address;
  std::string http;
  std::vector<std::string> roles;
  std::map<std::string, std::string> labels;
  double weight = 1;
  node_state state = node_state::joining;
  member_kind member = member_kind::none;
  std::map<std::string, std::uint32_t> partitions; // owned, by region
  std::string version;                             // of troupe
};

struct region_settings {
  std::uint32_t partitions = 0;
  std::string strategy;
  std::vector<std::string> roles; // hosts carry one of these; empty: any node
  bool keep_running = false;
};

struct region_row {
  std::string region;
  region_settings settings;
  std::uint32_t unassigned = 0; // partitions in each stage
  std::uint32_t starting = 0;
  std::uint32_t running = 0;
  std::uint32_t pausing = 0;
};

struct partition_row {
  partition_id partition = 0;
  std::string owner; // empty: unassigned
  troupe::epoch epoch;
  partition_stage stage = partition_stage::unassigned;
  std::string next = {}; // the owner to be, while pausing
  std::uint32_t weight = 1;
  bool quarantined = false; // failed to start too often
  std::string failure = {}; // of its last start; empty: none since it ran
};

struct region_view {
  std::string region;
  std::uint64_t version = 0; // of the settings: raft index of their last change
  region_settings settings;
  std::vector<std::string> hosts;        // nodes that can run its partitions
  std::vector<partition_row> partitions; // by partition, ascending
};

struct setting_row {
  std::string name;
  std::string value;
  std::string unit; // empty: none
  std::string default_value;
  std::string description;
};

struct health {
  bool live = true;   // false: broken, to be restarted
  bool ready = false; // holds the map and has seen a quorum
  std::string reason; // why not
};

/// Which partition a message is for.
using target = std::variant<partition_id, std::string>; // the other is a key

struct ping_request {
  std::string region;
  http::target target;
  std::chrono::milliseconds timeout{0};
};

struct ping_reply {
  partition_id partition = 0;
  std::string node; // that answered: the owner
  troupe::epoch epoch;
  std::uint32_t hops = 0;
  std::vector<std::string> path; // nodes passed, the asked one first
};

enum class send_mode { ask, tell };

struct send_request {
  std::string region;
  http::target target;
  std::string type;    // full protobuf name, known to be linked in
  std::string payload; // serialised, parsed before: well formed
  send_mode mode = send_mode::ask;
  std::chrono::milliseconds timeout{0};
};

/// With `tell`: type and payload are empty, and so may node and path be.
struct send_reply {
  std::string type; // full protobuf name; empty: an empty answer
  std::string payload;
  std::string node;
  partition_id partition = 0;
  troupe::epoch epoch; // zero: not known
  std::vector<std::string> path;
};

struct planned_move {
  std::string region;
  partition_id partition = 0;
  std::string from; // empty: unassigned until now
  std::string to;
};

struct plan_view {
  std::uint64_t map_version = 0; // that it was made for
  std::vector<planned_move> moves;
  std::string waiting_for; // why it would not start now; empty: it would
};

struct move_request {
  std::string region;
  partition_id partition = 0;
  std::string to;
};

/// A move that is committed and goes on by itself.
struct move_accepted {
  planned_move move;
  troupe::epoch epoch; // that the partition leaves
};

/// A region's settings over what its programs say. What is zero or empty stays
/// as it is.
struct region_change {
  std::string region;
  std::uint64_t if_version = 0; // of the region that it is meant for; 0: any
  std::uint32_t partitions = 0;
  std::map<partition_id, std::uint32_t> weights;
  std::string strategy;
  std::map<std::string, std::string> strategy_options;
  bool force = false; // though keys leave the partitions with their state
};

struct region_changed {
  std::string region;
  std::uint64_t map_version = 0; // that has it
};

/// A drain, its end, or a restart that is committed and goes on by itself.
struct node_command_accepted {
  std::string node;
  node_state state = node_state::up;
  std::uint32_t partitions = 0; // still owned
};

/// Which of a node's two sequences of events.
enum class event_sequence { cluster, local };

/// One event. What does not apply is empty, zero or absent.
struct event_row {
  std::uint64_t seq = 0;
  std::string kind;         // past tense: partition_paused, node_joined, ...
  std::int64_t time_ms = 0; // wall clock, since 1970
  std::string region;
  std::optional<partition_id> partition;
  troupe::epoch epoch;
  std::string node;
  std::string from;
  std::string to;
  std::string cause;
  std::optional<double> duration_ms; // of what ended
  std::optional<double> move_ms;     // of the whole move that ended
  std::string detail;
  std::vector<std::pair<std::string, std::string>> more; // further fields
};

/// Numbers that are gone, both included.
struct event_gap {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// What follows a number: a gap, or events without a gap between them, or
/// nothing yet.
struct event_page {
  std::optional<event_gap> gap; // comes before the events
  std::vector<event_row> events;
};

} // namespace troupe::http
