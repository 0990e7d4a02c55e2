#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <troupe/cluster/bootstrap/founding_set.hpp>
#include <troupe/cluster/bootstrap/types.hpp>

/// What nodes say to each other while one of them starts.
namespace troupe::boot {

/// From a node that is not a member yet.
struct candidate {
  introduction who;
  std::uint32_t expect = 0; // 0: only joins, and the rest is empty
  group_id group;
  std::vector<uuid> heard; // whom it would found with, itself included
  std::optional<founding_set> persisted;

  friend bool operator==(const candidate&, const candidate&) = default;
};

/// From a member, to one that is not.
struct member_introduction {
  cluster_id cluster;
  boot::uuid uuid;
  std::string name;
  boot::address address;
  bool can_forward_joins = false; // knows a leader
  std::vector<member> members;    // whom else to ask

  friend bool operator==(const member_introduction&,
                         const member_introduction&) = default;
};

/// Someone asks to become a member.
struct join_request {
  cluster_id cluster; // the one it asks
  introduction who;
  std::vector<std::string> roles{};
  std::map<std::string, std::string> labels{};
  std::uint32_t weight = 100;

  friend bool operator==(const join_request&, const join_request&) = default;
};

/// Not now; ask again.
struct join_retry {
  std::chrono::milliseconds after{};
  std::string sentence;

  friend bool operator==(const join_retry&, const join_retry&) = default;
};

using join_outcome = std::variant<admitted, refusal, join_retry>;

struct join_reply {
  uuid who; // asked
  join_outcome outcome;

  friend bool operator==(const join_reply&, const join_reply&) = default;
};

/// Nothing: bytes that do not decode, or hold what no correct peer says.
using request = std::variant<std::monostate, candidate, join_request>;
using reply = std::variant<std::monostate, candidate, member_introduction,
                           refusal, join_reply>;

} // namespace troupe::boot
