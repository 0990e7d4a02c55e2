#include <troupe/runtime/ctl/client.hpp>

#include <troupe/runtime/ctl/failure.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <nlohmann/json.hpp>

#include <netinet/tcp.h>

#include <array>

namespace troupe::ctl {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace beast_http = boost::beast::http;
using boost::system::error_code;

namespace {

/// Turns an answer that is no success into the node's own words.
[[noreturn]] void refuse(unsigned status, const std::string& body) {
  auto code = status == 504 ? exit_code::deadline : exit_code::refused;
  auto x = nlohmann::json::parse(body, nullptr, false);
  auto text = [&](const char* name) {
    return x.is_object() && x.contains(name) && x[name].is_string()
               ? x[name].get<std::string>()
               : std::string();
  };
  auto error = text("error");
  if (error.empty())
    throw failure{code,
                  "the node answered with status " + std::to_string(status)};
  throw failure{code, error + ": " + text("detail"), text("hint"), body};
}

/// So that following a node that lost its power ends within half a minute.
void probe_silence(net::ip::tcp::socket& socket) {
  error_code ignored;
  socket.set_option(net::socket_base::keep_alive(true), ignored);
  auto set = [&](int name, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, name, &value,
                 sizeof value);
  };
  set(TCP_KEEPIDLE, 10);
  set(TCP_KEEPINTVL, 5);
  set(TCP_KEEPCNT, 3);
}

} // namespace

address parse_address(std::string_view text) {
  auto bad = [&](const char* what) {
    return failure{exit_code::usage,
                   "'" + std::string(text) + "' is no address: " + what,
                   "write it as HOST:PORT, for example 127.0.0.1:8101"};
  };
  address out;
  auto rest = text;
  if (rest.substr(0, 7) == "http://")
    rest.remove_prefix(7);
  if (!rest.empty() && rest.back() == '/')
    rest.remove_suffix(1);
  if (rest.empty())
    throw bad("it is empty");
  auto colon = rest.rfind(':');
  if (rest[0] == '[') {
    auto end = rest.find(']');
    if (end == rest.npos)
      throw bad("the ] is missing");
    out.host = rest.substr(1, end - 1);
    colon = end + 1 < rest.size() ? end + 1 : rest.npos;
    if (colon != rest.npos && rest[colon] != ':')
      throw bad("a port follows the ]");
  } else if (auto host = rest.substr(0, colon); !host.empty()) {
    if (host.find(':') != host.npos)
      throw bad("an IPv6 address stands in [ and ]");
    out.host = host;
  }
  if (colon == rest.npos)
    return out;
  out.port = rest.substr(colon + 1);
  if (out.port.empty() || out.port.size() > 5
      || out.port.find_first_not_of("0123456789") != out.port.npos
      || std::stoi(out.port) > 65535 || std::stoi(out.port) == 0)
    throw bad("the port is 1 to 65535");
  return out;
}

client::client(address node) : node_(std::move(node)) {
}

template <class Start>
error_code client::run(Start start) {
  error_code out;
  start([&](error_code ec, auto&&...) { out = ec; });
  context_.restart();
  context_.run();
  return out;
}

void client::fail(error_code ec) {
  auto where = node_.host + ':' + node_.port;
  connected_ = false;
  if (ec == beast::error::timeout)
    throw failure{exit_code::deadline, where + " did not answer in time",
                  "try again with a longer --timeout"};
  throw failure{exit_code::unreachable,
                "lost the connection to " + where + ": " + ec.message(),
                "see whether the node still runs, or ask another with --addr"};
}

void client::connect(milliseconds timeout) {
  stream_.expires_after(timeout);
  if (connected_)
    return;
  auto unreachable = [&](const std::string& why) {
    return failure{exit_code::unreachable,
                   "cannot reach a node at " + node_.host + ':' + node_.port
                       + ": " + why,
                   "start the node, or name another with --addr or "
                   "TROUPE_ADDR"};
  };
  error_code ec;
  net::ip::tcp::resolver resolver(context_);
  auto found = resolver.resolve(node_.host, node_.port, ec);
  if (ec)
    throw unreachable(ec.message());
  ec = run([&](auto done) { stream_.async_connect(found, done); });
  if (ec)
    throw unreachable(ec.message());
  stream_.socket().set_option(net::ip::tcp::no_delay(true), ec);
  probe_silence(stream_.socket());
  connected_ = true;
}

void client::send(beast_http::verb method, std::string_view target,
                  std::string_view body) {
  beast_http::request<beast_http::string_body> message(
      method, beast::string_view(target.data(), target.size()), 11);
  message.set(beast_http::field::host, node_.host + ':' + node_.port);
  message.set(beast_http::field::user_agent, "troupectl/" TROUPE_VERSION);
  if (!body.empty())
    message.set(beast_http::field::content_type, "application/json");
  message.body() = body;
  message.prepare_payload();
  auto ec =
      run([&](auto done) { beast_http::async_write(stream_, message, done); });
  // A node that refuses may do so before it took everything: hear it first.
  if (ec == beast::error::timeout)
    fail(ec);
}

std::string client::request(beast_http::verb method, std::string_view target,
                            std::string_view body, milliseconds timeout) {
  connect(timeout);
  send(method, target, body);
  beast_http::response_parser<beast_http::string_body> parser;
  parser.body_limit(boost::none);
  auto ec = run([&](auto done) {
    beast_http::async_read(stream_, buffer_, parser, done);
  });
  if (ec)
    fail(ec);
  if (!parser.keep_alive()) {
    stream_.close();
    connected_ = false;
  }
  auto status = parser.get().result_int();
  if (status >= 300)
    refuse(status, parser.get().body());
  return std::move(parser.get().body());
}

std::string client::get(std::string_view target, milliseconds timeout) {
  return request(beast_http::verb::get, target, {}, timeout);
}

std::string client::post(std::string_view target, std::string_view body,
                         milliseconds timeout) {
  return request(beast_http::verb::post, target, body, timeout);
}

void client::follow(std::string_view target, milliseconds timeout,
                    const std::function<bool(std::string_view)>& on_line) {
  connect(timeout);
  send(beast_http::verb::get, target, {});
  beast_http::response_parser<beast_http::buffer_body> parser;
  parser.body_limit(boost::none);
  auto ec = run([&](auto done) {
    beast_http::async_read_header(stream_, buffer_, parser, done);
  });
  if (ec)
    fail(ec);
  auto status = parser.get().result_int();
  std::string text;
  std::array<char, 16 * 1024> part;
  stream_.expires_never();
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = part.data();
    body.size = part.size();
    body.more = true;
    ec = run([&](auto done) {
      beast_http::async_read_some(stream_, buffer_, parser, done);
    });
    if (ec && ec != beast_http::error::need_buffer)
      fail(ec);
    text.append(part.data(), part.size() - body.size);
    if (status >= 300)
      continue;
    for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
      auto line = text.substr(0, end);
      text.erase(0, end + 1);
      if (!line.empty() && !on_line(line)) {
        stream_.close();
        connected_ = false;
        return;
      }
    }
  }
  if (status >= 300)
    refuse(status, text);
}

} // namespace troupe::ctl
