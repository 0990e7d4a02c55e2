#include "http_server.hpp"

#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <troupe/runtime/http/uri.hpp>

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;
using error_code = boost::system::error_code;

namespace {

// More than a command may have: the group itself says what is too long.
constexpr std::size_t body_bytes_max = 4u << 20;

class session : public std::enable_shared_from_this<session> {
public:
  session(tcp::socket socket, http_server::handler& handle)
      : stream_(std::move(socket)), handle_(handle) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(body_bytes_max);
    stream_.expires_never();
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code e, std::size_t) {
                       self->arrived(e);
                     });
  }

private:
  void arrived(error_code e) {
    if (!e)
      return handle();
    bool too_long = e == http::error::body_limit;
    if (!too_long
        && e.category() != http::make_error_code(http::error{}).category())
      return; // the connection, not what it carried
    if (e == http::error::end_of_stream)
      return;
    write({too_long ? 413 : 400,
           too_long ? "{\"error\":\"the value is far too long: split it\"}\n"
                    : "{\"error\":\"this is no HTTP request\"}\n"},
          false);
  }

  void handle() {
    auto& in = parser_->get();
    auto to = troupe::http::parse_uri({in.target().data(), in.target().size()});
    if (!to)
      return write({400, "{\"error\":\"the address makes no sense\"}\n"});
    request x;
    x.method = std::string{in.method_string()};
    x.path = std::move(to->path);
    x.query = std::move(to->query);
    x.body = std::move(in.body());
    auto self = shared_from_this();
    auto post = [self](auto f) {
      boost::asio::post(self->stream_.get_executor(), std::move(f));
    };
    responder out;
    out.whole = [=](response y) {
      post([self, y = std::move(y)]() mutable { self->write(std::move(y)); });
    };
    out.streamed = [=](stream y) {
      post([self, y = std::move(y)]() mutable { self->begin(std::move(y)); });
    };
    handle_(std::move(x), std::move(out));
  }

  void write(response x, bool keep_alive = true) {
    auto& in = parser_->get();
    out_.emplace(static_cast<http::status>(x.status), in.version());
    out_->set(http::field::content_type, x.type);
    out_->keep_alive(keep_alive && in.keep_alive());
    out_->body() = std::move(x.body);
    out_->prepare_payload();
    http::async_write(stream_, *out_,
                      [self = shared_from_this()](error_code e, std::size_t) {
                        if (!e && self->out_->keep_alive())
                          self->read();
                      });
  }

  // A stream ends with its connection.
  void begin(stream x) {
    flow_ = std::move(x);
    pieces_ = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
              "Connection: close\r\n\r\n";
    auto weak = weak_from_this();
    flow_->begin([weak] {
      if (auto self = weak.lock())
        boost::asio::post(self->stream_.get_executor(),
                          [self] { self->pump(); });
    });
    watch_end();
    pump();
  }

  void pump() {
    if (!flow_ || writing_)
      return;
    pieces_ += flow_->more();
    if (pieces_.empty())
      return;
    writing_ = true;
    sent_ = std::exchange(pieces_, {});
    boost::asio::async_write(
        stream_, boost::asio::buffer(sent_),
        [self = shared_from_this()](error_code e, std::size_t) {
          self->writing_ = false;
          e ? self->finish() : self->pump();
        });
  }

  void watch_end() {
    stream_.async_read_some(
        boost::asio::buffer(ignored_),
        [self = shared_from_this()](error_code e, std::size_t) {
          e ? self->finish() : self->watch_end();
        });
  }

  void finish() {
    if (auto x = std::exchange(flow_, std::nullopt))
      x->end();
    stream_.close();
  }

  beast::tcp_stream stream_;
  http_server::handler& handle_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> out_;
  std::optional<stream> flow_;
  std::string pieces_;
  std::string sent_;
  bool writing_ = false;
  char ignored_[256];
};

} // namespace

http_server::http_server(const std::string& host, unsigned short port,
                         handler handle) try
    : acceptor_(
        io_, *tcp::resolver{io_}.resolve(host, std::to_string(port)).begin()),
      handle_(std::move(handle)) {
  accept();
  thread_ = std::thread{[this] { io_.run(); }};
} catch (const boost::system::system_error& e) {
  throw std::runtime_error("cannot serve HTTP on " + host + ":"
                           + std::to_string(port) + " (" + e.code().message()
                           + "): choose another port");
}

http_server::~http_server() {
  io_.stop();
  thread_.join();
}

void http_server::accept() {
  acceptor_.async_accept([this](error_code e, tcp::socket socket) {
    if (!e) {
      error_code ignored;
      socket.set_option(tcp::no_delay{true}, ignored);
      std::make_shared<session>(std::move(socket), handle_)->read();
    }
    if (e != boost::asio::error::operation_aborted)
      accept();
  });
}
