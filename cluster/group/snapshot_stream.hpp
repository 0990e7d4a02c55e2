#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <troupe/cluster/group/effects.hpp>
#include <troupe/cluster/map/settings.hpp>

namespace troupe::raft {

/// The leader's side of snapshots on their way: a piece at a time to each
/// member, the next when the last is acknowledged, again when that is late. A
/// member that was away goes on where it was.
///
/// Threads: none of its own.
class snapshot_stream {
public:
  /// A member needs a snapshot at `at_least` or above; it waits until `offer`.
  void want(member_id to, log_index at_least, boot_time now);

  /// The newest durable snapshot. Members that wait for one begin with it.
  void offer(const snapshot_meta& meta);
  const std::optional<snapshot_meta>& newest() const { return newest_; }

  /// Somebody waits for one above the newest.
  bool wants_newer() const;

  /// What to read and send now, each once until acknowledged or late.
  std::vector<read_chunk> due(boot_time now);

  /// The piece that was asked for leaves. False: it is not wanted any more.
  bool sending(member_id to, log_index at, std::uint64_t total);

  /// The member has all before `next`. The meta when that is the whole.
  std::optional<snapshot_meta> taken(member_id by, log_index at,
                                     std::uint64_t next, boot_time now);

  /// Acknowledged nothing for long: given up, with the index that it was to
  /// have.
  std::vector<std::pair<member_id, log_index>> take_silent(boot_time now);

  void drop(member_id to) { transfers_.erase(to); }
  void clear() { transfers_.clear(); }
  bool empty() const { return transfers_.empty(); }

private:
  struct transfer {
    log_index at_least;
    std::optional<snapshot_meta> meta; // none: waits
    std::uint64_t offset = 0;
    std::uint64_t total = 0; // 0: nothing sent yet
    bool asked = false;
    boot_time asked_at{0};
    boot_time heard_at{0};
  };

  std::optional<snapshot_meta> newest_;
  std::map<member_id, transfer> transfers_;
};

} // namespace troupe::raft
