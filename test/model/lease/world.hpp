#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <test/model/digest.hpp>
#include <test/model/expose.hpp>
#include <troupe/cluster/coordinator/failure_detector.hpp>
#include <troupe/cluster/coordinator/lease.hpp>
#include <troupe/cluster/link/function_ref.hpp>

namespace troupe::model {

/// The rules of a lease. One that is false is switched off.
struct lease_rules {
  bool round_awaited = true; // an echo waits for a round of a quorum
  bool round_after = true;   // which began after the heartbeat arrived
  bool from_send = true;     // the lease runs from the sending
  bool index_applied = true; // and only once that index is applied
  bool index_of_last = true; // the log's last, not the last committed
  bool base_known = true;    // a new leader counts from a base
  bool base_of_all = true;   // which is the latest of all that elected it
  bool lease_awaited = true; // nothing is taken away before its time
};

struct lease_scenario {
  std::string name;
  int length = 3;      // of the lease, in ticks
  int margin = 2;      // the same
  int ticks = 8;       // of the whole run
  int clock_ticks = 4; // a clock may be wrong by one tick in so many
};

/// Node A owns the partition. L leads; V is elected in its place at any time,
/// by W and itself, and L may go on to believe that it leads. Either leader
/// takes A's partition away when its detector lets it, and B then runs at once.
/// Every message may take any time, or be overtaken by the next. A's clock may
/// be slow, those of the leaders fast.
///
/// Real: A's `lease`; the `echo_queue` and `failure_detector` of L and V.
class lease_world {
public:
  struct leader {
    echo_queue echoes;
    failure_detector detector;
    bool leads = false;
    bool proposed = false;  // that A is lost
    std::uint8_t round = 0; // last one begun
    std::int8_t sent = -1;  // last heartbeat of A to it; one a tick
    std::int8_t beat = -1;  // the one on its way; -1: none
    std::int8_t echo = -1;  // on its way to A: of the heartbeat sent then
    std::uint8_t index = 0; // of that echo
  };

  struct state {
    lease right;
    std::array<leader, 2> leaders;       // L, V
    std::int8_t now = 0;                 // of A's clock
    std::int8_t led = 0;                 // of the leaders' clocks
    std::int8_t slow_since = 0;          // ticks since A's clock was wrong last
    std::int8_t fast_since = 0;          // the same of the leaders'
    std::int8_t ticks = 0;               // of a right clock
    std::array<std::int8_t, 2> ack{};    // when V and W acknowledged L last
    std::array<std::uint8_t, 2> acked{}; // the round of L that they have
    std::uint8_t applied = 1;            // by A
    std::uint8_t taken = 0; // index by which A lost the partition; 0: it owns
  };

  lease_world(lease_scenario what, lease_rules on);

  state initial() const;
  digest digest_of(const state& s) const;
  template <class F>
  bool steps(const state& s, F f) const {
    visit(s, [&](const state& next, const std::string& broken,
                 const label_ref& label) { f(next, broken, label); });
    return s.ticks == scenario_.ticks;
  }
  /// Nothing is owed: who is silent may be silent for ever.
  std::string unsettled(const state&) const { return {}; }

private:
  using label_ref = link::function_ref<std::string()>;
  using sink = link::function_ref<void(const state&, const std::string&,
                                       const label_ref&)>;

  void visit(const state& s, sink to) const;
  std::uint8_t last_index(const state& s, std::size_t who) const;
  std::uint8_t committed(const state& s, std::size_t who) const;
  void begin_round(leader& one) const;
  void heartbeat_arrives(state& s, std::size_t who) const;
  void round_confirmed(state& s, std::size_t who, std::uint8_t round) const;
  void echo_arrives(state& s, std::size_t who) const;
  void elect(state& s) const;
  std::string check(const state& s) const;

  lease_scenario scenario_;
  lease_rules rules_;
  cluster_settings settings_;
};

} // namespace troupe::model
