#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace troupe::http {

/// What came back, with header names in lower case.
struct raw_reply {
  int status = 0; // zero: the connection ended before
  std::map<std::string, std::string> headers;
  std::string body;
};

/// A client that sends any bytes and reads replies, over a plain socket. Every
/// wait is bounded; what takes longer counts as the end of the connection.
class raw_client {
public:
  explicit raw_client(std::uint16_t port);
  ~raw_client();

  raw_client(const raw_client&) = delete;

  bool connected() const { return fd_ >= 0; }

  /// False once the server does not take it.
  bool send(std::string_view bytes);

  /// No more input follows.
  void finish();

  /// The next reply, whole; with `head` one without a body.
  raw_reply read(bool head = false);

  /// The start of a reply, up to its body.
  raw_reply read_head();

  /// The next chunk of a body; empty at its end or that of the connection.
  std::string read_chunk();

  /// A line out of the chunks that follow; empty at the end.
  std::string read_line();

  /// True once the server closed; what it says before is dropped.
  bool closed();

  raw_reply get(std::string_view path);

  raw_reply post(std::string_view path, std::string_view body = {});

private:
  bool more();
  std::string take_line();
  std::string take(std::size_t bytes);

  int fd_ = -1;
  std::string buffer_;
  std::string lines_; // decoded chunks that read_line did not use yet
};

} // namespace troupe::http
