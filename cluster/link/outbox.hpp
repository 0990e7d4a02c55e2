#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <troupe/cluster/link/settings.hpp>
#include <troupe/cluster/link/wire.hpp>

namespace troupe::link {

/// A run of whole pieces. Bytes once appended never change or move while
/// somebody else holds the chunk, so they are written without a lock.
struct chunk {
  explicit chunk(std::size_t n)
      : bytes(std::make_unique_for_overwrite<char[]>(n)), capacity(n) {}

  std::unique_ptr<char[]> bytes;
  std::size_t capacity;
  std::size_t size = 0;
  std::uint64_t last = 0; // number of the last piece, 0: none or not numbered
};

using chunk_ptr = std::shared_ptr<chunk>;

/// Bytes for one gathered write, and what keeps them alive.
struct batch {
  batch() = default;
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;

  void clear();
  bool empty() const { return slices.empty(); }

  std::vector<std::string_view> slices;
  std::vector<chunk_ptr> chunks;
  std::array<char, 2 * header_bytes> head{}; // an ack, a ping
  std::size_t bytes = 0;
};

/// The sending half of a session: frames that wait to be written, and those of
/// the data lane until the peer has acknowledged them.
///
/// In:     frames; acknowledgements; connections that come and go.
/// Out:    batches, control lane first. After a reconnect the data lane goes on
///         behind what the peer has.
/// Errors: send_result for senders; nothing/false for impossible claims of the
///         peer, which change nothing.
/// Threads: none of its own; the transport calls it under the link's lock.
class outbox {
public:
  explicit outbox(const settings& what) : settings_(&what) {}

  /// Begins a session: numbers start at 1. `serial` is ours, never 0.
  void open(std::uint64_t serial);
  bool is_open() const { return serial_ != 0; }
  std::uint64_t serial() const { return serial_; }

  /// Ends the session; all its frames are void.
  struct totals {
    std::uint64_t frames_accepted = 0;
    std::uint64_t frames_acknowledged = 0;
  };
  totals close();

  /// The frames of the data lane that the peer has not taken. Nothing: it took
  /// a part of the first one.
  std::optional<std::vector<untaken_frame>> untaken() const;

  send_result append(frame_class how, std::uint8_t kind,
                     std::span<const std::string_view> payload);

  /// A connection is up, over which the peer says that it has taken all up to
  /// `peer_received`. False: it cannot have.
  bool connect(std::uint64_t peer_received);
  bool connected() const { return connected_; }
  /// The last number that the peer is known to have taken.
  std::uint64_t acknowledged() const { return acknowledged_; }

  /// What waits in the control lane is dropped.
  void disconnect();

  /// What a connection wants to say beside the frames.
  struct signals {
    std::uint64_t received = 0; // the last number taken from the peer
    bool ack_due = false;       // say so even when there is nothing else
    bool ping_due = false;      // say something
  };

  /// Fills `out` with what goes next, and takes back the chunks of the batch
  /// before it. `out` stays empty when there is nothing.
  void collect(batch& out, const signals& what);
  /// The batch is written, or void.
  void take_back(batch& out);

  /// The peer has taken all up to `number`. False: it was never sent.
  bool acknowledge(std::uint64_t number);

  /// Nothing to write and nothing unacknowledged.
  bool idle() const;
  std::size_t unacknowledged_bytes() const {
    return data_bytes_ - front_acknowledged_bytes_;
  }

  struct counters {
    std::uint64_t data_frames = 0;
    std::uint64_t data_bytes = 0;
    std::uint64_t control_frames = 0;
    std::uint64_t control_bytes = 0;
    std::uint64_t pieces_resent = 0;
    std::uint64_t control_dropped = 0;
    std::uint64_t overloaded = 0;
    std::uint64_t writes = 0;
  };
  const counters& count() const { return counters_; }

private:
  class part_reader;

  chunk& room(std::deque<chunk_ptr>& lane, std::size_t bytes);
  void append_pieces(std::deque<chunk_ptr>& lane, piece_type type,
                     std::uint8_t kind, std::size_t size,
                     std::span<const std::string_view> payload);
  void collect_control(batch& out);
  void collect_data(batch& out);
  void recycle(chunk_ptr x);

  const settings* settings_;
  std::uint64_t serial_ = 0;
  bool connected_ = false;

  std::deque<chunk_ptr> data_;    // from the first not acknowledged on
  std::deque<chunk_ptr> control_; // not yet written
  std::size_t data_bytes_ = 0;    // in data_, with headers
  std::size_t control_bytes_ = 0;
  std::size_t front_acknowledged_bytes_ = 0; // a lower bound for data_[0]

  std::size_t cursor_chunk_ = 0; // where the next data batch begins
  std::size_t cursor_offset_ = 0;

  std::uint64_t last_ = 0;            // number of the last piece appended
  std::uint64_t acknowledged_ = 0;    // all up to here taken by the peer
  std::uint64_t written_ = 0;         // last one handed out on this connection
  std::uint64_t written_ever_ = 0;    // on any connection
  std::uint64_t ack_sent_ = 0;        // on this connection
  std::uint64_t frames_accepted_ = 0; // data lane, in this session

  std::vector<chunk_ptr> spare_;
  counters counters_;
};

} // namespace troupe::link
