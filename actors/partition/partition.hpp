#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <troupe/actors/envelope.hpp>
#include <troupe/cluster/map/types.hpp>
#include <troupe/cluster/move/intake.hpp>
#include <troupe/cluster/move/partition_host.hpp>

namespace troupe {

class partition;
class data_plane;
class remote_sender;

/// What all partitions of a region have in common on a node.
struct region_context {
  data_plane* plane = nullptr; // outlives the actors
  std::string name;
  bool keep_running = false;
  boot_time stop_deadline{0};
};

/// What a partition actor is made with: its constructor passes it on.
struct partition_context {
  std::shared_ptr<const region_context> region;
  partition_key key;
  troupe::epoch epoch;
  /// What the last owner saved, until it has started; then what itself did.
  partition_state state;
};

/// An actor that owns one partition of a region: what users derive from, or
/// give a behavior function for. Handlers take `(const std::string& key,
/// payload...)`.
///
/// Exactly one node runs the partition at a time. When it moves, the actor
/// works up its mailbox, answers its open requests, saves its state and quits;
/// on the next node another one starts with that state before its first
/// message.
///
/// Invariants: [INV-GATE-1..3] in cluster/README.md.
/// Threads: an event-based actor, as any other in CAF.
class partition : public caf::event_based_actor {
public:
  using super = caf::event_based_actor;

  partition(caf::actor_config& cfg, partition_context context);
  ~partition() override;

  // -- what it is -------------------------------------------------------------

  const std::string& region() const { return context_.region->name; }
  /// Which one, counted from 0.
  partition_id number() const { return context_.key.partition; }
  /// The fencing token of this ownership: greater than that of every earlier
  /// owner. Hand it to whatever this actor writes to.
  troupe::epoch epoch() const { return context_.epoch; }

  // -- hooks ------------------------------------------------------------------

  /// Called before the first message, after `on_load`.
  void on_start(std::function<void(troupe::epoch)> hook);
  /// Called when the actor is about to save and stop, its requests answered.
  void before_stop(std::function<void()> hook);
  /// The state to hand to the next owner. Without this hook the next owner
  /// starts empty.
  void on_save(std::function<std::string()> hook);
  /// Gets what the last owner saved; not called if there is nothing.
  void on_load(std::function<void(std::string_view)> hook);

  // -- the runtime's side -----------------------------------------------------

  /// Puts a message of a router into the mailbox.
  void deliver(envelope&& msg, caf::execution_unit* ctx);
  /// The same for one that needs no more than its place in the mailbox.
  void enqueue_routed(caf::mailbox_element_ptr element,
                      caf::execution_unit* ctx);
  void deliver(const fence& f);
  /// Messages of this node's own routers that it is done with, modulo 2^32.
  std::uint32_t done_here() const {
    return done_here_.load(std::memory_order_relaxed);
  }
  void stop();        // puts the marker into the mailbox
  void kill();        // begins nothing more, from now on [INV-GATE-3]
  void gate_opened(); // the lease holds again
  void begin();       // load, start; the first message of all

  /// What may become of an answer that is on its way out.
  enum class verdict {
    pass,
    unknown, // only that nobody knows what came of the request
    drop,    // it is answered already
  };
  verdict answered(const caf::strong_actor_ptr& source, caf::message_id mid);
  /// A message was handed to another partition: it is not open here any more.
  /// Returns the nodes that it passed.
  std::vector<std::uint64_t> handed_on(const caf::strong_actor_ptr& source,
                                       caf::message_id mid);

  /// Messages of another node's router that were done here, until now.
  struct tally {
    node_id origin;
    incarnation started;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<tally> take_tallies();
  void done_for(const remote_sender& from, const caf::mailbox_element& what);

  bool gate_open() const;
  bool lease_holds() const;
  /// The lease is not over: what it says may leave the node.
  bool may_speak() const;
  /// It is dead, or about to be, and takes nothing any more.
  bool gone() const { return gone_; }
  partition_key key() const { return context_.key; }
  data_plane& plane() const { return *context_.region->plane; }

  caf::invoke_message_result consume(caf::mailbox_element& x) override;
  bool cleanup(caf::error&& reason, caf::execution_unit* host) override;
  const char* name() const override { return "troupe.partition"; }

private:
  struct hooks {
    std::function<void(troupe::epoch)> start;
    std::function<void()> stop;
    std::function<std::string()> save;
    std::function<void(std::string_view)> load;
  };
  struct collector;
  struct open_request {
    caf::strong_actor_ptr source;
    caf::message_id mid;
    std::vector<std::uint64_t> path; // set once its handler returned
  };
  enum class phase : std::uint8_t { fresh, running, closing, returning, done };

  hooks& own_hooks();
  static bool routed(const caf::mailbox_element& x);
  static void take_off_stages(caf::mailbox_element& x);
  caf::invoke_message_result control(const struct partition_control& what);
  caf::invoke_message_result consume_routed(caf::mailbox_element& x);
  void wait_for_gate();
  bool must_wait();
  bool ending() const {
    return phase_ == phase::returning || phase_ == phase::done;
  }
  void on_begin();
  void on_marker();
  void on_deadline();
  void on_kill();
  void on_fence(const fence& f);
  void on_end();
  bool idle();
  void finish_if_idle();
  void finish();
  void flush_skipped();
  bool has_leftovers();
  void collect_mailbox(const caf::error& reason);
  void answer_open(const caf::error& why);
  void give_back_rest();
  bool erase_open(const caf::strong_actor_ptr& source, caf::message_id mid,
                  std::vector<std::uint64_t>* path = nullptr);
  void pong();
  void note_done_here() { // one thread writes
    done_here_.store(done_here() + 1, std::memory_order_relaxed);
  }
  caf::error why_not_begun(caf::mailbox_element& x) const;
  envelope rebuild(caf::mailbox_element& x);

  partition_context context_;
  std::unique_ptr<hooks> hooks_;
  phase phase_ = phase::fresh;
  std::atomic<bool> killed_{false};
  std::atomic<bool> gone_{false};
  std::atomic<std::uint32_t> done_here_{0};
  bool stalled_ = false; // something was skipped until the gate opens
  bool saved_ = false;   // its own state
  fifo<intake<envelope>::parcel> left_; // not begun, in order
  std::mutex mutex_;                    // guards what follows
  bool closing_ = false; // wants to hear when the last request is answered
  std::vector<open_request> open_;
  std::vector<tally> tallies_;
};

/// A partition actor with a state of its own, as caf::stateful_actor.
template <class State>
using stateful_partition = caf::stateful_actor<State, partition>;

} // namespace troupe
