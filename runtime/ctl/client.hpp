#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/verb.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace troupe::ctl {

/// Where a node listens.
struct address {
  std::string host = "127.0.0.1";
  std::string port = "8101";
};

/// Reads `host:port`, `host`, `:port` or `[v6]:port`, after an optional
/// `http://`. Throws `failure` (usage).
address parse_address(std::string_view text);

/// Talks HTTP to one node over one connection, one request at a time.
///
/// In:      requests, each with the time it may take.
/// Out:     the body of an answer with a status below 300.
/// Errors:  throws `failure`: unreachable, deadline, or refused with the node's
///          detail and hint.
class client {
public:
  using milliseconds = std::chrono::milliseconds;

  explicit client(address node);

  std::string get(std::string_view target, milliseconds timeout);

  std::string post(std::string_view target, std::string_view body,
                   milliseconds timeout);

  /// Calls `on_line` for each line of an answer, until it returns false or the
  /// answer ends. Only the header must be there in time.
  void follow(std::string_view target, milliseconds timeout,
              const std::function<bool(std::string_view)>& on_line);

private:
  void connect(milliseconds timeout);
  std::string request(boost::beast::http::verb method, std::string_view target,
                      std::string_view body, milliseconds timeout);
  void send(boost::beast::http::verb method, std::string_view target,
            std::string_view body);

  /// Runs one operation to its end; `start` gets the handler.
  template <class Start>
  boost::system::error_code run(Start start);

  [[noreturn]] void fail(boost::system::error_code ec);

  address node_;
  boost::asio::io_context context_;
  boost::beast::tcp_stream stream_{context_};
  boost::beast::flat_buffer buffer_;
  bool connected_ = false;
};

} // namespace troupe::ctl
