#pragma once

#include <vector>

#include <troupe/cluster/map/shard_map.hpp>

namespace troupe {

/// What one entry has done so far. Private to shard_map's sources.
struct shard_map::apply_context {
  log_index at;
  std::uint64_t time_us = 0;
  applied out;
};

inline command_result refuse(errc code, std::string detail, std::string hint) {
  return {{code, std::move(detail), std::move(hint)}, {}, {}};
}

} // namespace troupe
