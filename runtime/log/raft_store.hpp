#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <troupe/cluster/raft/types.hpp>
#include <troupe/runtime/log/directory_lock.hpp>
#include <troupe/runtime/log/identity_file.hpp>
#include <troupe/runtime/log/incoming_snapshot.hpp>
#include <troupe/runtime/log/log_replay.hpp>
#include <troupe/runtime/log/result.hpp>
#include <troupe/runtime/log/segment_log.hpp>
#include <troupe/runtime/log/snapshot_file.hpp>

namespace troupe::disk {

struct store_settings {
  uuid cluster{};
  node_id node;
  incarnation self; // of this start; see identity_file

  std::uint64_t segment_bytes = 16u << 20; // a multiple of 512
  std::uint64_t reserve_bytes = 1u
                                << 20; // freed when the disk is full; 0: none
  /// Prepares the next segment on a thread of its own. Off: at the moment it is
  /// asked for, which a simulation needs to replay.
  bool background = true;
  /// An eventfd that counts the ends of what `begin_write` began. -1: it begins
  /// nothing.
  int event = -1;
};

class raft_store;

struct opened_store {
  std::unique_ptr<raft_store> store;
  raft::recovered state;
  /// Entries up to the snapshot's index, without gaps, that are still in the
  /// log: what a follower that is a little behind can be sent.
  std::vector<raft::entry> tail;
  recovery_report report;
};

/// One member's durable log, vote and snapshots, in `<data directory>/raft`.
///
/// In:      persist batches in the order the core made them, entries without
///          gaps; snapshots the core has applied or received.
/// Out:     a write that returns without error is on the disk, and so is
///          everything before it.
/// Errors:  the first failed write, sync, rename or full disk is kept: from
///          then on every call returns it and nothing is acknowledged. The
///          caller ends the process; the next start recovers. Snapshots that
///          find no room are the exception: they fail alone, the log goes on.
///          `open` refuses damage that a crash cannot have caused, naming the
///          file, the offset and the entries in danger.
/// Threads: one, which the calls block while the disk works. A snapshot_writer
///          and a snapshot_reader may be used on others.
class raft_store {
public:
  static result<opened_store> open(const directory_lock& lock,
                                   const store_settings& settings);
  /// That of the directory's own node. A log that was begun must be there, or
  /// the node might vote twice: else `corrupt`. A new one is begun, and the
  /// identity says so, before this returns.
  static result<opened_store> open(const directory_lock& lock,
                                   store_settings settings, identity& who);

  /// Flushes a commit index that waits for the next write; ignores errors.
  ~raft_store();
  raft_store(const raft_store&) = delete;
  raft_store& operator=(const raft_store&) = delete;

  /// All batches behind one sync. Those with `must_sync` unset are only
  /// remembered, and written with the next. A batch with `install` needs the
  /// snapshot of that meta to have been finished by `finish_incoming`.
  result<void> write(std::span<const raft::persist_batch> batches);

  /// As `write`, without waiting for the disk, if that can be.
  /// under_way:  `settings.event` tells the end; `poll_write` may then say
  ///             `ended` or `waits`.
  /// ended, waits: `complete_write` says what `write` would; `waits`: and
  ///             blocks.
  /// Nothing else may be called from `begin_write`, unless it refused, to the
  /// return of `complete_write`.
  begun_write begin_write(std::span<const raft::persist_batch> batches);
  begun_write poll_write() { return log_.poll(); }
  result<void> complete_write();

  /// A snapshot of the own state machine. It takes effect with
  /// `record_snapshot`: the log then starts above it, apart from `keep_tail`
  /// entries (whole segments are dropped, so more may stay), and older
  /// snapshots are deleted.
  /// `invalid` if the log has no use for it: not above the newest one.
  result<snapshot_writer> begin_snapshot(const raft::snapshot_meta& meta);
  result<void> record_snapshot(const snapshot_file& finished,
                               std::uint64_t keep_tail);
  /// The three steps in one, for small snapshots.
  result<void>
  save_snapshot(const raft::snapshot_meta& meta,
                const std::function<result<void>(snapshot_writer&)>& fill,
                std::uint64_t keep_tail);

  /// A snapshot that arrives in chunks. Answers the offset of the chunk to
  /// send next: after an interruption the same meta and digest go on where
  /// they were, another one starts at 0 and drops what was there.
  result<std::uint64_t> begin_incoming(const raft::snapshot_meta& meta,
                                       const snapshot_digest& digest);
  /// Answers the offset of the chunk to send next. A chunk from before it is
  /// ignored, one from behind it is `invalid`.
  result<std::uint64_t> append_incoming(std::uint64_t offset,
                                        std::string_view bytes);
  /// Durable, but without effect before the batch with `install`. `corrupt`:
  /// not the digest's bytes; begin again.
  result<void> finish_incoming();

  /// The newest snapshot that took effect; `not_found` if there is none.
  result<snapshot_reader> open_snapshot() const;

  /// The kept error.
  const std::optional<refusal>& failure() const { return failure_; }
  /// There was no room for the next segment or for the reserve: the log will
  /// stop within a segment. Make room, take a snapshot, or hand leadership
  /// over.
  bool space_low() const;

private:
  raft_store(file_system& fs, std::string directory,
             const store_settings& settings);

  result<void> recover(opened_store& to);
  result<void> recover_snapshots();
  result<void> refill_reserve();
  void add(const raft::persist_batch& batch);
  result<void> install(const raft::persist_batch& batch);
  void put_hard_state();
  result<void> flush();
  result<void> drop_snapshots(const std::optional<snapshot_record>& older);
  std::optional<refusal> reject(const raft::snapshot_meta& meta) const;
  refusal keep(refusal why);
  refusal keep_fatal(refusal why); // keeps `io` alone

  file_system& fs_;
  std::string directory_;
  store_settings settings_;
  segment_log log_;
  incoming_snapshot incoming_;
  std::optional<refusal> failure_;
  bool reserve_missing_ = false;

  record_buffer records_;        // the batch being put together
  std::uint64_t last_index_ = 0; // of the log, with `records_`
  raft::hard_state hard_;        // newest known, perhaps not yet written
  bool hard_waits_ = false;      // it is to be written with the next batch
  bool begun_ = false;           // the log has begun to write `records_`
  std::optional<snapshot_record> snapshot_; // newest in effect
  std::uint32_t next_serial_ = 1;
};

} // namespace troupe::disk
