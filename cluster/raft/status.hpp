#pragma once

#include <utility>
#include <vector>

#include <troupe/cluster/raft/types.hpp>

namespace troupe::raft {

/// What a driver asks for often: cheap, unlike `view`.
struct status {
  log_index commit{};
  log_index last{};
  std::vector<std::pair<member_id, log_index>> matches; // leader only
};

} // namespace troupe::raft
