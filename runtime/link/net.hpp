#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>

/// What the link layer uses of Boost.Asio, with the executor's type fixed:
/// one thread runs all of it.
namespace troupe::link {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using tcp_resolver = asio::ip::basic_resolver<tcp, executor>;
using steady_clock = std::chrono::steady_clock;
using steady_timer =
    asio::basic_waitable_timer<steady_clock, asio::wait_traits<steady_clock>,
                               executor>;

struct host_port {
  std::string host;
  std::uint16_t port = 0;
};

/// "host:port", "1.2.3.4:port" or "[::1]:port". Nothing: it is none of them.
std::optional<host_port> parse_address(std::string_view text);
std::string to_string(const tcp::endpoint& x);

/// The address that a node with this listening address also dials from, so that
/// its peers know it by one address. Nothing: the system chooses, as for names
/// and wildcards.
std::optional<asio::ip::address> source_of(std::string_view listen);

/// Small frames leave at once; what the kernel holds unsent stays small, so
/// that control frames do not queue behind it.
void tune(tcp_socket& socket);

/// Another descriptor of a socket, for threads that write in turns with its
/// owner. Closed with this; none: there was none to be had.
///
/// Threads: one at a time.
class socket_copy {
public:
  socket_copy() = default;
  explicit socket_copy(tcp_socket& of);
  ~socket_copy();
  socket_copy(socket_copy&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  socket_copy& operator=(socket_copy&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  explicit operator bool() const { return fd_ >= 0; }

  /// Writes what the socket takes at once, and takes that off `slices`. If it
  /// fails, its owner will see why.
  void write(std::vector<std::string_view>& slices);

private:
  int fd_ = -1;
};

/// One attempt to reach an address: looks up the name and tries what it finds.
///
/// In:     address, timeout.
/// Out:    a connected socket or a sentence, once, unless cancelled before.
class dial : public std::enable_shared_from_this<dial> {
public:
  using result = std::variant<tcp_socket, std::string>;
  using callback = std::function<void(result)>;

  /// `source`: what our end of the connection is bound to, where it can be.
  dial(asio::io_context& io, const std::optional<asio::ip::address>& source);

  void start(const std::string& address, std::chrono::milliseconds timeout,
             callback done);
  void cancel();

private:
  void connect(std::vector<tcp::endpoint> to);
  void connect_next(error_code last);
  void finish(result x);

  tcp_resolver resolver_;
  tcp_socket socket_;
  steady_timer timer_;
  std::optional<asio::ip::address> source_;
  std::string address_;
  std::vector<tcp::endpoint> to_; // not tried yet, the next one last
  callback done_;
};

} // namespace troupe::link
