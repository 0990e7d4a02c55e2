#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::disk {

/// CRC-32C (Castagnoli) of what `crc` stands for followed by `bytes`; 0 stands
/// for nothing. With the processor's own instruction where it has one.
std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes);

/// The same from a table, on any processor.
std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view bytes);

} // namespace troupe::disk
