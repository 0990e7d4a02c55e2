#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <troupe/actors/envelope.hpp>
#include <troupe/actors/partition/partition.hpp>
#include <troupe/actors/request_table.hpp>
#include <troupe/actors/sender_table.hpp>
#include <troupe/actors/sharded_counter.hpp>
#include <troupe/actors/slot_door.hpp>
#include <troupe/actors/slot_table.hpp>
#include <troupe/cluster/link/transport.hpp>
#include <troupe/cluster/map/shard_map.hpp>
#include <troupe/cluster/move/partition_slot.hpp>
#include <troupe/cluster/node/frame_kind.hpp>
#include <troupe/proto/message.pb.h>

namespace troupe {

class actor_timers;
class remote_sender;

/// Makes a partition's actor. Called on the coordinator's thread.
using partition_factory =
    std::function<caf::actor(caf::actor_system&, partition_context)>;

// A request's number for its owner: its partition's slot, and one of the
// slot's.
inline constexpr std::uint32_t sequence_bits = request_table::number_bits;
inline constexpr std::uint32_t slot_bits = 32;

inline std::uint32_t sequence_of(std::uint64_t request) {
  return static_cast<std::uint32_t>(request & ((1u << sequence_bits) - 1));
}

/// One partition as one node sees it. All members but the door are guarded by
/// `mutex`; while the door is open, `actor` does not change.
struct slot {
  slot_door door;
  std::mutex mutex;
  partition_slot<envelope> core;
  caf::strong_actor_ptr
      actor; // the partition's, while its intake is not closed
  request_table requests;
  std::uint64_t held_bytes = 0;
  std::uint32_t held_count = 0;
  // Put into the mailbox by the lock, less those by the door to earlier actors.
  // Written with the lock held, read inside of the door too.
  std::atomic<std::uint32_t> put_offset{0};
  bool crowded = false; // until half of what may wait there is done

  /// Messages of this node's routers in the mailbox, when so many went through
  /// the door and the actor is done with so many. With the lock held, or inside
  /// of the door.
  std::uint32_t waiting(std::uint64_t entered, std::uint32_t done) const {
    auto put = static_cast<std::uint32_t>(entered)
               + put_offset.load(std::memory_order_relaxed);
    return static_cast<std::int32_t>(put - done) > 0 ? put - done : 0;
  }
};

/// A region as one node sees it: its partitions' slots.
struct region_plane {
  std::string name;
  std::atomic<std::uint32_t> partitions{0}; // there may be more slots
  std::atomic<std::uint32_t> id{0};         // 0: not in the map yet
  slot_table<slot> slots;
  caf::actor router;
};

/// Counts of one node, for metrics and for its books: once nothing is under
/// way, accepted = settled() + unknown, and each message is in one of them.
struct plane_counters {
  sharded_counter accepted;
  sharded_counter delivered; // into a mailbox here
  sharded_counter processed; // here
  sharded_counter sent;      // to another node
  sharded_counter returned;  // given back to us
  sharded_counter answered;  // by partitions here, to anybody
  sharded_counter unknown;
  sharded_counter for_others; // done here, accepted elsewhere
  sharded_counter by_others;  // the other way round, as far as is known
  std::array<std::atomic<std::uint64_t>, errc_count> dropped{}; // by reason
  std::atomic<std::uint64_t> held{0};                           // now
  std::atomic<std::uint64_t> held_bytes{0};

  void drop(errc why) {
    dropped[static_cast<std::size_t>(why)].fetch_add(1,
                                                     std::memory_order_relaxed);
  }
  std::uint64_t dropped_sum() const;

  /// Of the accepted ones, those whose fate is known.
  std::uint64_t settled() const {
    return processed + dropped_sum() + by_others - for_others;
  }
};

/// A message that reached nobody.
struct dead_letter {
  std::string region;
  partition_id partition = 0;
  std::string key; // its beginning, if it is long
  errc why = errc::none;
  std::string type; // of the payload's first element
};

/// What the plane tells its node.
struct plane_listener {
  virtual ~plane_listener() = default;
  virtual void partition_started(partition_key, epoch) = 0;
  virtual void partition_stopped(partition_key, epoch,
                                 std::optional<partition_state>) = 0;
  virtual void partition_failed(partition_key, epoch, std::string why) = 0;
  virtual void lost_message(dead_letter) = 0;
};

/// Carries messages between routers and partition actors: decides nothing that
/// `partition_slot` decides, and performs what that says.
///
/// In:      messages from routers in their senders' threads, frames on the
///          transport's thread, changes of the map on the coordinator's.
/// Out:     mailboxes, links, answers.
/// Errors:  answered to the sender; a malformed frame is counted.
/// Threads: all functions are thread-safe. A slot's lock is held for one
///          decision; senders to different partitions share none.
class data_plane {
public:
  struct config {
    node_id self;
    cluster_settings settings;
    std::function<boot_time()> now;
    incarnation started{}; // of this node
  };

