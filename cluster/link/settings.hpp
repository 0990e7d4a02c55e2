#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <troupe/cluster/link/types.hpp>

namespace troupe::link {

/// Limits and times of all links of a node. The defaults suit a LAN.
struct settings {
  // Sizes, in bytes.
  std::size_t frame_bytes_max = 16 << 20;          // payload of one frame
  std::size_t unacknowledged_bytes_max = 64 << 20; // data lane, one link
  std::size_t control_bytes_max = 32 << 20;        // control lane, one link
  std::size_t chunk_bytes = 128 << 10;             // unit of memory
  std::size_t spare_chunks_max = 32;               // kept for reuse, one link
  std::size_t batch_bytes_max = 256 << 10;         // of each lane in one write
  std::size_t read_buffer_bytes = 256 << 10;
  std::size_t introduction_bytes_max = 1 << 20; // request and answer each

  // Acknowledgements leave with the next write, and at the latest after
  // `ack_bytes` or `ack_delay`.
  std::size_t ack_bytes = 64 << 10;
  std::chrono::milliseconds ack_delay{5};

  std::chrono::milliseconds ping_interval{500};    // when there is nothing else
  std::chrono::milliseconds silence_timeout{3000}; // then the connection goes
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds handshake_timeout{3000};
  std::chrono::milliseconds introduction_timeout{60000}; // to answer one
  std::chrono::milliseconds backoff_min{50};
  std::chrono::milliseconds backoff_max{1000};
  std::chrono::milliseconds refused_backoff{1000};
  std::chrono::milliseconds goodbye_timeout{500}; // after stop's own deadline

  std::size_t introductions_max = 64; // at a time, each way
  std::size_t handshakes_max = 256;   // connections that are nobody's yet

  protocol_range protocol;
  std::uint64_t seed = 0; // of the jitter
};

/// The sentence that says what is wrong with `x`, or nothing.
std::optional<std::string> check(const settings& x);

} // namespace troupe::link
