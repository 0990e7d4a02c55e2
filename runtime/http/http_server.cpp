#include <troupe/runtime/http/http_server.hpp>

#include <troupe/runtime/http/connection.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <thread>
#include <vector>

namespace troupe::http {

namespace net = boost::asio;
using net::ip::tcp;

namespace {

constexpr std::string_view full_answer =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: application/json\r\nConnection: close\r\n"
    "Retry-After: 1\r\n\r\n"
    "{\"error\":\"too_many_connections\",\"detail\":\"this node has no "
    "connection left\",\"hint\":\"close idle connections, or ask another "
    "node\"}\n";

} // namespace

/// From a start to its stop: the acceptor and the threads.
class http_server::running {
public:
  running(const http_settings& settings, api_backend& backend,
          metrics::registry& metrics)
      : core_(std::make_shared<server_core>(settings, backend, metrics)),
        acceptor_(net::make_strand(core_->context())),
        retry_(acceptor_.get_executor()) {}

  /// What stands in the way, if anything does.
  boost::system::error_code listen() {
    auto& settings = core_->settings();
    boost::system::error_code ec;
    tcp::resolver resolver(core_->context());
    auto found = resolver.resolve(settings.host, std::to_string(settings.port),
                                  tcp::resolver::passive, ec);
    if (ec)
      return ec;
    tcp::endpoint where = *found.begin();
    acceptor_.open(where.protocol(), ec);
    if (!ec)
      acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec)
      acceptor_.bind(where, ec);
    if (!ec)
      acceptor_.listen(net::socket_base::max_listen_connections, ec);
    if (!ec)
      port_ = acceptor_.local_endpoint(ec).port();
    return ec;
  }

  void run() {
    if (!threads_.empty())
      return;
    net::post(acceptor_.get_executor(), [this] { accept(); });
    for (int i = 0; i < core_->settings().threads; ++i)
      threads_.emplace_back([this] { work(); });
  }

  void stop() {
    net::post(acceptor_.get_executor(), [this] {
      stopping_ = true;
      boost::system::error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
    });
    for (auto& x : core_->close_door())
      x->finish();
    if (!core_->wait_empty(core_->settings().stop_grace))
      for (auto& x : core_->close_door())
        x->abort();
    for (auto& thread : threads_)
      thread.join();
  }

  std::uint16_t port() const { return port_; }

private:
  /// What a handler throws (no memory, as a rule) costs its connection.
  void work() {
    for (;;) {
      try {
        core_->context().run();
        return;
      } catch (const std::exception&) {
        core_->count_closed("internal");
      }
    }
  }

  void accept() {
    if (stopping_)
      return;
    acceptor_.async_accept(
        net::make_strand(core_->context()),
        [this](boost::system::error_code ec, tcp::socket socket) {
          if (stopping_)
            return;
          if (ec)
            return accept_later();
          enter(std::move(socket));
          accept();
        });
  }

  /// Out of descriptors, as a rule: to try again at once would only burn time.
  void accept_later() {
    core_->count_closed("accept_failed");
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([this](boost::system::error_code) { accept(); });
  }

  void enter(tcp::socket socket) {
    auto x = std::make_shared<connection>(core_, std::move(socket));
    if (x->start())
      return;
    core_->count_closed("too_many");
    x->turn_away(full_answer);
  }

  std::shared_ptr<server_core> core_;
  tcp::acceptor acceptor_;
  net::steady_timer retry_;
  std::vector<std::thread> threads_;
  std::uint16_t port_ = 0;
  bool stopping_ = false; // seen on the acceptor's strand only
};

http_server::http_server(http_settings settings, api_backend& backend,
                         metrics::registry& metrics)
    : settings_(std::move(settings)), backend_(backend), metrics_(metrics) {
}

http_server::~http_server() {
  stop();
}

result<std::uint16_t> http_server::listen() {
  std::lock_guard guard(mutex_);
  return listen_locked();
}

result<std::uint16_t> http_server::start() {
  std::lock_guard guard(mutex_);
  auto port = listen_locked();
  if (port)
    running_->run();
  return port;
}

result<std::uint16_t> http_server::listen_locked() {
  if (running_)
    return running_->port();
  if (settings_.threads < 1)
    return api_error{api_errc::refused,
                     "HTTP cannot be served by "
                         + std::to_string(settings_.threads) + " threads",
                     "set at least one"};
  auto x = std::make_unique<running>(settings_, backend_, metrics_);
  if (auto ec = x->listen())
    return api_error{api_errc::refused,
                     "cannot listen for HTTP on " + settings_.host + ':'
                         + std::to_string(settings_.port) + ": " + ec.message(),
                     "choose another address, or end what has this one"};
  running_ = std::move(x);
  return running_->port();
}

void http_server::stop() {
  std::lock_guard guard(mutex_);
  if (!running_)
    return;
  running_->stop();
  running_.reset();
}

std::uint16_t http_server::port() const {
  std::lock_guard guard(mutex_);
  return running_ ? running_->port() : 0;
}

std::string http_server::address() const {
  auto host = settings_.host;
  if (host.find(':') != host.npos)
    host = '[' + host + ']';
  return host + ':' + std::to_string(port());
}

} // namespace troupe::http
