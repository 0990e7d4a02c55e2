#pragma once

#include <optional>
#include <set>

#include <troupe/cluster/map/shard_map.hpp>

namespace troupe {

/// The next single change that brings the raft group nearer to what it should
/// be: every node a member; 3 healthy voters, 5 from 7 healthy nodes on. No
/// voter is let go whose vote is missed: those that are down lose theirs first.
///
/// In:   `caught_up`: members whose logs are near the leader's; `leaving`:
///       nodes that have given everything away and wait to be let go.
/// Out:  nothing if the group is as it should be, or if the one change left
///       would remove the leader itself: it must hand over first.
std::optional<raft::member_change>
next_member_change(const shard_map& map, const raft::configuration& members,
                   node_id leader, const std::set<node_id>& caught_up,
                   const std::set<node_id>& leaving);

} // namespace troupe
