#pragma once

#include <string_view>

namespace troupe {

/// The version of troupe that this program was built with, "1.2.3".
std::string_view version();

} // namespace troupe
