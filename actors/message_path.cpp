#include <troupe/actors/message_path.hpp>

namespace troupe {

std::vector<std::uint64_t>& message_path() {
  thread_local std::vector<std::uint64_t> path;
  return path;
}

} // namespace troupe
