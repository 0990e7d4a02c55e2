#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace troupe {

/// A string that is filled and thrown away many times: this thread's, with the
/// memory that earlier ones had. Nested ones begin without any.
template <class Tag>
class scratch_bytes {
public:
  scratch_bytes() : bytes(std::exchange(spare(), {})) { bytes.clear(); }
  ~scratch_bytes() {
    if (bytes.capacity() <= kept_bytes_max)
      spare().swap(bytes);
  }
  scratch_bytes(const scratch_bytes&) = delete;
  scratch_bytes& operator=(const scratch_bytes&) = delete;

  std::string bytes;

private:
  static constexpr std::size_t kept_bytes_max = 1 << 16;

  static std::string& spare() {
    thread_local std::string x;
    return x;
  }
};

} // namespace troupe
