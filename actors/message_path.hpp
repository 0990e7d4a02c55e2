#pragma once

#include <cstdint>
#include <vector>

namespace troupe {

class partition;

/// What a thread does for a partition at the moment.
struct handling {
  const partition* by = nullptr;   // null: nothing
  std::vector<std::uint64_t> path; // nodes its message passed, this one last
};

/// This thread's. Valid while a message is handled: who forwards it adds to
/// its path, and what is sent meanwhile passes the partition's gate.
handling& handling_now();

/// Sets it for the time of one message.
class handling_scope {
public:
  explicit handling_scope(const partition* by);
  ~handling_scope();
  handling_scope(const handling_scope&) = delete;
  handling_scope& operator=(const handling_scope&) = delete;

private:
  handling outer_; // of a message that is handled further down the stack
};

} // namespace troupe
