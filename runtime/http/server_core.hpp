#pragma once

#include <troupe/runtime/http/api.hpp>
#include <troupe/runtime/http/http_settings.hpp>
#include <troupe/runtime/metrics/registry.hpp>

#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace troupe::http {

class connection;

/// What the connections of one server share. It outlives them, and whatever a
/// backend still holds to answer them.
///
/// Threads: any.
class server_core {
public:
  server_core(const http_settings& settings, api_backend& backend,
              metrics::registry& metrics);

  boost::asio::io_context& context() { return context_; }

  const http_settings& settings() const { return settings_; }

  http::api& api() { return api_; }

  // -- the open connections ---------------------------------------------------

  /// The number of the new connection; zero when there are too many, or none
  /// are wanted any more.
  std::uint64_t enter(std::weak_ptr<connection> x);

  void leave(std::uint64_t number);

  /// No more connections from here on; those there are.
  std::vector<std::shared_ptr<connection>> close_door();

  /// Waits until all connections left; false when the time is over before.
  bool wait_empty(std::chrono::milliseconds limit);

  // -- what request bodies may take -------------------------------------------

  bool reserve(std::size_t bytes);

  void release(std::size_t bytes);

  // -- metrics ----------------------------------------------------------------

  void count_request(std::string_view route, int status, double seconds);

  /// A connection that ended otherwise than by the client's or our wish.
  void count_closed(const char* reason);

private:
  const http_settings settings_;
  http::api api_;
  metrics::registry& metrics_;
  metrics::gauge& open_;
  std::mutex mutex_;
  std::condition_variable left_;
  bool closed_ = false;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::weak_ptr<connection>> connections_;
  std::size_t body_bytes_ = 0;
  boost::asio::io_context context_;
};

} // namespace troupe::http