  data_plane(caf::actor_system& sys, plane_listener& listener);
  ~data_plane();

  // -- assembly, in this order -----------------------------------------------

  /// The region's slots and router; the same again for a name known already.
  region_plane& region(const std::string& name, std::uint32_t partitions);
  region_plane* find(std::string_view name);
  /// The node has its id and its links: from here on messages leave.
  void attach(config cfg, link::transport& links);
  /// Nothing is accepted any more; what is held is answered.
  void stop();

  /// Of a message that there is no room for: its sender is told, and it is a
  /// dead letter; or nothing happens, as who sends it keeps it.
  enum class overload : std::uint8_t { is_told, is_kept };

  // -- routers ----------------------------------------------------------------

  /// `none`: it is delivered, sent, or waits for its owner. Else nothing is
  /// done with it, and who sent it has been told.
  errc accept(region_plane& to, caf::mailbox_element_ptr what,
              caf::execution_unit* ctx, overload keeps = overload::is_told);
  /// The same for a partition that is known; `what` is (key, payload...).
  errc accept_at(region_plane& to, partition_id p,
                 caf::mailbox_element_ptr what, caf::execution_unit* ctx,
                 boot_time expires = {}, overload keeps = overload::is_told);

  // -- the coordinator --------------------------------------------------------

  void region_known(region_id id, const std::string& name,
                    std::uint32_t partitions);
  /// The lease of the node is over, or it is gone: what it did is unknown, in
  /// starts up to `upto` by assignments up to `at`.
  void owner_lost(node_id node, incarnation upto, log_index at);
  void route_changed(partition_key key, const route& to);
  void started(partition_key key, epoch at, caf::strong_actor_ptr actor);
  void close(partition_key key, epoch at);
  void lease_extended(boot_time end);
  void tick();

  // -- the transport ----------------------------------------------------------

  /// `started`: the incarnation that the link's session is with. Actors that
  /// have something to do are handed to `ctx`; null: to the scheduler.
  void receive(node_id from, incarnation started, frame_kind kind,
               std::string_view frame, caf::execution_unit* ctx = nullptr);
  /// The session is over, before anything of the next one.
  void session_ended(const link::session_end& end);
  void flush_fences();

  // -- partition actors -------------------------------------------------------

  /// The actor is gone; `left` is what it did not begin.
  void stopped(partition_key key, epoch at,
               fifo<intake<envelope>::parcel> left);
  void answer_fence(partition_key key, const fence& f);
  void stalled(caf::strong_actor_ptr who);
  /// It was taken from the mailbox, but not processed.
  void dropped(const std::string& region, partition_id p,
               const caf::mailbox_element& what, errc why);
  /// Sends an answer to a router on another node.
  void send_answer(const remote_sender& to, std::uint64_t request, epoch at,
                   const caf::type_erased_tuple& content);

  /// An answer to the request is on its way to who asked: its timeout, if it
  /// has one, goes.
  void ends_waiting(const caf::strong_actor_ptr& who, caf::message_id request);

  boot_time now() const { return config_.now(); }
  boot_time lease_end() const {
    return boot_time{lease_end_.load(std::memory_order_acquire)};
  }
  const config& cfg() const { return config_; }
  plane_listener& listener() { return listener_; }
  /// Some of other nodes' messages were done there.
  void will_report(caf::strong_actor_ptr who);
  /// With the next tick.
  void report_soon() { report_due_.store(true, std::memory_order_relaxed); }
  /// The last stage of what a partition answers. One of several, so that
  /// threads do not all count references to the same.
  const caf::strong_actor_ptr& gate(partition_id p) const {
    return gates_[p % gates_.size()];
  }
  plane_counters& counters() { return counters_; }
  std::uint64_t malformed() const { return malformed_; }

private:
  struct env;
  friend struct env;
  class access;
  friend class access;

