#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <troupe/cluster/link/function_ref.hpp>
#include <troupe/cluster/link/settings.hpp>
#include <troupe/cluster/link/wire.hpp>

namespace troupe::link {

/// Puts the fragments of one lane together again.
class assembler {
public:
  explicit assembler(std::size_t frame_bytes_max) : max_(frame_bytes_max) {}

  struct outcome {
    std::optional<std::string_view> frame =
        std::nullopt; // valid until the next `take`
    std::optional<malformed_reason> wrong = std::nullopt;
  };
  outcome take(const piece& x);
  void reset();
  bool open() const { return open_; }

private:
  std::size_t max_;
  bool open_ = false;
  std::uint8_t kind_ = 0;
  std::string bytes_;
};

/// The receiving half of a session: takes each numbered piece once, in order.
///
/// In:     pieces of both lanes; new connections.
/// Out:    whole frames, to the function given to `take`.
/// Errors: what no correct peer sends, as a reason; it changes nothing.
class inbox {
public:
  using frame_function =
      function_ref<void(lane, std::uint8_t kind, std::string_view payload)>;

  explicit inbox(const settings& what);

  /// A new session: nothing was taken yet.
  void reset();

  /// A new connection of the same session: what was left of the control lane
  /// is gone, the data lane goes on where it was.
  void connect();

  /// `x` is of type control or data.
  std::optional<malformed_reason> take(const piece& x, frame_function deliver);

  /// A frame of the data lane has begun and not ended.
  bool within_frame() const { return data_.open(); }

  /// The last number taken.
  std::uint64_t received() const { return received_; }

  struct counters {
    std::uint64_t data_frames = 0;
    std::uint64_t data_bytes = 0;
    std::uint64_t control_frames = 0;
    std::uint64_t control_bytes = 0;
    std::uint64_t pieces_duplicate = 0;
  };
  const counters& count() const { return counters_; }
  std::uint64_t session_frames() const { return session_frames_; }

private:
  std::uint64_t received_ = 0;
  std::uint64_t session_frames_ = 0;
  assembler data_;
  assembler control_;
  counters counters_;
};

} // namespace troupe::link
