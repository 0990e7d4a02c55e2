#pragma once

#include <cstdint>

namespace troupe {

/// What a frame between two nodes holds. Numbers are never reused.
enum class frame_kind : std::uint8_t {
  // Control lane: may be lost, is sent again; but see `is_said_once`.
  raft = 1,           // proto::RaftMessage
  heartbeat = 2,      // proto::Heartbeat
  echo = 3,           // proto::Echo
  command = 4,        // proto::CommandRequest
  command_reply = 5,  // proto::CommandReply
  snapshot_chunk = 6, // proto::SnapshotChunk
  snapshot_taken = 7, // proto::SnapshotTaken

  // Data lane: once, in order.
  message = 16,     // proto::Message
  answer = 17,      // proto::Answer
  give_back = 18,   // proto::GiveBack
  fence = 19,       // proto::Fences
  fenced = 20,      // proto::Fences, answered
  state = 21,       // proto::State
  state_taken = 22, // proto::StateTaken
  processed = 23,   // proto::Processed
};

constexpr bool is_control(frame_kind kind) {
  return static_cast<std::uint8_t>(kind) < 16;
}

/// For the coordinator, but said once only: whoever asked would wait in vain if
/// it was lost with a connection.
constexpr bool is_said_once(frame_kind kind) {
  return kind == frame_kind::command || kind == frame_kind::command_reply;
}

} // namespace troupe
