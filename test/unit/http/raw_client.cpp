#include <test/unit/http/raw_client.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>

namespace troupe::http {

namespace {

constexpr int patience_ms = 120'000;

} // namespace

raw_client::raw_client(std::uint16_t port) {
  fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

raw_client::~raw_client() {
  if (fd_ >= 0)
    ::close(fd_);
}

bool raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void raw_client::finish() {
  ::shutdown(fd_, SHUT_WR);
}

bool raw_client::more() {
  pollfd p{fd_, POLLIN, 0};
  if (::poll(&p, 1, patience_ms) != 1)
    return false;
  char buf[65536];
  auto n = ::recv(fd_, buf, sizeof buf, 0);
  if (n <= 0)
    return false;
  buffer_.append(buf, static_cast<std::size_t>(n));
  return true;
}

std::string raw_client::take_line() {
  for (;;) {
    auto at = buffer_.find("\r\n");
    if (at != buffer_.npos) {
      auto line = buffer_.substr(0, at);
      buffer_.erase(0, at + 2);
      return line;
    }
    if (!more())
      return {};
  }
}

std::string raw_client::take(std::size_t bytes) {
  while (buffer_.size() < bytes && more()) {
  }
  auto out = buffer_.substr(0, bytes);
  buffer_.erase(0, out.size());
  return out;
}

raw_reply raw_client::read_head() {
  raw_reply out;
  auto line = take_line();
  if (line.size() < 12)
    return out;
  out.status = std::atoi(line.c_str() + 9);
  while (!(line = take_line()).empty()) {
    auto colon = line.find(": ");
    auto name = line.substr(0, colon);
    for (auto& c : name)
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out.headers[name] = line.substr(colon + 2);
  }
  return out;
}

raw_reply raw_client::read(bool head) {
  auto out = read_head();
  if (head || out.status == 100)
    return out;
  if (auto i = out.headers.find("content-length"); i != out.headers.end())
    out.body = take(std::strtoul(i->second.c_str(), nullptr, 10));
  else if (out.headers.count("transfer-encoding"))
    for (auto chunk = read_chunk(); !chunk.empty(); chunk = read_chunk())
      out.body += chunk;
  else if (out.status) {
    while (more()) {
    }
    out.body = std::move(buffer_);
  }
  return out;
}

std::string raw_client::read_chunk() {
  auto size = std::strtoul(take_line().c_str(), nullptr, 16);
  auto chunk = take(size);
  take_line();
  return chunk;
}

std::string raw_client::read_line() {
  for (;;) {
    auto at = lines_.find('\n');
    if (at != lines_.npos) {
      auto line = lines_.substr(0, at);
      lines_.erase(0, at + 1);
      return line;
    }
    auto chunk = read_chunk();
    if (chunk.empty())
      return {};
    lines_ += chunk;
  }
}

bool raw_client::closed() {
  for (;;) {
    pollfd p{fd_, POLLIN, 0};
    if (::poll(&p, 1, patience_ms) != 1)
      return false;
    char buf[65536];
    if (::recv(fd_, buf, sizeof buf, 0) <= 0)
      return true;
  }
}

raw_reply raw_client::get(std::string_view path) {
  send("GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n");
  return read();
}

raw_reply raw_client::post(std::string_view path, std::string_view body) {
  send("POST " + std::string(path)
       + " HTTP/1.1\r\nHost: test\r\nContent-Length: "
       + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  return read();
}

} // namespace troupe::http
