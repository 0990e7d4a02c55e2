#pragma once

#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "frames.hpp"
#include "timeline.hpp"

namespace troupe::sim {

/// A process of a node, as the network knows it.
struct process_id {
  node_id node;
  std::uint64_t life = 0; // grows with each start, over all nodes
  friend auto operator<=>(process_id, process_id) = default;
};

/// Who is called when something arrives. All calls come from the timeline.
class network_listener {
public:
  virtual ~network_listener() = default;
  virtual void control_arrived(process_id to, node_id from, frame_kind kind,
                               const std::string& bytes) = 0;
  virtual void data_arrived(process_id to, process_id from,
                            data_frame frame) = 0;
  /// `who` has met, or expects, a later process than `with`.
  virtual void session_ended(process_id who, process_id with) = 0;
  /// `peer` said goodbye; `untaken` is what it had not taken.
  virtual void peer_left(process_id who, process_id peer,
                         std::vector<data_frame> untaken) = 0;
};

/// The network between the nodes: a control lane that delays, reorders and
/// loses, and a data lane that is a session between two processes: in order and
/// once, stopped while the way is cut, void when one of them ends.
class network {
public:
  struct weather {
    boot_time delay_min = std::chrono::microseconds{100};
    boot_time delay_max = std::chrono::milliseconds{2};
    std::uint32_t control_loss = 0;  // of 1000
    std::uint32_t control_twice = 0; // of 1000; not what is said once only
  };

  network(timeline& time, chance& luck, network_listener& listener)
      : time_(time), luck_(luck), listener_(listener) {}

  weather& conditions() { return weather_; }
  /// Frames of the control lane for which this is true are lost.
  using control_filter = std::function<bool(node_id, node_id, frame_kind)>;
  void lose_if(control_filter pred) { lose_if_ = std::move(pred); }

  void started(process_id who, incarnation as);
  incarnation started_as(process_id who) const { return starts_.at(who); }
  /// `who` has learned that this start of a node runs: it talks to no earlier
  /// one.
  void expect(process_id who, node_id peer, incarnation started);
  /// Crashed: its sessions are void.
  void ended(process_id who);
  /// Stopped in order: what was on its way to it goes back to the senders.
  void left(process_id who);

  void send_control(process_id from, node_id to, frame_kind kind,
                    std::string bytes);
  /// The frame itself if `from` has heard the goodbye of `to`.
  std::optional<data_frame> send_data(process_id from, node_id to,
                                      data_frame frame);
  /// Whether the two processes have a session; false for one that has ended.
  bool in_session(process_id a, process_id b) const;
  /// Frames on their way from this process to others that live.
  std::size_t outgoing(process_id from) const;

  void cut(node_id from, node_id to) { cuts_.insert({from, to}); }
  void heal(node_id from, node_id to);
  void heal_all();
  bool reachable(node_id from, node_id to) const {
    return cuts_.count({from, to}) == 0;
  }

private:
  using link = std::pair<process_id, process_id>;
  struct lane {
    std::deque<data_frame> frames;
    bool moving = false; // a delivery is under way
  };

  boot_time delay();
  void carry(process_id from, node_id to, frame_kind kind, std::string bytes);
  bool lives(process_id who) const;
  void meet(process_id a, process_id b);
  void greeted(process_id who, process_id peer);
  void move(link on);
  void say_goodbye(process_id peer, process_id who);
  void drop_lanes(process_id who);

  timeline& time_;
  chance& luck_;
  network_listener& listener_;
  weather weather_;
  control_filter lose_if_;
  std::map<node_id, std::uint64_t> lives_; // processes that run
  std::map<process_id, incarnation> starts_;
  std::map<std::pair<process_id, node_id>, std::uint64_t> met_;
  std::map<link, lane> lanes_;
  std::set<link> gone_; // the second said goodbye to the first
  std::map<std::pair<process_id, node_id>, std::vector<data_frame>> unmet_;
  std::set<std::pair<node_id, node_id>> cuts_;
};

} // namespace troupe::sim
