#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <troupe/cluster/group/refusal.hpp>
#include <troupe/cluster/group/roster.hpp>
#include <troupe/cluster/raft/output.hpp>

/// What a group's core wants done. Performed in order; what takes long may go
/// on while later ones are performed, and ends in the call that it names.
namespace troupe::raft {

/// What a frame between two members holds. Numbers are never reused.
enum class group_frame : std::uint8_t {
  raft = 1,        // proto::RaftMessage
  chunk = 2,       // proto::GroupChunk
  chunk_taken = 3, // proto::GroupChunkTaken
};

/// Ends in `group_core::persisted`. Batches in order.
struct write_log {
  persist_batch batch;
};

/// May be lost.
struct send_frame {
  member_id to;
  group_frame kind{};
  std::string bytes;
};

/// Entries with commands for the state machine, in order; ends in
/// `group_core::applied(upto)`.
struct apply_commands {
  struct item {
    log_index at;
    payload entry;         // proto::GroupEntry
    std::uint64_t own = 0; // the batch that was proposed here; 0: elsewhere
  };
  std::vector<item> items;
  log_index upto;
};

/// The state machine as it is now, behind what was applied, is to be written
/// as a snapshot. Ends in `group_core::snapshot_saved` or `_failed`.
struct take_snapshot {
  snapshot_meta meta;
  roster members;
};

/// The state machine becomes that of the snapshot that a batch installed. Ends
/// in `group_core::restored`.
struct restore_snapshot {
  snapshot_meta meta;
};

/// A piece of the newest durable snapshot for a member. Ends in
/// `group_core::chunk_read`.
struct read_chunk {
  member_id to;
  snapshot_meta meta;
  std::uint64_t offset = 0;
};

/// What the bytes of a snapshot must come to.
struct snapshot_size {
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
  friend bool operator==(snapshot_size, snapshot_size) = default;
};

/// A piece of a snapshot from the leader. Ends in `group_core::chunk_stored`.
struct store_chunk {
  member_id from;
  snapshot_meta meta;
  snapshot_size size;
  std::uint64_t offset = 0;
  std::string bytes;
};

/// None of the batch's commands took effect, or nobody knows.
struct batch_failed {
  std::uint64_t number = 0;
  group_code why{};
};

/// These reads may be served from the state machine as it is now.
struct reads_ready {
  std::vector<std::uint64_t> numbers;
};

struct read_failed {
  std::uint64_t number = 0;
  group_code why{};
};

/// The end of a wish about members, or of a transfer.
struct wish_ended {
  std::uint64_t number = 0;
  group_code why{};
  member_id member{};
};

struct leader_changed {
  raft::leadership now;
};

/// The roster or the configuration that holds here is another.
struct members_changed {};

/// This member was removed: nobody listens to it any more.
struct left_group {};

using group_effect =
    std::variant<write_log, send_frame, apply_commands, take_snapshot,
                 restore_snapshot, read_chunk, store_chunk, batch_failed,
                 reads_ready, read_failed, wish_ended, leader_changed,
                 members_changed, left_group>;

} // namespace troupe::raft
