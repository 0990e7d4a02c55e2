#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <troupe/cluster/link/settings.hpp>
#include <troupe/cluster/link/transport.hpp>

namespace troupe::link {

/// The transport over TCP sockets: one session and at most one connection for
/// each peer, one thread for all of them.
///
/// In:      see transport.
/// Out:     calls of the handler, on the transport's thread, from `start` until
///          `stop` returns.
/// Errors:  `start` answers with a sentence; peers and networks never throw.
/// Threads: `send` takes the lock of its link and nothing else. `start`, `stop`
///          and the destructor belong to the owner's thread.
class asio_transport : public transport {
public:
  /// `what` must pass `check`. `listen` is host:port, port 0 takes a free one.
  /// `handler` must outlive the transport.
  asio_transport(const settings& what, std::string listen,
                 transport_handler& handler);
  ~asio_transport() override;

  asio_transport(const asio_transport&) = delete;
  asio_transport& operator=(const asio_transport&) = delete;

  /// Listens and serves introductions. Once.
  std::optional<refusal> start();

  /// Where it listens, host:port with the true port. After `start`.
  std::string local_address() const;

  /// Refuses new frames, waits until peers acknowledged what was accepted, up
  /// to `flush_timeout`, tells them what was taken from them, and closes. Takes
  /// at most goodbye_timeout longer. From its beginning on nothing more is
  /// taken on the data lane. A second call, of either, does nothing.
  void stop(std::chrono::milliseconds flush_timeout);

  /// Closes at once and says nothing: to the peers the process has died.
  void abandon();

  /// Runs `work` on the transport's thread, behind what is at hand there: who
  /// lives on this thread needs no other to be woken. From `start` until `stop`
  /// returns; work that comes later is dropped.
  void post(std::function<void()> work);

  /// On that thread, in work that was posted: what was sent need not wait for
  /// its end.
  void flush();

  /// Runs `work` there again and again, `interval` after its last end.
  void every(std::chrono::nanoseconds interval, std::function<void()> work);

  /// An eventfd(2): `work` runs there whenever it was counted up. It lives as
  /// long as the transport. -1: there is no descriptor left.
  int add_event(std::function<void()> work);

  void set_identity(const identity& self) override;
  void set_peers(const std::vector<peer_address>& peers) override;
  void expect(node_id peer, incarnation started) override;
  void drop_peer(node_id peer) override;
  send_result send_if(node_id to, frame_class how, std::uint8_t kind,
                      parts payload, predicate check) override;
  void introduce(const std::string& address, std::string request,
                 std::chrono::milliseconds timeout,
                 introduction_callback done) override;
  link::metrics metrics() const override;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::link
