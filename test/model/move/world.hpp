#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <test/model/move/catalogue.hpp>
#include <test/model/move/history.hpp>
#include <test/model/move/ledger.hpp>
#include <test/model/move/rules.hpp>
#include <troupe/cluster/link/function_ref.hpp>

namespace troupe::model {

/// Nodes as bits: A is 1, B is 2, C is 4.
using node_set = std::uint8_t;

/// What may happen, each as often as said, at any time.
struct scenario {
  std::string name;
  std::array<std::uint8_t, node_count> sends{}; // messages by node
  std::vector<node_set> moves{};                // where to, one after the other
  std::uint8_t rollbacks = 0;
  std::uint8_t hard_stops = 0;     // the stop deadline passes
  std::uint8_t overdue_fences = 0; // given up, though the answer may come
  std::uint8_t overdue_states = 0; // the same for the state of a start
  std::uint8_t cuts = 0;           // a node is cut off from all; it returns
  node_set cut_off = 1;            // who may be
  bool data_goes_on = false;       // cut off from the leader alone
  std::uint8_t crashes = 0;        // a process ends
  node_set crash = 3;              // whose may
  std::uint8_t leader_changes = 0; // each with a first entry of its own
  bool snapshots = false;          // a late node may jump to the end of the log
  node_set leaves = 0;             // gives everything away and goes in order
  bool farewells = false;          // streams after its goodbye are given up
};

/// Three nodes, their links, the log and its leader: every order of steps.
///
/// A state is a handful of numbers, of things in a catalogue and of logs. Its
/// digest is made of the numbers of equal things, so it is exact but for the
/// hash.
class world {
public:
  using member_ref = catalogue::member_ref;
  using link_ref = catalogue::link_ref;
  using label_ref = link::function_ref<std::string()>;

  struct state {
    log_ref log = 0;
    log_ref pending = 0; // proposed, not committed; 0: nothing is
    std::array<member_ref, node_count> members{};
    // From, to, lane; the second lane is used without `fence_in_order` only.
    std::array<std::array<std::array<link_ref, 2>, node_count>, node_count>
        links{};
    std::array<std::uint32_t, node_count> said{};   // facts that the leader has
    std::array<std::uint8_t, node_count> said_at{}; // the map they are about
    std::array<std::uint8_t, node_count> echo{};    // on its way: index + 1
    node_set cut = 0;
    node_set dead = 0;
    node_set left = 0;
    node_set asked_to_leave = 0;
    node_set silent = 0;    // for longer than its lease
    node_set keepers = 0;   // of the state that the next actor starts from
    std::uint8_t moves = 0; // made so far; the others are left to make
    std::uint8_t rollbacks = 0, hard_stops = 0, overdue_fences = 0,
                 overdue_states = 0, cuts = 0, crashes = 0, changes = 0;
    ledger books;
  };

  world(scenario what, rules on);

  state initial();
  digest digest_of(const state& s) const;
  template <class F>
  bool steps(const state& s, F f) {
    return visit(s, [&](const state& next, const std::string& broken,
                        const label_ref& label) { f(next, broken, label); });
  }
  std::string unsettled(const state& s) const;

private:
  using sink = link::function_ref<void(const state&, const std::string&,
                                       const label_ref&)>;
  struct emitter;

  // -- world_steps.cpp: what can happen next ----------------------------------
  bool visit(const state& s, sink to);
  void map_steps(emitter& go, std::size_t i);
  void actor_steps(emitter& go, std::size_t i);
  void lease_steps(emitter& go, std::size_t i);
  void fault_steps(emitter& go, std::size_t i);
  bool has_heard_of_leave(const state& s, std::size_t i) const;
  void goodbye_step(emitter& go, std::size_t i);
  void link_steps(emitter& go, std::size_t i, std::size_t j);
  template <class F>
  void enter(emitter& go, bool must, log_ref next, F also);
  void leader_steps(emitter& go);
  void move_steps(emitter& go);

  // -- world.cpp: what it does to the state -----------------------------------
  void feed(state& s, std::size_t i, input what, std::uint32_t with,
            std::string& broken);
  void commit(state& s, log_ref next, std::string& broken);
  void refresh(state& s);
  void crash(state& s, std::size_t i);
  std::optional<log_ref> decide(const state& s, question about);
  std::string check(const state& s) const;

  const member& node(const state& s, std::size_t i) const {
    return known_.at(s.members[i]);
  }
  bool lives(const state& s, std::size_t i) const {
    return !((s.dead | s.left) >> i & 1);
  }

  scenario scenario_;
  rules rules_;
  bool lossy_;
  history logs_;
  catalogue known_{rules_, logs_};
  std::array<member_ref, node_count> newborn_{}; // stand for those that ended
  std::unordered_map<digest, std::optional<log_ref>, digest_hash> decided_;
};

} // namespace troupe::model