  slot* find_slot(std::uint32_t region, std::uint32_t partition,
                  region_plane** plane = nullptr);
  slot* find_slot(partition_key key, region_plane** plane = nullptr) {
    return find_slot(key.region.value, key.partition, plane);
  }
  slot* find_slot_numbered(std::uint32_t number);
  template <class F>
  void with_slot(partition_key key, F f);
  struct asker { // who hears what became of a message
    caf::strong_actor_ptr source;
    caf::message_id mid;
    std::vector<caf::strong_actor_ptr> stages;
  };
  static open_request* find_request(slot& at, std::uint64_t request) {
    return at.requests.find(sequence_of(request));
  }
  std::optional<asker> take_asker(const envelope& msg, slot& at);
  std::vector<std::uint64_t> take_over(caf::mailbox_element& what);
  void wait_for_owner(region_plane& region, partition_id p, slot& at,
                      node_id from, envelope& msg);
  void tell(const caf::strong_actor_ptr& source, caf::message_id mid,
            caf::error why);
  errc refuse(caf::mailbox_element& what, const region_plane& region, errc code,
              std::string detail);
  void refuse(envelope& msg, region_plane& region, partition_id p, errc code);
  bool name_asker(envelope& msg, const region_plane& region, partition_id p,
                  slot& at);
  std::optional<std::string_view> payload_of(env& here, envelope& msg,
                                             std::string& room);
  std::optional<envelope> send_message(env& here, node_id owner, epoch e,
                                       envelope&& msg);
  link::send_result send(node_id to, frame_kind kind, link::frame_class how,
                         const google::protobuf::MessageLite& header,
                         std::string_view payload);
  void on_message(node_id from, incarnation started, std::string_view frame,
                  caf::execution_unit* ctx);
  void on_answer(node_id from, std::string_view frame,
                 caf::execution_unit* ctx);
  void on_give_back(node_id from, std::string_view frame);
  void came_back(node_id from, struct message_frame what,
                 const std::optional<route>& known);
  void on_fences(node_id from, incarnation started, std::string_view frame);
  void on_fences_answered(std::string_view frame);
  void on_processed(node_id from, std::string_view frame);
  void report(boot_time now);
  void end_streams(node_id node, incarnation upto, log_index at, bool in_order);
  template <class F>
  void each_slot(F f);
  void fail_requests(slot& at,
                     const std::function<bool(const open_request&)>& which,
                     errc why = errc::outcome_unknown);
  void note_active(region_plane& region, partition_id p);
  void note_held(region_plane& region, partition_id p, env& e);
  void drop(dead_letter letter);

  caf::actor_system& sys_;
  plane_listener& listener_;
  actor_timers* timers_; // null: another clock, which needs no help
  config config_;
  std::atomic<link::transport*> links_{nullptr};
  std::atomic<bool> stopped_{false};
  std::atomic<std::int64_t> lease_end_{0};
  std::array<caf::strong_actor_ptr, 16> gates_;
  std::shared_ptr<sender_table> senders_ = std::make_shared<sender_table>();
  plane_counters counters_;
  std::atomic<std::uint64_t> malformed_{0};

  // Of most nodes all: found without a lock.
  std::array<std::atomic<region_plane*>, 64> first_ids_{};
  std::array<std::atomic<region_plane*>, 64> first_made_{};
  std::shared_mutex regions_mutex_; // guards what follows, not what it holds
  std::map<std::string, std::unique_ptr<region_plane>, std::less<>> by_name_;
  std::map<std::uint32_t, region_plane*> by_id_;
  std::vector<region_plane*> by_slot_; // as they were made
  std::atomic<std::uint32_t> slots_{0};

  std::mutex mutex_; // guards what follows
  std::set<std::pair<region_plane*, partition_id>> active_; // need ticks
  std::vector<caf::strong_actor_ptr> stalled_;
  std::vector<caf::strong_actor_ptr> reports_; // who has something to report
  boot_time reported_at_{0};
  std::atomic<bool> report_due_{false};
  std::map<node_id, proto::Fences> fences_; // to be sent in one frame each
  std::atomic<bool> fences_wait_{false};
};

} // namespace troupe
