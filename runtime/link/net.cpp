#include <troupe/runtime/link/net.hpp>

#include <charconv>
#include <utility>
#include <vector>

#include <netinet/tcp.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>

namespace troupe::link {

namespace {

constexpr int unsent_bytes_max = 256 << 10;

} // namespace

std::optional<host_port> parse_address(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0)
    return std::nullopt;
  auto host = text.substr(0, colon);
  auto digits = text.substr(colon + 1);
  if (host.front() == '[') {
    if (host.size() < 3 || host.back() != ']')
      return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    return std::nullopt;
  }
  host_port result{std::string{host}, 0};
  auto end = digits.data() + digits.size();
  auto [at, wrong] = std::from_chars(digits.data(), end, result.port);
  if (wrong != std::errc{} || at != end)
    return std::nullopt;
  return result;
}

std::string to_string(const tcp::endpoint& x) {
  auto host = x.address().to_string();
  if (x.address().is_v6())
    host = "[" + host + "]";
  return host + ":" + std::to_string(x.port());
}

void tune(tcp_socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
#ifdef TCP_NOTSENT_LOWAT
  using unsent =
      asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
  socket.set_option(unsent{unsent_bytes_max}, ignored);
#endif
}

dial::dial(asio::io_context& io)
    : resolver_(io.get_executor()),
      socket_(io.get_executor()),
      timer_(io.get_executor()) {
}

void dial::start(const std::string& address, std::chrono::milliseconds timeout,
                 callback done) {
  address_ = address;
  done_ = std::move(done);
  timer_.expires_after(timeout);
  timer_.async_wait([self = shared_from_this(), timeout](error_code e) {
    if (!e)
      self->finish("no connection to " + self->address_ + " within "
                   + std::to_string(timeout.count()) + " ms");
  });
  auto where = parse_address(address);
  if (!where) {
    asio::post(timer_.get_executor(), [self = shared_from_this()] {
      self->finish("\"" + self->address_
                   + "\" is not an address of the form host:port");
    });
    return;
  }
  error_code no_number;
  auto number = asio::ip::make_address(where->host, no_number);
  if (!no_number)
    return connect({tcp::endpoint{number, where->port}});
  resolver_.async_resolve(
      where->host, std::to_string(where->port),
      [self = shared_from_this()](error_code e,
                                  const tcp::resolver::results_type& found) {
        if (e)
          return self->finish("cannot look up " + self->address_ + ": "
                              + e.message());
        self->connect({found.begin(), found.end()});
      });
}

void dial::connect(std::vector<tcp::endpoint> to) {
  if (!done_)
    return;
  asio::async_connect(
      socket_, to,
      [self = shared_from_this()](error_code e, const tcp::endpoint&) {
        if (e)
          return self->finish("cannot connect to " + self->address_ + ": "
                              + e.message());
        tune(self->socket_);
        self->finish(std::move(self->socket_));
      });
}

void dial::cancel() {
  done_ = nullptr;
  timer_.cancel();
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void dial::finish(result x) {
  if (!done_)
    return;
  auto done = std::exchange(done_, nullptr);
  cancel();
  done(std::move(x));
}

} // namespace troupe::link
