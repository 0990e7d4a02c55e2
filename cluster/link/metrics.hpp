#pragma once

#include <array>
#include <cstdint>

#include <troupe/cluster/link/types.hpp>

namespace troupe::link {

/// Counters since the start, except where said. Frames are whole frames as the
/// senders see them; bytes are payload bytes.
struct metrics {
  std::uint64_t data_frames_out = 0;
  std::uint64_t data_bytes_out = 0;
  std::uint64_t data_frames_in = 0;
  std::uint64_t data_bytes_in = 0;
  std::uint64_t control_frames_out = 0;
  std::uint64_t control_bytes_out = 0;
  std::uint64_t control_frames_in = 0;
  std::uint64_t control_bytes_in = 0;

  std::uint64_t pieces_resent = 0;    // after a reconnect
  std::uint64_t pieces_duplicate = 0; // came twice, taken once
  std::uint64_t control_dropped = 0;  // with their connection
  std::uint64_t sends_overloaded = 0; // refused to local senders
  std::uint64_t writes = 0;           // batches handed to the system
  std::uint64_t direct_writes = 0;    // of those, by senders themselves

  std::uint64_t connections_opened = 0; // handshake complete
  std::uint64_t connections_closed = 0; // of those
  std::uint64_t strangers_closed = 0;   // closed before a handshake
  std::uint64_t hellos_refused_here = 0;
  std::uint64_t hellos_refused_by_peer = 0;
  std::uint64_t introductions_served = 0;
  std::array<std::uint64_t, malformed_reasons> malformed{};

  std::uint64_t sessions = 0;             // now
  std::uint64_t connections = 0;          // now
  std::uint64_t unacknowledged_bytes = 0; // now, with headers
};

} // namespace troupe::link
