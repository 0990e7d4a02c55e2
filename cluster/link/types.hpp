#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/ids.hpp>

/// The words of the link between two nodes, shared by the pure session, the
/// socket transport and the simulator. Values only.
namespace troupe::link {

/// A cluster's id or a node's uuid: random bytes, all zero is "none".
using bytes16 = std::array<std::uint8_t, 16>;

/// 32 lower case hexadecimal digits.
std::string to_hex(const bytes16& x);

/// The two ways through a link. `control` is not numbered, goes first and is
/// lost with its connection; `data` arrives exactly once and in order.
enum class lane : std::uint8_t { control, data };

/// What a sender asks for. `reserved` is `data` that finds room even when the
/// link is full: fences, their answers, returns and state.
enum class frame_class : std::uint8_t { control, data, reserved };

enum class send_result : std::uint8_t {
  accepted,      // in the link; data stays there until acknowledged
  overloaded,    // the link is full: the receiver is slower than its senders
  unknown_peer,  // no session with this node: never added, dropped, or gone
  too_large,     // over frame_bytes_max
  rejected,      // the caller's own check said no (send_if)
  not_connected, // a control frame while no connection is up: dropped
  stopped,       // this transport is stopping
};

std::string_view to_string(send_result x);

/// Where a peer listens. Incarnation none: whichever answers.
struct peer_address {
  node_id id;
  troupe::incarnation incarnation;
  std::string address; // host:port, IPv6 in brackets
};

/// Who a node is, as it says in each handshake.
struct identity {
  bytes16 cluster{};
  node_id node;
  troupe::incarnation incarnation;
  std::uint64_t boot = 0; // random, one per process, never 0
  bytes16 uuid{};         // random, one per data directory
  std::string name;
  std::string address; // where others reach it

  friend bool operator==(const identity&, const identity&) = default;
};

/// The wire protocols that a node speaks, both ends included.
struct protocol_range {
  std::uint32_t min = 1;
  std::uint32_t max = 1;

  friend bool operator==(protocol_range, protocol_range) = default;
};

/// What the two ends tell each other about their session, so that it goes on
/// over a new connection. Each end numbers its own sessions and its own dials
/// with one counter of its process.
struct resume_claim {
  std::uint64_t attempt = 0;      // the dial that this handshake belongs to
  std::uint64_t attempt_seen = 0; // the receiver's last dial accepted before
  std::uint64_t session = 0;      // the sender's own number of the session
  std::uint64_t peer_boot = 0;    // the receiver's process, 0: never met
  std::uint64_t peer_session = 0; // the receiver's number, 0: never met
  std::uint64_t received = 0;     // the last number taken from the receiver

  friend bool operator==(const resume_claim&, const resume_claim&) = default;
};

/// The first frame of a connection, and its answer.
struct hello {
  protocol_range protocol;
  identity from;
  node_id to;
  resume_claim resume;

  friend bool operator==(const hello&, const hello&) = default;
};

enum class refusal_code : std::uint32_t {
  protocol = 1,      // no wire protocol in common
  cluster,           // another cluster id
  wrong_node,        // the address belongs to another node
  own_address,       // a node dialled itself
  stale_incarnation, // a newer start of the same node is known
  same_incarnation,  // two processes claim one node and incarnation
  stale_hello,       // an older dial than one accepted already
  superseded,        // both dialled: the other connection is kept
  session_over,      // the session it wants to resume is not known here
  not_ready,         // this node has no id yet
  owner,             // the node's own handler said no
  unreachable,       // introduce: no connection
  timed_out,         // introduce: no answer in time
  overloaded,        // too many handshakes or introductions at once
  too_large,         // introduce: request or answer over the limit
  malformed,         // introduce: the answer was not one
  stopped,           // introduce: this transport is stopping
};

std::string_view to_string(refusal_code x);

/// Why something was not done, and what to do next. `owner_code` is the
/// handler's own number when the code is `owner`.
struct refusal {
  refusal_code code{};
  std::string text;
  std::uint32_t owner_code = 0;

  friend bool operator==(const refusal&, const refusal&) = default;
};

/// Why bytes from the network were not believed.
enum class malformed_reason : std::uint8_t {
  magic,     // the connection does not begin as ours do
  length,    // a piece longer than any piece may be
  type,      // an unknown frame type
  flags,     // unknown flags, or reserved bits in use
  handshake, // a hello, answer or refusal that does not decode
  order,     // a type that may not come at this point
  sequence,  // a gap in the numbers
  fragment,  // a fragment without its beginning, or not the one expected
  oversized, // a frame that grows over the limit
  ack,       // acknowledges what was never sent
};

inline constexpr std::size_t malformed_reasons = 10;

std::string_view to_string(malformed_reason x);

/// Why a connection ended. The session outlives all but `goodbye`.
enum class close_reason : std::uint8_t {
  lost,      // the other end closed it, or the network failed
  silent,    // nothing came for silence_timeout
  malformed, // see malformed_reason
  replaced,  // a newer connection of the same session took its place
  goodbye,   // the peer stopped, and said what it had taken
  ended,     // the session ended here: dropped, or a new incarnation
  stopped,   // this transport stops
};

std::string_view to_string(close_reason x);

enum class end_reason : std::uint8_t {
  dropped,         // drop_peer
  new_incarnation, // the peer was started anew
  peer_forgot,     // the peer ended the session on its side
  goodbye,         // the peer stopped; what it took is known exactly
  stopped,         // this transport stopped
};

std::string_view to_string(end_reason x);

/// A frame of the data lane that its receiver certainly did not take.
struct untaken_frame {
  std::uint8_t kind = 0;
  std::string payload;
};

/// The last word on a session. Frames of the data lane that were accepted but
/// not acknowledged are void: after `goodbye` they were certainly not taken,
/// otherwise nobody knows.
struct session_end {
  node_id peer;
  troupe::incarnation incarnation; // none: never met
  end_reason reason{};
  std::uint64_t frames_accepted = 0;
  std::uint64_t frames_acknowledged = 0;
  std::uint64_t frames_received = 0;
  /// Only after `goodbye`: all that was not taken, in order.
  std::vector<untaken_frame> untaken;
};

} // namespace troupe::link
