#pragma once

#include <iosfwd>
#include <string>

#include <raft_script/directive.hpp>
#include <raft_script/state_text.hpp>

namespace troupe::raft::script {

/// Carries out the directives of a script and shows what they lead to.
class script_runner {
public:
  /// Returns the refusal; empty: carried out.
  std::string run(const directive& x);

  /// The state of all members, and a dot.
  std::string state() const;

  /// A whole script. After each directive: `== number directive`, `err text`
  /// if refused, and the state.
  void run_all(std::istream& in, std::ostream& out);

private:
  using action = std::string (script_runner::*)(const directive&);

  std::string add_nodes(const directive& x);
  std::string campaign(const directive& x);
  std::string compact(const directive& x);
  std::string compact_applied(const directive& x);
  std::string deliver(const directive& x);
  std::string forget_leader(const directive& x);
  std::string process_append(const directive& x);
  std::string process_apply(const directive& x);
  std::string process_ready(const directive& x);
  std::string propose(const directive& x);
  std::string propose_change(const directive& x);
  std::string read_index(const directive& x);
  std::string report_snapshot(const directive& x);
  std::string report_unreachable(const directive& x);
  std::string restart(const directive& x);
  std::string send_snapshot(const directive& x);
  std::string set_timeout(const directive& x);
  std::string show(const directive& x);
  std::string stabilize(const directive& x);
  std::string tick_election(const directive& x);
  std::string tick_heartbeat(const directive& x);
  std::string transfer(const directive& x);

  std::string tick(const directive& x, std::uint32_t settings::*count);
  std::string each(const directive& x, void (script_world::*f)(script_node&));
  script_node* first_node(const directive& x);

  script_world world_;
  std::uint64_t reads_ = 0;
};

} // namespace troupe::raft::script
