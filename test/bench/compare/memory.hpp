#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <fstream>

namespace compare {

/// What this process has in memory.
inline std::size_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::size_t pages = 0;
  in >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Prints the `end` of a measurement of memory.
inline void say_memory(std::size_t bytes, std::size_t things) {
  std::printf("end {\"kib\": %.3f}\n",
              static_cast<double>(bytes) / 1024 / static_cast<double>(things));
  std::fflush(stdout);
}

} // namespace compare
