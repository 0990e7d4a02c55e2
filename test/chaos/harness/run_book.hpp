#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::chaos {

/// That a partition's handler ran, by the machine's boot clock.
struct partition_run {
  std::string region;
  unsigned partition = 0;
  std::uint64_t epoch = 0;
  std::int64_t begun_ns = 0;
  std::int64_t ended_ns = 0;
};

/// The boot clock, for comparison.
std::int64_t boot_ns();

/// What the partitions of all nodes of `chaos_witness` have written down.
std::vector<partition_run> read_runs(const std::string& file);

/// Runs of an owner that had not ended when one of a later epoch began: a
/// sentence each.
std::vector<std::string> overlaps(std::vector<partition_run> runs);

} // namespace troupe::chaos
