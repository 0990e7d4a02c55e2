#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <troupe/cluster/ids.hpp>
#include <troupe/runtime/log/directory_lock.hpp>
#include <troupe/runtime/log/result.hpp>

namespace troupe::disk {

/// 128 bits that nobody else has. All zero: not yet known.
using uuid = std::array<std::uint8_t, 16>;

/// From the operating system's randomness.
uuid random_uuid();

/// 32 lower case hexadecimal digits.
std::string to_string(const uuid& x);

/// Who this data directory is. Zero is "not yet known" for all ids.
struct identity {
  uuid cluster{};
  node_id node;
  std::string name;
  /// Drawn once, when the data directory is made: tells apart two nodes that
  /// were ever given the same id or name.
  uuid node_uuid{};
  incarnation self; // of the newest start
  /// The founding set this node agreed to, as its author wrote it. Empty: it
  /// has taken part in none.
  std::string founding;
  /// A log was begun: without it the node must not come back.
  bool has_log = false;

  friend bool operator==(const identity&, const identity&) = default;
};

/// `<data directory>/identity`: a few lines of text with a checksum.
///
/// Out:     after a crash the file is the old one or the new one, whole.
/// Errors:  `foreign` for a file of another program or a newer version;
///          `corrupt` for a damaged one, and for a directory that has a log but
///          no identity: such a node must not come back, it might vote twice.
/// Threads: one at a time.
class identity_file {
public:
  explicit identity_file(const directory_lock& lock);

  /// Nothing in a new directory.
  result<std::optional<identity>> load() const;

  /// Durable on return. `invalid` if the name has a control character or is
  /// longer than 255 bytes.
  result<void> store(const identity& what) const;

  /// Counts a start: loads, adds one to the incarnation, stores. `not_found` in
  /// a new directory. With `expected_cluster` set, another cluster's
  /// directory is `foreign`.
  result<identity> start(const uuid& expected_cluster = {}) const;

private:
  const directory_lock* lock_;
  std::string path_;
};

} // namespace troupe::disk
