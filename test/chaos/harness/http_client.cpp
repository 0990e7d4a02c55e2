#include <test/chaos/harness/http_client.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace troupe::chaos {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace beast_http = boost::beast::http;
using boost::system::error_code;

json answer::body() const {
  auto out = json::parse(text, nullptr, false);
  return out.is_discarded() ? json() : out;
}

std::string answer::error() const {
  auto x = body();
  return x.is_object() ? x.value("error", "") : "";
}

struct http_client::connection {
  net::io_context context;
  beast::tcp_stream stream{context};
  beast::flat_buffer buffer;

  /// Runs one operation to its end; `start` gets the handler.
  template <class Start>
  error_code run(Start start) {
    error_code out;
    start([&](error_code ec, auto&&...) { out = ec; });
    context.restart();
    context.run();
    return out;
  }
};

http_client::http_client(std::string host, std::string port)
    : host_(std::move(host)), port_(std::move(port)) {
}

http_client::http_client(const std::string& address)
    : http_client(address.substr(0, address.rfind(':')),
                  address.substr(address.rfind(':') + 1)) {
}

http_client::~http_client() = default;
http_client::http_client(http_client&&) noexcept = default;
http_client& http_client::operator=(http_client&&) noexcept = default;

answer http_client::request(const std::string& verb, const std::string& target,
                            const std::string& body, milliseconds limit) {
  if (!connection_) {
    auto fresh = std::make_unique<connection>();
    net::ip::tcp::endpoint to{net::ip::make_address(host_),
                              static_cast<unsigned short>(std::stoul(port_))};
    fresh->stream.expires_after(limit);
    if (fresh->run([&](auto done) { fresh->stream.async_connect(to, done); }))
      return {};
    error_code ignored;
    fresh->stream.socket().set_option(net::ip::tcp::no_delay(true), ignored);
    connection_ = std::move(fresh);
  }
  auto& c = *connection_;
  c.stream.expires_after(limit);
  beast_http::request<beast_http::string_body> message{
      beast_http::string_to_verb(verb), target, 11};
  message.set(beast_http::field::host, host_ + ':' + port_);
  message.body() = body;
  message.prepare_payload();
  beast_http::response_parser<beast_http::string_body> parser;
  parser.body_limit(boost::none);
  auto ec = c.run(
      [&](auto done) { beast_http::async_write(c.stream, message, done); });
  if (!ec)
    ec = c.run([&](auto done) {
      beast_http::async_read(c.stream, c.buffer, parser, done);
    });
  if (ec) {
    connection_.reset();
    return {fate::lost, 0, ec.message()};
  }
  answer out{fate::answered, parser.get().result_int(),
             std::move(parser.get().body())};
  if (!parser.keep_alive())
    connection_.reset();
  return out;
}

answer http_client::get(const std::string& target, milliseconds limit) {
  return request("GET", target, {}, limit);
}

answer http_client::post(const std::string& target, const std::string& body,
                         milliseconds limit) {
  return request("POST", target, body, limit);
}

answer http_client::erase(const std::string& target, milliseconds limit) {
  return request("DELETE", target, {}, limit);
}

} // namespace troupe::chaos
