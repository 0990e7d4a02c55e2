#include <troupe/runtime/version.hpp>

namespace troupe {

std::string_view version() {
  return TROUPE_VERSION; // CMake's, for this file alone
}

} // namespace troupe
