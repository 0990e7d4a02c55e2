#pragma once

#include <troupe/runtime/http/api_backend.hpp>
#include <troupe/runtime/http/http_settings.hpp>
#include <troupe/runtime/metrics/registry.hpp>

#include <memory>
#include <mutex>
#include <string>

namespace troupe::http {

/// Serves a node's HTTP interface.
///
/// In:      connections; settings, a backend that outlives the server, and the
///          registry that its metrics go to.
/// Out:     replies, in the order of the requests on each connection. After a
///          stop no call of the backend is under way and none follows.
/// Errors:  `start` names the address when it cannot listen on it. A bad client
///          loses its connection, nothing else.
/// Threads: its own for I/O, one by default. `start` and `stop` may be called
///          again, from any other thread.
class http_server {
public:
  http_server(http_settings settings, api_backend& backend,
              metrics::registry& metrics);

  ~http_server();

  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Takes the port, and answers nobody yet.
  result<std::uint16_t> listen();

  /// The port that it listens on.
  result<std::uint16_t> start();

  /// Ends idle connections and event streams at once; gives what is under way
  /// `stop_grace`.
  void stop();

  /// As in the settings, with the real port: "127.0.0.1:8101".
  std::string address() const;

  /// Zero while stopped.
  std::uint16_t port() const;

private:
  class running;

  result<std::uint16_t> listen_locked();

  const http_settings settings_;
  api_backend& backend_;
  metrics::registry& metrics_;
  mutable std::mutex mutex_;
  std::unique_ptr<running> running_;
};

} // namespace troupe::http
