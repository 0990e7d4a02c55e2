#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <troupe/cluster/ids.hpp>
#include <troupe/cluster/raft/types.hpp>

/// The words of a node's start: how it becomes a member. Values only.
namespace troupe::boot {

/// 16 bytes that mean one thing. All zero is "none".
template <class Tag>
struct id128 {
  std::array<std::uint8_t, 16> bytes{};

  explicit operator bool() const { return *this != id128{}; }
  friend auto operator<=>(const id128&, const id128&) = default;
  friend bool operator==(const id128&, const id128&) = default;
};

/// Random, one per data directory.
using uuid = id128<struct uuid_tag>;

/// Derived from the set of nodes that founded the cluster.
using cluster_id = id128<struct cluster_id_tag>;

using address = std::string; // host:port

/// Time since the machine booted.
using time_point = std::chrono::nanoseconds;

/// How a node presents itself.
struct introduction {
  boot::uuid uuid; // on the disk before the node introduces itself
  std::string name;
  boot::address address; // where others reach it
  std::uint32_t protocol_min = 1;
  std::uint32_t protocol_max = 1;

  friend bool operator==(const introduction&, const introduction&) = default;
};

struct settings {
  std::chrono::nanoseconds retry = std::chrono::milliseconds{200};
  // An introduction without an answer is sent again after this.
  std::chrono::nanoseconds reply_timeout = std::chrono::seconds{1};
  // A request to join without an answer is repeated elsewhere after this.
  std::chrono::nanoseconds join_timeout = std::chrono::seconds{5};
  // Who was silent for longer does not count as present.
  std::chrono::nanoseconds heard_for = std::chrono::seconds{2};
};

/// How a node is told to start.
struct bootstrap_config {
  introduction own;
  std::vector<boot::address> join; // empty: a cluster of its own
  std::uint32_t expect = 0;        // 0: only joins
  std::vector<std::string> roles;
  std::map<std::string, std::string> labels;
  std::uint32_t weight = 100; // 100 is normal, 0 takes nothing
  boot::settings timing;
};

/// What a member keeps on its disk.
struct identity {
  cluster_id cluster;
  node_id node;

  friend bool operator==(const identity&, const identity&) = default;
};

/// What the data directory holds.
struct disk_state {
  std::optional<boot::identity> identity;
  std::optional<std::string> founding_set; // as `persist_founding_set` had it
};

struct member {
  node_id node;
  boot::uuid uuid;
  std::string name;
  boot::address address;

  friend bool operator==(const member&, const member&) = default;
};

/// The first members of a cluster: the same at each of them.
struct founding {
  cluster_id cluster;
  std::vector<member> members; // by id, 1 to N

  friend bool operator==(const founding&, const founding&) = default;
};

/// Why a start ended.
enum class refusal_code : std::uint8_t {
  /// The settings contradict each other.
  bad_config = 1,
  /// The founding set on the disk is damaged or of another node.
  bad_founding_set = 2,
  /// A live member or another founder bears this node's name.
  name_in_use = 3,
  /// A node of another address has this node's uuid: a copied data directory.
  copied_data_directory = 4,
  /// No protocol version in common.
  protocol_mismatch = 5,
  /// This uuid was a member once and was removed.
  removed_member = 6,
  /// The node belongs to another cluster.
  other_cluster = 7,
};

std::string_view to_string(refusal_code x);

struct refusal {
  refusal_code code{};
  std::string sentence; // what is wrong, and what to do next

  friend bool operator==(const refusal&, const refusal&) = default;
};

/// Why something that came in changed nothing.
enum class ignored_reason : std::uint8_t {
  malformed,     // does not decode, or a field is out of its range
  contradictory, // says what cannot be true together with what is known
  unexpected,    // an answer to nothing that was asked
  foreign,       // of another cluster than the one that this node enters
  over,          // came after the end of the start
};

inline constexpr std::size_t ignored_reasons = 5;

std::string_view to_string(ignored_reason x);

// -- events --

/// Bytes that came back for `introduce` or `ask_to_join`.
struct replied {
  boot::address from;
  std::string bytes;
};

/// No bytes will come back.
struct failed {
  boot::address to;
  std::string reason; // "connection refused"
};

/// The bytes of the last `persist_founding_set` survive a loss of power.
struct founding_set_persisted {};

/// Time passed.
struct tick {};

// -- effects --

/// Send the bytes and report `replied` or `failed`.
struct introduce {
  boot::address to;
  std::string request;
};

/// As `introduce`.
struct ask_to_join {
  boot::address to;
  std::string request;
};

/// Write the bytes in place of the last ones, sync, report
/// `founding_set_persisted`.
struct persist_founding_set {
  std::string bytes;
};

/// End, by identity: the node was a member already.
struct resumed {
  boot::identity identity;
};

/// End, by founding: write the identity, then start as a voter of these.
struct founded {
  boot::founding founding;
  node_id own;
};

/// End, by joining: write the identity, then start as a learner.
struct admitted {
  cluster_id cluster;
  node_id node;
  incarnation first_incarnation;
  raft::term term; // of the leader that admitted
  std::vector<member> members;

  friend bool operator==(const admitted&, const admitted&) = default;
};

/// End, by a clear error.
struct refused {
  boot::refusal refusal;
};

/// For the log; comes only when it changes.
struct progress {
  std::string sentence;
};

/// For the log; counted too.
struct ignored {
  ignored_reason reason{};
};

using effect =
    std::variant<introduce, ask_to_join, persist_founding_set, resumed, founded,
                 admitted, refused, progress, ignored>;

using effects = std::vector<effect>;

} // namespace troupe::boot
