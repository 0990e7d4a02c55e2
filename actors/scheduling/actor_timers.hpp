#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <caf/detail/thread_safe_actor_clock.hpp>

#include <troupe/actors/scheduling/timer_wheel.hpp>

namespace troupe {

/// The clock of an actor system: timeouts of requests and of actors, and
/// delayed messages, in timer wheels.
///
/// CAF's own hands each of them to a thread through a queue of 64, looks
/// through all of an actor's to cancel one, and does not cancel the timeout of
/// a request that was answered: its error message comes all the same, when it
/// is due. Here nobody is woken for a timeout that is not the next one, and
/// `answered` ends that of a request.
///
/// A timeout comes up to a quarter of a millisecond late, never early; those of
/// the same quarter in the order in which they were set.
///
/// Threads: all functions are thread-safe; timers of different actors are
///          rarely behind the same lock. `run` is the one that they fire in.
class actor_timers final : public caf::detail::thread_safe_actor_clock {
public:
  actor_timers();
  ~actor_timers() override;

  /// That of the system, if it uses one.
  static actor_timers* of(caf::actor_system& sys);

  /// The request needs no timeout any more. (One that was answered before CAF
  /// has set its timeout, which it does after sending, keeps it until it is
  /// due.)
  void answered(const caf::strong_actor_ptr& who, caf::message_id request) {
    cancel_request_timeout(who->get(), request.response_id());
  }

  std::size_t size() const;

  /// Until `stop`.
  void run();
  void stop();

  void set_ordinary_timeout(time_point t, caf::abstract_actor* self,
                            caf::atom_value type, std::uint64_t id) override;
  void set_multi_timeout(time_point t, caf::abstract_actor* self,
                         caf::atom_value type, std::uint64_t id) override;
  void set_request_timeout(time_point t, caf::abstract_actor* self,
                           caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self,
                               caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self,
                              caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point t, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override;
  void schedule_message(time_point t, caf::group target,
                        caf::strong_actor_ptr sender,
                        caf::message content) override;
  void cancel_all() override;

private:
  enum class kind : std::uint8_t { free, actor, request, message, group };

  // Those that `cancel_timeouts` ends.
  static bool of_an_actor(kind what) {
    return what == kind::actor || what == kind::request;
  }

  struct group_message {
    caf::group target;
    caf::message content;
  };

  struct timer : timer_link {
    kind what = kind::free;
    caf::strong_actor_ptr self; // the receiver
    std::uint64_t id = 0;       // of the request, or of the timeout
    caf::atom_value type{};
    bool only_one = false; // of its type
    caf::mailbox_element_ptr content;
    std::unique_ptr<group_message> to_group;
    timer* before = nullptr; // of the same actor
    timer* behind = nullptr;
    timer* same_hash = nullptr;
  };

  // Of some actors.
  struct shard {
    mutable std::mutex mutex;
    std::atomic<std::size_t> requests{0};
    timer_wheel wheel;
    std::unordered_map<caf::actor_id, timer*> first_of;
    std::vector<timer*> table; // of requests, by hash
    std::deque<timer> timers;
    std::vector<timer*> spare;

    timer& make(kind what, caf::strong_actor_ptr self);
    void free(timer& x); // out of everything but the wheel
    timer*& chain(caf::actor_id who, std::uint64_t request);
    void add_request(timer& x);
    timer* find(caf::actor_id who, std::uint64_t request);
    timer* find(caf::actor_id who, caf::atom_value type);
    void grow();
  };

  static std::uint64_t tick_of(time_point t, bool up);
  shard& shard_of(caf::actor_id who) { return shards_[who % shards_.size()]; }
  void add(shard& in, timer& x, time_point due);
  void wake_before(std::uint64_t tick);
  static void fire(timer& x);
  void fire_all(shard& in, std::uint64_t now);

  std::array<shard, 16> shards_;
  std::mutex mutex_; // guards what follows
  std::condition_variable changed_;
  bool stopped_ = false;
  std::optional<std::uint64_t> earlier_; // a timer added while it looked
  // When `run` looks again, in ticks; the greatest: it looks now.
  std::atomic<std::uint64_t> wakes_at_{0};
};

} // namespace troupe
