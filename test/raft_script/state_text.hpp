#pragma once

#include <set>
#include <string>
#include <utility>

#include <raft_script/script_world.hpp>

namespace troupe::raft::script {

/// Where the changes are that were proposed in the older of etcd's two forms.
/// The core has one form only; scripts show both.
using old_changes = std::set<std::pair<raft::term, log_index>>;

/// The four lines that show a member's state.
std::string state_text(const script_node& node, const old_changes& old);

} // namespace troupe::raft::script
