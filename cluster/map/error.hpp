#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

/// Every way in which troupe refuses something. The names are what the HTTP
/// interface and `troupectl` show; numbers travel between nodes and are never
/// reused.
enum class errc : std::uint8_t {
  none = 0,
  /// The message is not (key, payload...).
  malformed_message = 1,
  /// No node has announced a region of this name.
  unknown_region = 2,
  /// The message type is not known on the node that would have to read it.
  unknown_type = 3,
  /// The partition's number is not below the region's number of partitions.
  partition_out_of_range = 4,
  /// The key is longer than 64 KiB.
  key_too_long = 5,
  /// The message is larger than a frame may be.
  message_too_large = 6,
  /// A bounded queue on the way is full.
  overloaded = 7,
  /// The message's deadline passed before it could be processed.
  expired = 8,
  /// No node may run the partition now.
  no_owner = 9,
  /// The coordinator group has no leader that a quorum follows.
  no_quorum = 10,
  /// The partition moved away with the request still open.
  moved = 11,
  /// The owner was lost after it got the request: it may have run or not.
  outcome_unknown = 12,
  /// The message was forwarded more often than the hop limit allows.
  hop_limit = 13,
  /// This node does not lead the coordinator group.
  not_leader = 14,
  /// The command contradicts the map; the detail says how.
  conflict = 15,
  /// No node of that name or id.
  unknown_node = 16,
  /// The node is stopping.
  stopping = 17,
  /// The partition failed to start too often.
  quarantined = 18,
  /// The handler for this message does not exist or threw.
  handler_failed = 19,
  /// A start or stop names a partition or epoch the node does not own.
  not_owner = 20,
  /// A setting is unknown or out of its range.
  invalid_setting = 21,
  /// The data directory cannot be used; the detail says why.
  data_directory = 22,
  /// An address cannot be used; the detail says why.
  address_in_use = 23,
  /// The node belongs to another cluster, or speaks another protocol.
  foreign_node = 24,
  /// The node is already started, stopped or stopping.
  wrong_state = 25,
  /// A handler has not returned by the hard deadline.
  overrun = 26,
};

inline constexpr std::size_t errc_count = 27;

/// The code's name, such as "unknown_region".
std::string_view to_string(errc code);

/// A refusal: what is wrong, and what to do next.
struct failure {
  errc code = errc::none;
  std::string detail;
  std::string hint;

  explicit operator bool() const { return code != errc::none; }
};

} // namespace troupe
