#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include <troupe/cluster/raft/core.hpp>

#include <raft_script/parcel.hpp>

namespace troupe::raft::script {

/// The application: each applied command is appended to its content.
struct app_state {
  snapshot_meta meta;
  std::string content;
};

/// What a write or an apply that is under way will do.
struct append_work {
  std::optional<persist_batch> batch;
  std::vector<message> replies; // may leave once it is done
  std::string_view done_as;
};

struct script_options {
  bool async = false; // writes and applies wait for directives of their own
  bool lease_reads = false; // reads are answered without asking anybody
};

/// One member with its disk and its application, both in memory.
///
/// Threads: none. Everything happens when the script says so.
class script_node {
public:
  /// `at_start` with index 0: an empty member.
  script_node(settings cfg, script_options how, app_state at_start);

  raft::core core;
  settings cfg;
  script_options how;
  std::deque<append_work> appends;
  std::deque<std::vector<entry>> applies;
  std::map<log_index, std::string> offered; // contents of snapshots on offer
  std::deque<std::string> forwarded; // how to show the changes that leave next
  /// Leave with the next output, behind so many of the core's own messages.
  std::vector<std::pair<std::size_t, parcel>> passed_on;

  /// The newest state, and so the newest snapshot.
  const app_state& app() const { return history_.back(); }

  void write(const persist_batch& batch);
  void apply(const std::vector<entry>& xs);

  bool ready() const { return core.ready() || !passed_on.empty(); }

  /// To be called after whatever may make the core want a snapshot for a
  /// member: that one of this moment leaves with the next output.
  void note_snapshots();

  /// The index of the one under way to the member, or that it would get.
  log_index snapshot_for(member_id to) const;

  /// Drops the log up to `upto`. False: not applied that far, or done already.
  bool compact(log_index upto);

  /// A crash, then a start from what is on the disk.
  void restart();

private:
  struct disk {
    hard_state hard;
    app_state base; // below the first entry
    std::vector<entry> log;
  };

  const app_state* find(log_index at) const;
  recovered read_disk() const;

  disk disk_;
  std::map<member_id, log_index> snapshots_; // to members in need of one
  std::vector<app_state> history_;           // after each applied entry
};

} // namespace troupe::raft::script
