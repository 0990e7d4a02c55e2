#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <troupe/runtime/link/asio_transport.hpp>

namespace troupe::link::test {

using namespace std::chrono_literals;

inline constexpr auto patience = 120s; // far more than any of it takes

/// Short times, so that faults are noticed and mended quickly.
inline settings quick() {
  settings x;
  x.backoff_min = 1ms;
  x.backoff_max = 10ms;
  x.refused_backoff = 20ms;
  x.ack_delay = 1ms;
  return x;
}

inline identity who(std::uint64_t id, std::uint64_t start = 1) {
  identity x;
  x.cluster.fill(1);
  x.node = node_id{id};
  x.incarnation = incarnation{start};
  x.boot = 1000 * id + start;
  x.name = "n" + std::to_string(id);
  return x;
}

/// A transport and what it told its owner.
class test_node final : public transport_handler {
public:
  struct frame {
    node_id from;
    lane way;
    std::uint8_t kind;
    std::string payload;
  };

  explicit test_node(const identity& x, const settings& what = quick(),
                     const std::string& listen = "127.0.0.1:0")
      : self(x), transport(what, listen, *this) {
    if (auto no = transport.start())
      throw std::runtime_error{no->text};
    address = transport.local_address();
    self.address = address;
    if (self.node)
      transport.set_identity(self);
  }

  ~test_node() override { transport.stop(0ms); }

  peer_address at(const std::string& where = "") const {
    return {self.node, self.incarnation, where.empty() ? address : where};
  }

  send_result send(const test_node& to, std::string_view payload,
                   frame_class how = frame_class::data, std::uint8_t kind = 1) {
    std::string_view parts[] = {payload};
    return transport.send(to.self.node, how, kind, parts);
  }

  /// Waits until `f` holds; false when it never does. `f` runs under the lock.
  template <class F>
  bool wait(F f) {
    std::unique_lock guard{mutex};
    auto end = std::chrono::steady_clock::now() + patience;
    while (!f()) {
      if (std::chrono::steady_clock::now() > end)
        return false;
      // Metrics change without a call of the handler: look again now and then.
      changed.wait_for(guard, 5ms);
    }
    return true;
  }

  /// Until something happens, or a moment has passed.
  void pause() {
    std::unique_lock guard{mutex};
    changed.wait_for(guard, 1ms);
  }

  bool wait_connected(const test_node& to) {
    return wait([&] { return connected.count(to.self.node) > 0; });
  }

  /// The reasons of what could not be believed, for people.
  std::string complaints() {
    std::lock_guard guard{mutex};
    std::string out;
    for (auto why : malformed)
      out += std::string{to_string(why)} + " ";
    return out;
  }

  std::uint64_t malformed_sum() const {
    std::uint64_t sum = 0;
    for (auto x : transport.metrics().malformed)
      sum += x;
    return sum;
  }

  // transport_handler
  void on_frame(node_id peer, lane way, std::uint8_t kind,
                std::string_view payload) override {
    if (on_each) {
      on_each(peer, way, kind, payload);
      return;
    }
    std::lock_guard guard{mutex};
    frames.push_back({peer, way, kind, std::string{payload}});
    changed.notify_all();
  }

  void on_connected(const identity& peer) override {
    std::lock_guard guard{mutex};
    connected[peer.node] = peer;
    ++connections[peer.node];
    changed.notify_all();
  }

  void on_disconnected(node_id peer, close_reason why) override {
    std::lock_guard guard{mutex};
    connected.erase(peer);
    closed.push_back(why);
    changed.notify_all();
  }

  void on_session_ended(const session_end& x) override {
    std::lock_guard guard{mutex};
    ended.push_back(x);
    changed.notify_all();
  }

  std::optional<refusal> on_hello(const hello& from) override {
    std::lock_guard guard{mutex};
    return judge ? judge(from) : std::nullopt;
  }

  void on_refused(const refused_link& what) override {
    std::lock_guard guard{mutex};
    refused.push_back(what);
    changed.notify_all();
  }

  void on_malformed(std::string_view, malformed_reason why) override {
    std::lock_guard guard{mutex};
    malformed.push_back(why);
    changed.notify_all();
  }

  void on_introduction(std::string request, std::string remote,
                       introduction_reply reply) override {
    if (introduce)
      return introduce(std::move(request), std::move(remote), std::move(reply));
    reply("hello, " + request);
  }

  identity self;
  std::string address;

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<frame> frames;
  std::map<node_id, identity> connected;
  std::map<node_id, std::uint64_t> connections;
  std::vector<close_reason> closed;
  std::vector<session_end> ended;
  std::vector<refused_link> refused;
  std::vector<malformed_reason> malformed;
  std::function<std::optional<refusal>(const hello&)> judge;

  // Set before there are peers.
  std::function<void(node_id, lane, std::uint8_t, std::string_view)> on_each;
  std::function<void(std::string, std::string, introduction_reply)> introduce;

  asio_transport transport; // last: it calls all of the above
};

/// Both dial each other.
inline void acquaint(test_node& a, test_node& b) {
  a.transport.set_peers({b.at()});
  b.transport.set_peers({a.at()});
}

} // namespace troupe::link::test
