#include <troupe/cluster/link/settings.hpp>

#include <troupe/cluster/link/wire.hpp>

namespace troupe::link {

std::optional<std::string> check(const settings& x) {
  constexpr auto piece = header_bytes + piece_payload_max;
  if (x.frame_bytes_max == 0 || x.frame_bytes_max > (std::size_t{1} << 30))
    return "frame_bytes_max must be between 1 byte and 1 GiB";
  // A frame must fit an empty link, with the headers of all its pieces.
  auto needed = x.frame_bytes_max
                + header_bytes * (x.frame_bytes_max / piece_payload_max + 1);
  if (x.unacknowledged_bytes_max < needed)
    return "unacknowledged_bytes_max must be at least " + std::to_string(needed)
           + " to hold one frame of frame_bytes_max";
  if (x.control_bytes_max < needed)
    return "control_bytes_max must be at least " + std::to_string(needed)
           + " to hold one frame of frame_bytes_max";
  if (x.chunk_bytes < piece)
    return "chunk_bytes must be at least " + std::to_string(piece);
  if (x.batch_bytes_max == 0)
    return "batch_bytes_max must not be 0";
  if (x.read_buffer_bytes < 2 * piece)
    return "read_buffer_bytes must be at least " + std::to_string(2 * piece);
  if (x.introduction_bytes_max == 0 || x.introductions_max == 0
      || x.handshakes_max == 0)
    return "introduction_bytes_max, introductions_max and handshakes_max must "
           "not be 0";
  using namespace std::chrono_literals;
  if (x.ack_delay <= 0ms || x.ping_interval <= 0ms || x.connect_timeout <= 0ms
      || x.handshake_timeout <= 0ms || x.introduction_timeout <= 0ms
      || x.backoff_min <= 0ms || x.refused_backoff <= 0ms
      || x.goodbye_timeout <= 0ms)
    return "times of a link must be greater than 0 ms";
  if (x.silence_timeout < 2 * x.ping_interval)
    return "silence_timeout must be at least twice ping_interval";
  if (x.backoff_max < x.backoff_min)
    return "backoff_max must not be less than backoff_min";
  if (x.protocol.min == 0 || x.protocol.min > x.protocol.max)
    return "the protocol range must not be empty and begins at 1";
  return std::nullopt;
}

} // namespace troupe::link
