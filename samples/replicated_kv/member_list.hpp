#pragma once

#include <string>
#include <vector>

#include <troupe/cluster/group/roster.hpp>

/// "HOST:PORT;HOST:PORT,nonVoting". Throws std::invalid_argument with a
/// sentence for whom wrote it.
std::vector<troupe::raft::founder> parse_members(const std::string& text);
