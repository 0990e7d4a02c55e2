#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim_member.hpp"

namespace troupe::sim {

/// A group of members with clients and whatever can go wrong, in one thread
/// from one seed.
///
/// `run`: a phase with faults, then one without in which everything must come
/// to an end.
class world final : public member_listener {
public:
  explicit world(group_plan what);

  /// Empty: all is well. Else what is not.
  std::string run();

  /// What the runs reached, to know that they tested something.
  struct reached {
    std::size_t answered = 0;
    std::size_t unknown = 0;
    std::size_t crashes = 0;
    std::size_t pauses = 0;
    std::size_t restores = 0;
    std::size_t joined = 0;
    std::size_t removed = 0;
    std::size_t disk_faults = 0;
    std::size_t lease_reads = 0;
  };
  const reached& count() const { return count_; }
  const history& operations() const { return history_; }

private:
  // member_listener
  void sent(raft::member_id from, raft::member_id to, raft::group_frame kind,
            std::string bytes) override;
  void failed(std::size_t place) override;
  void applied(std::size_t place, raft::log_index at,
               std::uint64_t digest) override;

  void begin();
  void run_until(boot_time end);
  void schedule_fault();
  void fault();
  void crash(std::size_t place, bool power);
  void revive(std::size_t place);
  void pause(std::size_t place);
  void cut();
  void break_disk();
  void change_members();
  void join(std::size_t place);
  void retire(std::size_t place);
  void client(int number);
  void next_of(int number);
  void propose(int number, operation x);
  void heal();
  void settle();
  bool at_rest() const;
  std::string look() const;

  sim_member* by_id(raft::member_id id);
  sim_member* any_running();
  bool reachable(std::size_t a, std::size_t b) const {
    return cuts_.count({a, b}) == 0;
  }
  void fail(std::string what) {
    if (failure_.empty())
      failure_ = std::move(what);
  }

  group_plan plan_;
  timeline time_;
  chance luck_;
  std::vector<std::unique_ptr<sim_member>> members_;
  std::map<raft::member_id, std::size_t> places_;
  std::set<std::pair<std::size_t, std::size_t>> cuts_; // from, to
  std::map<raft::log_index, std::uint64_t> digests_;
  history history_;
  std::uint64_t values_ = 0;
  bool faulty_ = true;
  bool asking_ = true;
  reached count_;
  std::string failure_;
  std::uint64_t steps_ = 0;
};

} // namespace troupe::sim
