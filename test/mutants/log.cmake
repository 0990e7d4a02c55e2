# Of the durable log.

mutant(acknowledged_before_the_sync unit_log runtime/log/segment_log.cpp
  "if (auto rc = out_->fdatasync(); rc != 0)" "if (auto rc = 0; rc != 0)")
mutant(vote_waits_for_the_next_write unit_log runtime/log/raft_store.cpp
  "|| batch.hard->vote != hard_.vote" "")
mutant(vote_goes_with_its_segment unit_log runtime/log/raft_store.cpp
  "if (hard_ != raft::hard_state{})" "if (false)")
mutant(failed_sync_is_tried_again unit_log runtime/log/raft_store.cpp
  "failure_ = why;" "")
mutant(segment_name_is_not_synced unit_log runtime/log/segment_supply.cpp
  "if (auto ok = sync_directory(fs, parent_directory(path)); !ok)"
  "if (auto ok = result<void>{}; !ok)")
mutant(snapshot_name_is_not_synced unit_log runtime/log/snapshot_file.cpp
  "if (auto ok = sync_directory(*fs_, directory_); !ok)"
  "if (auto ok = result<void>{}; !ok)")
mutant(identity_name_is_not_synced unit_log runtime/log/identity_file.cpp
  "return sync_directory(lock_->fs(), lock_->directory());" "return {};")
mutant(names_found_are_not_synced unit_log runtime/log/segment_log.cpp
  "if (auto ok = sync_directory(fs_, directory_); !ok)"
  "if (auto ok = result<void>{}; !ok)")
mutant(dropped_names_are_not_synced unit_log runtime/log/segment_log.cpp
  "return sync_directory(fs_, directory_);" "return {};")
mutant(bytes_found_are_not_synced unit_log runtime/log/file_system.cpp
  "if (auto rc = in.handle->fdatasync(); rc != 0)" "if (auto rc = 0; rc != 0)")
mutant(snapshot_is_not_synced unit_log runtime/log/snapshot_file.cpp
  "if (auto rc = out_->fsync(); rc != 0)" "if (auto rc = 0; rc != 0)")
mutant(torn_batch_counts unit_log runtime/log/segment.cpp
  "to.records.resize(before);" "")
mutant(torn_tail_is_not_cut unit_log runtime/log/segment_log.cpp
  "cut(out_seq_, *out_, newest_.kept, newest_.dirty)"
  "cut(out_seq_, *out_, newest_.kept, newest_.kept)")
mutant(damage_in_the_middle_is_cut unit_log runtime/log/segment_log.cpp
  "if (newest_.later)" "if (false)")
mutant(checksums_are_not_looked_at unit_log runtime/log/record.cpp
  "if (checksum({head, r.bytes}, seq, offset, said) != r.crc)" "if (false)")
mutant(truncated_entries_come_back unit_log runtime/log/log_replay.cpp
  "entries_.erase(at, entries_.end());" "")
mutant(truncation_is_not_written unit_log runtime/log/raft_store.cpp
  "add_truncate_from(records_, *batch.truncate_from);" "")
