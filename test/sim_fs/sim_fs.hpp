#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <test/sim_fs/sim_disk_file.hpp>
#include <troupe/runtime/log/file_system.hpp>

namespace troupe::test {

/// What the simulated disk does to its user. Calls count from 1, those that
/// change something (write, truncate, sync, create, rename, unlink, mkdir).
struct sim_faults {
  /// This call does its work in the cache, but is not answered, and nothing
  /// works any more until `crash`. 0: never.
  std::uint64_t dies_at = 0;
  /// This call, if it is a sync of a file or a directory, fails; if it is
  /// another one, the next sync does. 0: never.
  std::uint64_t sync_fails_at = 0;
  /// This call fails with -EIO and does nothing. 0: never.
  std::uint64_t call_fails_at = 0;
  /// Of 1,000 writes and reads, so many are short or interrupted.
  std::uint32_t short_per_mille = 0;
  std::uint32_t interrupted_per_mille = 0;
};

/// A disk with its file system, in memory: what is not synced may be lost, in
/// part and out of order.
///
/// Names: creating, renaming and unlinking count as done only once the
/// directory is synced. A crash keeps a random subset of those that wait, each
/// whole, in their order.
/// Threads: one. The same seed and calls give the same outcome.
class sim_fs final : public disk::file_system {
public:
  explicit sim_fs(std::uint64_t seed);
  ~sim_fs() override;

  disk::open_result open(const std::string& path,
                         disk::open_mode mode) override;
  disk::open_result lock(const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int unlink(const std::string& path) override;
  int mkdir(const std::string& path) override;
  int list(const std::string& path, std::vector<std::string>& to) override;
  int sync_directory(const std::string& path) override;

  sim_faults faults;

  /// Calls so far that change something.
  std::uint64_t calls() const { return calls_; }
  /// Since `dies_at` was reached.
  bool dead() const { return dead_; }

  /// Power is cut and comes back: what was open is closed, locks are free.
  void crash();
  /// The process ends and nothing else: open files are closed, locks are free,
  /// what is in the cache stays.
  void end_process();

  /// The disk holds no more than this; 0: without limit.
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }
  std::uint64_t used() const;

  /// For tests that look or meddle: none if there is no such file.
  sim_disk_file* find(const std::string& path);
  std::vector<std::string> paths() const;

private:
  friend class sim_file;
  using node = std::shared_ptr<sim_disk_file>; // none: a directory

  struct change {
    enum { link, unlink, rename } what{};
    std::string name;
    std::string to; // rename
    node target;
  };
  struct names {
    std::map<std::string, node> now;
    std::map<std::string, node> durable;
    std::vector<change> pending;
  };

  names* directory_of(const std::string& path, std::string& name);
  static void apply(std::map<std::string, node>& to, const change& what);
  void do_change(names& in, change what);
  /// Counts a call. 0: go on; else the error to answer. `dying`: go on, then
  /// answer -EIO.
  int begin_call(bool& dying, bool sync = false);
  std::uint64_t room() const;
  bool chance(std::uint32_t per_mille);
  void drop_missing_directories();

  std::mt19937_64 random_;
  std::map<std::string, names> directories_;
  std::set<std::string> locks_;
  std::uint64_t calls_ = 0;
  std::uint64_t life_ = 0; // handles of an earlier one are dead
  std::uint64_t capacity_ = 0;
  bool dead_ = false;
};

} // namespace troupe::test
