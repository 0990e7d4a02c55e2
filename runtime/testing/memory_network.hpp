#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <troupe/cluster/link/transport.hpp>
#include <troupe/runtime/testing/timeline.hpp>

namespace troupe::testing {

class memory_link;

/// The network between simulated nodes: what `link::transport` promises, out of
/// queues. The control lane delays and, over a cut, loses; the data lane is a
/// session between two processes: once and in order, stopped while it is cut,
/// void when one of them crashes, given back when one says goodbye.
///
/// Threads: one at a time. Handlers are called from the timeline only.
class memory_network {
public:
  struct settings {
    boot_time delay_min{0};
    boot_time delay_max{0};
    std::size_t frame_bytes_max = 16u << 20;
    std::size_t unacknowledged_bytes_max = 64u << 20; // data lane, one link
    boot_time silence =
        std::chrono::seconds{3}; // then a connection is given up
    boot_time redial = std::chrono::milliseconds{50};
  };

  memory_network(timeline& time, settings what) : time_(time), what_(what) {}

  /// A process's end of its links. It lives until the network goes.
  memory_link& open(link::transport_handler& handler);

  void cut(node_id a, node_id b);
  void heal(node_id a, node_id b);
  bool reachable(node_id a, node_id b) const {
    return cuts_.count(std::minmax(a, b)) == 0;
  }
  const std::set<std::pair<node_id, node_id>>& cuts() const { return cuts_; }

  /// A fingerprint of every frame that arrived.
  std::uint64_t trace() const { return trace_; }

private:
  friend class memory_link;

  boot_time delay() { return time_.between(what_.delay_min, what_.delay_max); }
  memory_link* alive(node_id node);
  void began(memory_link& who);
  void dial(memory_link& who, node_id to, boot_time in);
  void shake_hands(memory_link& a, memory_link& b);
  void greet(memory_link& who, memory_link& peer);
  void move(memory_link& from, node_id to);
  void carry(memory_link& from, node_id to, std::uint8_t kind,
             std::string bytes);
  void crashed(memory_link& who);
  void left(memory_link& who);
  void arrived(node_id from, node_id to, std::uint8_t kind,
               std::string_view bytes);

  timeline& time_;
  settings what_;
  std::vector<std::unique_ptr<memory_link>> links_;
  std::map<node_id, memory_link*> alive_;
  std::set<std::pair<node_id, node_id>> cuts_;
  std::uint64_t trace_ = 0;
};

/// One process's side of the network.
class memory_link final : public link::transport {
public:
  memory_link(memory_network& net, link::transport_handler& handler,
              std::uint64_t life)
      : net_(net), handler_(handler), life_(life) {}

  void set_identity(const link::identity& self) override;
  void set_peers(const std::vector<link::peer_address>& peers) override;
  void expect(node_id peer, incarnation started) override;
  void drop_peer(node_id peer) override;
  link::send_result send_if(node_id to, link::frame_class how,
                            std::uint8_t kind, parts payload,
                            predicate check) override;
  /// Nobody is a stranger here: members are told of each other.
  void introduce(const std::string&, std::string, std::chrono::milliseconds,
                 introduction_callback done) override;
  link::metrics metrics() const override { return {}; }

  /// The process crashed.
  void abandon();
  /// It has ended in order: its peers hear what it did not take.
  void say_goodbye();
  /// Frames on their way to nodes that can be reached.
  std::size_t outgoing() const;

private:
  friend class memory_network;

  struct frame {
    std::uint8_t kind;
    std::string bytes;
  };
  struct session {
    std::uint64_t life = 0; // of the peer's process; 0: never met
    troupe::incarnation incarnation;
    bool connected = false;
    bool dialling = false;
    bool moving = false;
    std::deque<frame> frames;
    std::size_t bytes = 0;
    std::uint64_t accepted = 0;
    std::uint64_t taken = 0;
    std::uint64_t received = 0;
  };

  void renew(node_id peer, session& with, incarnation started);
  void disconnect(node_id peer, link::close_reason why);
  void end(node_id peer, link::end_reason why, link::close_reason how);
  void tell_end(node_id peer, session gone, link::end_reason why,
                link::close_reason how);

  memory_network& net_;
  link::transport_handler& handler_;
  const std::uint64_t life_;
  link::identity self_;
  bool closed_ = false;
  std::map<node_id, session> sessions_;
};

} // namespace troupe::testing
