#pragma once

#include <cstdint>
#include <vector>

namespace troupe {

/// The nodes that the message passed which this thread is handling for a
/// partition: what is sent meanwhile has passed them too. Empty elsewhere.
std::vector<std::uint64_t>& message_path();

} // namespace troupe
