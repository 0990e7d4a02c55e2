#pragma once

#include <troupe/runtime/http/event_writer.hpp>
#include <troupe/runtime/http/server_core.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace troupe::http {

/// One client: reads a request, has it answered, writes the answer, and so on.
/// What a client pipelines waits in the buffer and the socket.
///
/// In:      bytes, of any kind and pace.
/// Out:     one reply per request, in order.
/// Errors:  input that is not HTTP, or over a limit, is answered and the
///          connection closed; a slow client is cut off.
/// Threads: all members run on the strand of the stream.
class connection : public std::enable_shared_from_this<connection> {
public:
  connection(std::shared_ptr<server_core> core,
             boost::asio::ip::tcp::socket socket);

  ~connection();

  /// Enters the server and starts to read; false when the server is full.
  bool start();

  /// Instead of a start: says one thing, as far as that goes at once, and ends.
  void turn_away(std::string_view text);

  /// Ends once nothing is under way: an idle connection at once.
  void finish();

  /// Ends now.
  void abort();

private:
  enum class state { idle, reading, waiting, writing, streaming, closing };

  using error_code = boost::system::error_code;
  using parser =
      boost::beast::http::request_parser<boost::beast::http::string_body>;

  void read_first();
  void read_header();
  void on_header(error_code ec);
  void read_body();
  void on_read_error(error_code ec);
  std::optional<api_error> check_header();
  void answer();
  respond answerer();
  void on_late(std::uint64_t request);
  void on_reply(std::uint64_t request, api_reply reply);
  void write(api_answer answer);
  void refuse_and_close(api_error error);
  void next(bool keep_alive);
  void linger();
  void read_away();
  void release_body();

  // Before everything that needs its I/O context to be destroyed.
  std::shared_ptr<server_core> core_;
  boost::beast::tcp_stream stream_;
  boost::asio::steady_timer late_;
  boost::beast::flat_buffer buffer_;
  std::optional<parser> parser_;
  std::optional<boost::beast::http::response<boost::beast::http::string_body>>
      response_;
  std::shared_ptr<event_writer> events_;
  std::uint64_t number_ = 0;  // in the server; zero: not entered
  std::uint64_t request_ = 0; // counted on this connection
  std::size_t reserved_ = 0;  // bytes for the body
  state state_ = state::idle;
  bool last_ = false; // no request after this one
  std::string_view route_;
  std::chrono::steady_clock::time_point asked_;
};

} // namespace troupe::http
