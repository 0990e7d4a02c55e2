#pragma once

#include <string>
#include <string_view>

#include <raft_script/script_world.hpp>

namespace troupe::raft::script {

std::string_view how_text(transition x);

/// The four lines that show a member's state.
std::string state_text(const script_node& node, const shown_changes& shown);

} // namespace troupe::raft::script
