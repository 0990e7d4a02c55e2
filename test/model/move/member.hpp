#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <test/model/move/fields.hpp>
#include <test/model/move/history.hpp>
#include <test/model/move/rules.hpp>

namespace troupe::model {

/// What a node did to messages and actors, for the ledger; in order.
struct note {
  enum class kind : std::uint8_t {
    sent,      // `msg`, at `epoch`, to another node
    returned,  // `msg`, from another node
    processed, // `msg`, by the actor of `epoch`
    dropped,   // `msg`, and said so
    unknown,   // `count` messages of this router, sent at `epoch`
    settled,   // the fence of `epoch` came back to this router
    started,   // the actor of `epoch`, with `had`
    stopped,   // the same, `count` 1: its state is saved
  };
  kind what{};
  troupe::epoch epoch;
  message msg;
  std::uint64_t count = 0;
  content had{};
  bool given = false; // started: with a state
};

/// What one step of a node did.
struct outputs {
  std::vector<std::pair<node_id, frame>> frames;
  std::vector<note> notes;
  std::string broken;
};

/// One node: the real slot, host and lease, and an actor. What is done here is
/// what the shell does around them: the order of effects is that of node_core.
class member {
public:
  member(node_id self, const rules& on)
      : self_(self), host_(self, incarnation{1}), lease_(cluster_settings{}) {
    (void)echoed(log_index{}, on);
  }

  // -- steps; each is one turn of the node ------------------------------------

  void accept(const rules&, outputs&);
  void arrive(const rules&, outputs&, node_id from, const frame&);
  /// What this node had sent to one that left, and that it had not taken.
  void came_back(const rules&, outputs&, const frame&);
  void peer_left(const rules&, outputs&, node_id peer);
  /// The same for a stream that began after its goodbye.
  void farewell_over(const rules&, outputs&);
  /// Applies the last entry of this log.
  void apply(const rules&, outputs&, const history&, log_ref log);
  /// Installs a snapshot of this log.
  void jump(const rules&, outputs&, const history&, log_ref log);
  void start(const rules&, outputs&);
  /// The actor works off the head of its mailbox.
  void work(const rules&, outputs&);
  /// Its stop deadline passes, or it was killed: it ends as it is.
  void end(const rules&, outputs&, bool save);
  /// It has waited long enough for the answer to a fence.
  void fence_overdue(const rules&, outputs&);
  /// The same for the state that it is to start from.
  void state_overdue(const rules&, outputs&);
  /// Its lease ends, and what would extend it is too old.
  void time_passes() {
    now_ = std::max(now_, lease_.end()) + std::chrono::seconds{2};
  }
  /// It sends a heartbeat, which gets to the leader.
  void beats() { now_ += std::chrono::seconds{5}; }
  /// The echo of its last heartbeat, good once `index` is applied.
  bool echoed(log_index index, const rules&) {
    return lease_.echoed(now_, index, applied_);
  }

  // -- what can be seen -------------------------------------------------------

  node_id id() const { return self_; }
  log_index applied() const { return applied_; }
  std::uint8_t accepted() const { return accepted_; }
  bool has_lease() const { return lease_.end() > now_; }
  bool lease_waits() const { return field<lease_waiting>(lease_).has_value(); }
  /// Has an actor that may begin a message now.
  bool runs() const {
    return actor_ && actor_->running && !actor_->killed && has_lease();
  }
  const partition_host& host() const { return host_; }
  bool may_start(const rules& on) const {
    return actor_ && !actor_->running && !actor_->killed
           && (has_lease() || !on.gate);
  }
  bool may_work(const rules& on) const;
  bool is_stopping() const {
    return actor_ && actor_->running && !actor_->killed
           && field<intake_state>(slot_.in())
                  == intake<message>::state::closing;
  }
  /// For a fence without whose answer the next stream does not open.
  bool waits_for_fence(const rules& on) const {
    auto& out = slot_.out();
    bool next_runs = out.known().open() && out.known().epoch > out.at();
    return out.current() == stream<message>::state::fencing
           && !out.streams_to(self_) && (next_runs || !on.fence_waits);
  }
  /// A stream leads to a node that has said goodbye.
  bool streams_to_gone() const {
    auto& out = slot_.out();
    for (std::uint64_t id = 1; id <= 3; ++id)
      if ((gone_ >> id & 1) && out.streams_to(node_id{id}))
        return true;
    return false;
  }
  bool waits_for_state() const { return !field<host_awaited>(host_).empty(); }
  bool is_killed() const { return actor_ && actor_->killed; }
  bool has_actor() const { return actor_.has_value(); }
  /// Nothing of its own router is open.
  bool router_idle() const {
    return slot_.out().held() == 0
           && slot_.out().current() != stream<message>::state::fencing;
  }
  std::string unsettled() const;
  digest digest_of() const;
  std::string head() const; // of the mailbox, for people

private:
  struct item {
    enum class kind : std::uint8_t { message, fence, marker } what{};
    message msg;
    fence asked;
  };
  struct actor {
    epoch at;
    bool running = false;
    bool killed = false;
    std::vector<item> mailbox;
    content had{};
    bool given = false;
  };
  struct env;

  void perform(const rules&, outputs&);
  void lose(const rules&, outputs&, const history&, log_ref, node_id);
  void answer(const rules&, outputs&, const fence&);
  void after(const rules&, outputs&);

  node_id self_;
  slot slot_;
  partition_host host_;
  lease lease_;
  boot_time now_{std::chrono::seconds{100}};
  log_index applied_;
  std::uint8_t accepted_ = 0;
  std::uint8_t gone_ = 0; // peers that said goodbye, as bits
  std::optional<actor> actor_;
};

} // namespace troupe::model
