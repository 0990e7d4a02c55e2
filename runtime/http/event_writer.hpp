#pragma once

#include <troupe/runtime/http/route.hpp>
#include <troupe/runtime/http/server_core.hpp>

#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/serializer.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace troupe::http {

/// Writes one sequence of events to one client, a page at a time. The next page
/// is taken only when the client's socket took the last, so a slow client costs
/// one page of memory, and finds a gap when it was too slow.
///
/// In:      the stream of a connection that reads nothing meanwhile.
/// Out:     a chunked answer of JSON lines (HTTP/1.0: until the end of the
///          connection), then `done`, which says whether the connection can be
///          used again.
/// Errors:  a client that leaves, or takes nothing for `write_timeout`, ends
/// it. Threads: all members run on the strand of the stream.
class event_writer : public std::enable_shared_from_this<event_writer> {
public:
  using on_done = std::function<void(bool usable)>;

  event_writer(std::shared_ptr<server_core> core,
               boost::beast::tcp_stream& stream, event_stream what,
               on_done done);

  void start(unsigned http_version, bool keep_alive);

private:
  using error_code = boost::system::error_code;

  struct wakeup; // what the backend's threads see of this

  void watch();
  void subscribe();
  void pump();
  void write(std::string text);
  void write_end();
  void end(bool usable);

  std::shared_ptr<server_core> core_;
  boost::beast::tcp_stream& stream_;
  event_stream what_;
  on_done done_; // empty once ended
  boost::beast::http::response<boost::beast::http::empty_body> head_;
  std::optional<
      boost::beast::http::response_serializer<boost::beast::http::empty_body>>
      serializer_;
  std::shared_ptr<wakeup> wakeup_;
  std::shared_ptr<void> subscription_;
  std::string page_;
  std::array<char, 512> ignored_;
  bool chunked_ = true;
  bool keep_alive_ = true;
  bool writing_ = false;
};

} // namespace troupe::http
