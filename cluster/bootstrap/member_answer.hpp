#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/bootstrap/messages.hpp>

/// How members answer the nodes that are starting.
namespace troupe::boot {

/// What a member says of itself and its cluster.
struct member_view {
  cluster_id cluster;
  introduction own;
  bool can_forward_joins = false; // knows a leader
  std::vector<member> members;    // of all, or of some that are up
  std::vector<uuid> removed;      // their bearers stay out
};

/// What a member does with a request.
struct member_reply {
  std::string bytes;                     // the answer; empty: none yet
  std::optional<join_request> join;      // decide it, answer with `join_answer`
  std::optional<ignored_reason> ignored; // made no sense: no answer at all
};

/// Two nodes run with one uuid.
refusal copied_directory(const address& a, const address& b);

/// None: they have a version in common.
std::optional<refusal> protocol_refusal(const introduction& who,
                                        const introduction& other);

/// Answers introductions, and refuses requests to join that need no decision:
/// no protocol in common, another cluster, a removed uuid. The rest of them is
/// for the leader. It must give one uuid the same node id however often it
/// asks: an answer may have been lost.
member_reply member_answer(std::string_view request, const member_view& view);

/// The answer to the request to join of `who`.
std::string join_answer(const uuid& who, const join_outcome& outcome);

} // namespace troupe::boot
