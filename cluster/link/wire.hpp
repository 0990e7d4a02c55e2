#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <troupe/cluster/link/types.hpp>

/// The bytes on a connection: a preamble, then pieces. A piece is a header of
/// 16 bytes, little endian, and at most `piece_payload_max` bytes:
///
///     u32 length | u8 type | u8 kind | u8 flags | u8 zero | u64 number
///
/// A frame is one piece, or several in a row on its lane: the first carries
/// `first`, all but the last carry `more`. Pieces of the data lane are numbered
/// from 1 in each session; `ack` and `goodbye` name the last number taken.
namespace troupe::link {

inline constexpr std::string_view preamble{"troupe\0\1", 8};
inline constexpr std::size_t header_bytes = 16;
inline constexpr std::size_t piece_payload_max = (64 << 10) - header_bytes;

enum class piece_type : std::uint8_t {
  hello = 1,
  welcome,
  refused,
  introduce,
  introduced,
  ping,
  ack,
  control,
  data,
  goodbye,
};

inline constexpr std::uint8_t flag_first = 1;
inline constexpr std::uint8_t flag_more = 2;

struct piece_header {
  std::uint32_t length = 0;
  piece_type type{};
  std::uint8_t kind = 0;
  std::uint8_t flags = 0;
  std::uint64_t number = 0;

  bool first() const { return (flags & flag_first) != 0; }
  bool more() const { return (flags & flag_more) != 0; }
};

struct piece {
  piece_header header;
  std::string_view payload;
};

void write_header(const piece_header& from, char* to);

/// Believes nothing: lengths and flags are checked by the frame_reader.
piece_header read_header(const char* from);

/// `payload` as pieces of `type`, whole or in fragments, without numbers.
void append_frame(std::string& to, piece_type type, std::string_view payload);

/// Cuts what arrives on one connection into pieces.
///
/// In:     bytes, committed into `space()` as they come.
/// Out:    pieces; their payload is valid until the next `space()`.
/// Errors: `malformed` for what no correct peer sends; then the reader is done.
class frame_reader {
public:
  enum class status : std::uint8_t { piece, more, malformed };

  /// `capacity` in bytes, at least twice a piece.
  explicit frame_reader(std::size_t capacity);

  /// Free room for the next read, never empty after `next` said `more`.
  std::span<char> space();
  void commit(std::size_t count);

  status next(piece& out);
  malformed_reason reason() const { return reason_; }

private:
  status fail(malformed_reason why);

  std::size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool greeted_ = false;
  malformed_reason reason_{};
};

} // namespace troupe::link
