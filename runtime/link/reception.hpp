#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>

#include <troupe/cluster/link/inbox.hpp>
#include <troupe/runtime/link/connection.hpp>
#include <troupe/runtime/link/context.hpp>

namespace troupe::link {

/// The door: accepts connections and keeps those that are nobody's yet. A
/// connection that begins with a hello is handed on; one that begins with an
/// introduction is served here.
///
/// Errors:  `open` answers with a sentence; strangers are closed and counted.
/// Threads: `open` before the transport's thread runs, the rest on it.
class reception final : private connection::owner,
                        public std::enable_shared_from_this<reception> {
public:
  using hello_function =
      std::function<void(const std::shared_ptr<connection>&, const hello&)>;

  /// `on_hello` takes the connection over, or refuses it.
  reception(context& in, hello_function on_hello);

  std::optional<refusal> open(const std::string& address);
  const std::string& address() const { return address_; }
  void start();
  void tick(steady_clock::time_point now);
  void close();

private:
  struct stranger {
    std::shared_ptr<connection> link;
    steady_clock::time_point since;
    assembler request;
    bool introducing = false; // its request is with the handler
  };
  using acceptor = asio::basic_socket_acceptor<tcp, executor>;

  void accept();
  void on_accepted(tcp_socket socket);
  void on_piece(connection& from, const piece& x) override;
  void on_failed(connection& from,
                 std::optional<malformed_reason> why) override;
  void on_introduce(stranger& from, const piece& x);
  void reply(std::uint64_t id, std::string answer);
  void wrong(connection& from, malformed_reason why);
  std::map<std::uint64_t, stranger>::iterator find(const connection& x);

  context& in_;
  hello_function on_hello_;
  acceptor acceptor_;
  steady_timer pause_; // after a failed accept
  std::string address_;
  std::map<std::uint64_t, stranger> strangers_;
  std::uint64_t next_id_ = 0;
  std::size_t introducing_ = 0;
};

} // namespace troupe::link
