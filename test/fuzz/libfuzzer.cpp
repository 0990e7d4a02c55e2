// A program of clang's libFuzzer: FUZZ_TARGET is one of fuzz.hpp.
#include "fuzz.hpp"

#include <cstddef>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  troupe::fuzz::FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
