#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <test/sim_fs/sim_fs.hpp>
#include <troupe/runtime/log/raft_store.hpp>

namespace troupe::test {

/// What a member must find on its disk.
struct member_disk {
  raft::hard_state hard;
  raft::snapshot_meta snapshot;
  std::string snapshot_bytes;
  std::vector<raft::entry> log; // above the snapshot

  std::uint64_t last() const {
    return log.empty() ? snapshot.index.value : log.back().index.value;
  }
};

std::string text(const raft::entry& what);

/// Drives a store with operations drawn from a seed and knows what recovery may
/// find: the last acknowledged state, or one on the way to the next.
class store_run {
public:
  store_run(std::uint64_t seed, disk::store_settings settings);

  /// Locks, opens and compares. Empty: as expected; else what is wrong.
  std::string open(disk::file_system& fs, const std::string& directory);
  /// Opens, which may be refused.
  std::optional<disk::refusal> try_open(disk::file_system& fs,
                                        const std::string& directory);
  /// What is wrong with what try_open found; takes it over as acknowledged.
  std::string compare();
  void close();

  /// One operation. False: refused; `failure` says how.
  bool step();
  const disk::refusal& failure() const { return failure_; }
  disk::raft_store& store() { return *opened_->store; }
  const member_disk& acknowledged() const { return states_.front(); }
  /// Writes that did not wait for the disk.
  std::uint64_t begun() const { return begun_; }
  /// The most entries a batch gets, and the longest command.
  std::size_t entries_max = 5;
  std::size_t command_bytes_max = 600;

private:
  bool write();
  disk::result<void>
  write_somehow(const std::vector<raft::persist_batch>& batches);
  bool save_snapshot();
  bool install_snapshot();
  raft::persist_batch draw_batch(member_disk& to);
  raft::entry draw_entry(std::uint64_t index);
  bool done(const disk::result<void>& outcome);
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  std::mt19937_64 random_;
  disk::store_settings settings_;
  std::optional<disk::directory_lock> lock_;
  std::optional<disk::opened_store> opened_;
  std::vector<member_disk> states_; // acknowledged, then those on the way
  std::uint64_t durable_commit_ = 0;
  raft::term term_{1};
  std::uint64_t serial_ = 0;
  std::uint64_t begun_ = 0;
  disk::refusal failure_;
};

} // namespace troupe::test
