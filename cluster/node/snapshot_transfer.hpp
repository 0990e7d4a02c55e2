#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/raft/types.hpp>
#include <troupe/proto/control.pb.h>

namespace troupe {

/// The leader's side of snapshots on their way: chunk by chunk, the next when
/// the last is acknowledged, again when an acknowledgement is late.
///
/// Threads: none of its own.
class snapshot_sender {
public:
  static constexpr std::size_t chunk_bytes = 256u << 10;

  void begin(node_id to, raft::snapshot_meta meta,
             std::shared_ptr<const std::string> bytes);
  void clear() { transfers_.clear(); }

  /// The chunk to send now; none: nothing is under way to this node.
  std::optional<proto::SnapshotChunk> chunk(node_id to, raft::term term,
                                            boot_time now);

  /// The node has all up to `next`. Its meta when that was the whole.
  std::optional<raft::snapshot_meta> taken(node_id by, raft::log_index at,
                                           std::uint64_t next);

  /// Nodes whose last chunk is to be sent again.
  std::vector<node_id> late(boot_time now) const;
  /// No acknowledgement for so long that the node is not there: given up.
  std::vector<std::pair<node_id, raft::log_index>> give_up(boot_time now);

private:
  struct transfer {
    raft::snapshot_meta meta;
    std::shared_ptr<const std::string> bytes;
    std::uint64_t offset = 0;
    boot_time sent_at{0};
    boot_time progress_at{0};
  };
  std::map<node_id, transfer> transfers_;
};

/// The receiver's side: puts the chunks together.
///
/// Errors:  chunks that do not fit are ignored; the answer says where to go on.
/// Threads: none of its own.
class snapshot_receiver {
public:
  static constexpr std::uint64_t bytes_max = 1ull << 30;

  struct complete {
    raft::snapshot_meta meta;
    std::shared_ptr<const std::string> bytes;
  };

  /// The offset to ask for next, and the snapshot when it is whole. Nothing for
  /// a chunk that makes no sense.
  struct progress {
    std::uint64_t next = 0;
    std::optional<complete> whole;
  };
  std::optional<progress> add(const proto::SnapshotChunk& chunk);

  /// It is durable: an offer of it can be taken.
  void stored(raft::log_index at);
  /// The stored one with this index.
  const complete* find(raft::log_index at) const;
  void clear() { *this = {}; }

private:
  std::optional<raft::snapshot_meta> meta_;
  std::string bytes_;
  std::optional<complete> whole_;
  bool stored_ = false;
};

} // namespace troupe
