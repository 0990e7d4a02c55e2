#pragma once

#include <string>

#include <test/catch.hpp>

#include <troupe/cluster/move/partition_slot.hpp>

namespace troupe::note_words {

struct note {
  node_id origin;
  int number = 0;
  boot_time deadline{0};
  std::size_t bytes = 1;
};

inline note numbered(int n, boot_time deadline = {}) {
  return {node_id{1}, n, deadline, 1};
}

inline std::string text(std::uint64_t n) {
  return std::to_string(n);
}

} // namespace troupe::note_words
