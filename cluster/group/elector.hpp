#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/raft/core.hpp>

namespace troupe::raft {

/// How an election is held. The same for all members.
struct election_settings {
  boot_time tick = std::chrono::milliseconds{25};
  boot_time heartbeat = std::chrono::milliseconds{50};
  boot_time election = std::chrono::milliseconds{350}; // to twice that, drawn
  std::size_t members_min = 1; // with fewer nobody is elected
  std::size_t members_max = 0; // 0: no limit
};

/// The first flaw, as a sentence that names the next step; empty: sound.
std::string find_flaw(const election_settings& x);

/// Elects a leader among members, and nothing else: the raft core without
/// commands. Its whole memory is a record of a few hundred bytes.
///
/// In:      ticks, messages, reports of what was stored; time of a clock that
///          goes on while the process is stopped.
/// Out:     `take`, after any number of inputs.
/// Errors:  what a peer sends is ignored if it makes no sense.
/// Threads: none of its own; one at a time.
class elector {
public:
  /// `members`: who takes part, the same list for all; of no meaning to who has
  /// a record, which is its `stored` one.
  elector(election_settings cfg, member_id self, std::uint64_t seed,
          std::vector<member_id> members,
          const std::optional<std::string>& stored, boot_time now);

  /// The record can be read, and is one of this member.
  static bool is_record(std::string_view bytes);

  void tick(boot_time now);
  void receive(member_id from, std::string_view bytes);
  /// The record of `take` is on the disk.
  void stored();

  /// By the leader. Who is a member already is left as it is.
  answer add(member_id who);
  answer remove(member_id who);
  /// Hands over: to this member.
  answer transfer(member_id to) { return core_.transfer(to); }

  struct output {
    std::vector<std::pair<member_id, std::string>> send; // may be lost
    /// To be stored before anything else; then `stored`, and `take` again.
    std::optional<std::string> store;
    std::vector<raft::leadership> leaders; // each change, in order
    bool members_changed = false;
  };
  output take();

  const raft::leadership& leadership() const { return core_.current(); }
  /// Sorted. Without itself: it was removed.
  std::vector<member_id> members() const;

private:
  void note(const persist_batch& batch);
  std::string record() const;
  void apply(const std::vector<entry>& entries);

  election_settings cfg_;
  member_id self_;
  recovered disk_; // as of the newest record
  core core_;
  boot_time last_tick_;
  snapshot_meta applied_;
  std::uint64_t storing_ = 0;   // batch; 0: none
  std::deque<message> waiting_; // for `stored`
  bool members_changed_ = true;
};

} // namespace troupe::raft
