#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <test/model/move/history.hpp>
#include <test/model/move/ledger.hpp>
#include <test/model/move/member.hpp>
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
  std::uint8_t cuts = 0;           // a node is cut off from all; it returns
  node_set cut_off = 1;            // who may be
  bool data_goes_on = false;       // cut off from the leader alone
  std::uint8_t crashes = 0;        // a process ends
  node_set crash = 3;              // whose may
  std::uint8_t leader_changes = 0; // each with a first entry of its own
  bool snapshots = false;          // a late node may jump to the end of the log
  node_set leaves = 0;             // gives everything away and goes in order
};

/// Three nodes, their links, the log and its leader: every order of steps.
///
/// A state is a handful of numbers: nodes, links and logs are kept once each in
/// tables, and what a node does to an input is computed once. The digest of a
/// state is made of the numbers of equal things, so it is exact but for the
/// hash.
class world {
public:
  using link_ref = std::uint32_t; // 0: empty
  using label_ref = link::function_ref<std::string()>;

  struct state {
    log_ref log = 0;
    log_ref pending = 0; // proposed, not committed; 0: nothing is
    std::array<std::uint32_t, node_count> members{};
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
    std::uint8_t rollbacks = 0, hard_stops = 0, cuts = 0, crashes = 0,
                 changes = 0;
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

  // What a node does to one input.
  struct turn {
    std::uint32_t next = 0;
    std::vector<std::pair<std::uint8_t, std::uint32_t>> sent;
    std::vector<note> notes;
    std::string broken;
  };
  enum class input : std::uint8_t {
    accept,
    arrive_a,
    arrive_b,
    arrive_c,
    untaken,
    goodbye,
    apply,
    jump,
    start,
    work,
    end,
    hard_end,
    time,
    beat,
    echo,
  };
  struct emitter;

  bool visit(const state& s, sink to);
  void node_steps(emitter& go, std::size_t i);
  void link_steps(emitter& go, std::size_t i, std::size_t j);
  void leader_steps(emitter& go);

  std::uint32_t keep(member&& m);
  std::uint32_t keep(const frame& f);
  std::uint32_t keep_facts(const proto::Facts& facts);
  link_ref keep_link(std::vector<std::uint32_t> frames);
  const turn& take(std::uint32_t who, input what, std::uint32_t with);
  void feed(state& s, std::size_t i, input what, std::uint32_t with,
            std::string& broken);
  void commit(state& s, log_ref next, std::string& broken);
  void refresh(state& s);
  std::string check(const state& s) const;
  bool lives(const state& s, std::size_t i) const {
    return !((s.dead | s.left) >> i & 1);
  }
  std::optional<log_ref> decide(const state& s, question about);

  scenario scenario_;
  rules rules_;
  bool lossy_;
  history logs_;
  std::deque<member> members_;
  std::vector<std::uint32_t> facts_of_; // by member
  std::unordered_map<digest, std::uint32_t, digest_hash> member_numbers_;
  std::deque<frame> frames_;
  std::unordered_map<digest, std::uint32_t, digest_hash> frame_numbers_;
  std::vector<proto::Facts> facts_;
  std::unordered_map<std::string, std::uint32_t> facts_numbers_;
  std::deque<std::vector<std::uint32_t>> links_;
  std::unordered_map<digest, link_ref, digest_hash> link_numbers_;
  std::unordered_map<digest, std::optional<log_ref>, digest_hash> decided_;
  std::deque<turn> turns_;
  std::unordered_map<std::uint64_t, std::uint32_t> turn_numbers_;
};

} // namespace troupe::model
