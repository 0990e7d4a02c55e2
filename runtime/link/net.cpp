#include <troupe/runtime/link/net.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace troupe::link {

namespace {

constexpr int unsent_bytes_max = 256 << 10;

// Where it cannot be, the system chooses: from the loopback network nothing
// else is reached, and the families may differ.
bool bind_source(tcp_socket& socket, const asio::ip::address& source,
                 const tcp::endpoint& to) {
  if (source.is_v4() != to.address().is_v4()
      || source.is_loopback() != to.address().is_loopback())
    return false;
  error_code e;
  socket.open(to.protocol(), e);
#ifdef IP_BIND_ADDRESS_NO_PORT
  // The port is chosen when it is known to whom it leads: they do not run out.
  using late_port =
      asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>;
  if (!e)
    socket.set_option(late_port{true}, e);
#endif
  if (!e)
    socket.bind({source, 0}, e);
  if (!e)
    return true;
  socket.close(e);
  return false;
}

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

std::optional<asio::ip::address> source_of(std::string_view listen) {
  auto where = parse_address(listen);
  if (!where)
    return std::nullopt;
  error_code e;
  auto out = asio::ip::make_address(where->host, e);
  if (e || out.is_unspecified())
    return std::nullopt;
  return out;
}

void tune(tcp_socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
#ifdef TCP_NOTSENT_LOWAT
  using unsent =
      asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
  socket.set_option(unsent{unsent_bytes_max}, ignored);
#endif
#ifdef TCP_CONGESTION
  // Within one host nothing is congested, and what paces (bbr) takes its time
  // with every small message.
  auto peer = socket.remote_endpoint(ignored);
  if (!ignored && peer.address().is_loopback())
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_CONGESTION, "reno",
                 4);
#endif
}

socket_copy::socket_copy(tcp_socket& of)
    : fd_(::fcntl(of.native_handle(), F_DUPFD_CLOEXEC, 0)) {
}

socket_copy::~socket_copy() {
  if (fd_ >= 0)
    ::close(fd_);
}

void socket_copy::write(std::vector<std::string_view>& slices) {
  std::array<iovec, 8> parts;
  auto count = std::min(parts.size(), slices.size());
  for (std::size_t i = 0; i < count; ++i)
    parts[i] = {const_cast<char*>(slices[i].data()), slices[i].size()};
  msghdr what{};
  what.msg_iov = parts.data();
  what.msg_iovlen = count;
  auto n = ::sendmsg(fd_, &what, MSG_DONTWAIT | MSG_NOSIGNAL);
  auto written = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  while (!slices.empty() && written >= slices.front().size()) {
    written -= slices.front().size();
    slices.erase(slices.begin());
  }
  if (!slices.empty())
    slices.front().remove_prefix(written);
}

dial::dial(asio::io_context& io, const std::optional<asio::ip::address>& source)
    : resolver_(io.get_executor()),
      socket_(io.get_executor()),
      timer_(io.get_executor()),
      source_(source) {
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
  to_ = std::move(to);
  std::ranges::reverse(to_);
  connect_next({});
}

void dial::connect_next(error_code last) {
  if (!done_)
    return;
  if (to_.empty())
    return finish("cannot connect to " + address_ + ": " + last.message());
  auto to = to_.back();
  to_.pop_back();
  error_code ignored;
  socket_.close(ignored);
  bool bound = source_ && bind_source(socket_, *source_, to);
  socket_.async_connect(
      to, [self = shared_from_this(), to, bound](error_code e) {
        if (e && bound) { // perhaps it is reached from another address only
          self->source_.reset();
          self->to_.push_back(to);
        }
        if (e)
          return self->connect_next(e);
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
