#pragma once

#include <map>
#include <string>
#include <utility>

#include "sim_member.hpp"

namespace troupe::raft::sim {

/// Holds what must stay true over a whole run, crashes included. Keeps the
/// first thing that was not.
class sim_checker {
public:
  const std::string& failure() const { return failure_; }
  void fail(std::string what);

  /// What any member has ever known to be committed.
  log_index committed() const { return committed_; }

  void hard_written(const sim_member& x, const hard_state& before);
  void entries_written(const sim_member& x);
  void leader_seen(const sim_member& x, term t,
                   const std::map<member_id, sim_member>& all);
  void message_left(const sim_member& x, const message& msg);
  void state_changed(sim_member& x, const std::map<member_id, sim_member>& all);
  void applied(const sim_member& x, const entry& e);
  void conf_applied(const sim_member& x, const configuration& before);
  void read_answered(const sim_member& x, const read_answer& got,
                     log_index least);

private:
  struct committed_entry {
    raft::term term;
    digest body;
  };

  void changes_in_log(const sim_member& x, const view& v);
  void commit(const sim_member& x, const view& v, const entry& e,
              const std::map<member_id, sim_member>& all);

  std::string failure_;
  std::map<term, member_id> leaders_;
  std::map<std::pair<log_index, term>, std::pair<digest, term>> entries_;
  std::map<log_index, committed_entry> committed_entries_;
  std::map<log_index, digest> states_;
  std::map<log_index, configuration> confs_; // after a change at this index
  log_index committed_{};
};

} // namespace troupe::raft::sim
