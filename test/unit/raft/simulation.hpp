#pragma once

#include <set>
#include <string>
#include <vector>

#include <troupe/cluster/raft/random.hpp>

#include "sim_checker.hpp"

namespace troupe::raft::sim {

/// What goes wrong, each in percent of the chances it has.
struct plan {
  std::uint64_t seed = 0;
  std::size_t voters = 3;
  std::size_t spares = 2; // empty members that a change may add
  std::size_t rounds = 1200;
  settings cfg;
  std::uint64_t drop = 5;
  std::uint64_t duplicate = 5;
  std::uint64_t write = 40;   // a write under way gets through
  std::uint64_t apply = 50;   // the same for an apply
  std::uint64_t crash = 1;    // per member and 4 rounds
  std::uint64_t cut = 2;      // per round
  std::uint64_t change = 2;   // per round
  std::uint64_t compact = 2;  // per member and round
  std::uint64_t resend = 5;   // a leader repeats some part of its log
  std::uint64_t remove = 33;  // of the changes of one member
  std::uint64_t campaign = 1; // per round, by hand
};

/// A group, its network and its faults, in one thread from one seed.
///
/// `run` is the phase with faults, in which nothing must ever break; `heal`
/// the one without, in which everything must come to an end.
class simulation {
public:
  explicit simulation(plan x);

  void run();
  void heal();
  /// The same with as few members as are a quorum; of a group without changes.
  void heal_by_quorum();

  /// Empty: all is well.
  const std::string& failure() const { return checker_.failure(); }

  log_index committed() const { return checker_.committed(); }
  std::size_t elections() const { return elections_; }
  std::size_t reads_answered() const { return reads_answered_; }
  std::size_t changes_applied() const { return changes_applied_; }
  std::size_t installs() const { return installs_; }

private:
  struct flight {
    message msg;
    app_state offered; // with a snapshot_offer
  };

  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  sim_member& any();
  void round(bool faults);
  void work(sim_member& x, bool faults);
  void take(sim_member& x);
  void leave(sim_member& x, message msg);
  void sync(sim_member& x, const write& w);
  void write_one(sim_member& x);
  void release(sim_member& x);
  void apply_one(sim_member& x);
  void apply(sim_member& x, const entry& e);
  void deliver(std::size_t count, bool faults);
  void hand_over(flight x);
  void snapshot_done(const flight& x, bool ok);
  void offer(sim_member& x, const snapshot_wanted& wanted);
  void client(sim_member& x);
  void resend(sim_member& x);
  void change(sim_member& x);
  void compact(sim_member& x);
  void cut();
  bool connected(member_id a, member_id b) const;
  bool at_rest(const std::vector<member_id>& members) const;
  sim_member* leader();

  plan plan_;
  random_engine random_;
  std::map<member_id, sim_member> members_;
  std::vector<flight> network_;
  std::set<member_id> side_; // cut off from the others; empty: no cut
  std::set<member_id> gone_; // crashed for good
  sim_checker checker_;
  std::uint64_t commands_ = 0;
  std::uint64_t reads_ = 0;
  std::size_t elections_ = 0;
  std::size_t reads_answered_ = 0;
  std::size_t changes_applied_ = 0;
  std::size_t installs_ = 0;
};

} // namespace troupe::raft::sim
