#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <test/chaos/harness/waiting.hpp>

namespace troupe::chaos {

/// What holds for the bytes from one host to another.
struct way {
  enum class state { open, stalled, cut };
  way::state state = state::open;
  milliseconds late{0};
  std::optional<std::uint64_t> left; // bytes until the connection is reset
  std::uint64_t dialled = 0;         // connections, from there

  void heal() {
    state = state::open;
    late = milliseconds{0};
    left.reset();
  }
};

/// What a proxy's connections share.
struct network {
  explicit network(boost::asio::io_context& io) : io(io) {}

  way& between(const std::string& from, const std::string& to) {
    return ways[{from, to}];
  }

  boost::asio::io_context& io;
  std::map<std::pair<std::string, std::string>, way> ways;
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> resets{0};
  std::atomic<std::uint64_t> bytes{0};
};

/// One connection of two hosts: dials on once both ways are open, and passes on
/// what comes as they allow.
///
/// Threads: the proxy's.
class relay : public std::enable_shared_from_this<relay> {
public:
  using tcp = boost::asio::ip::tcp;

  relay(network& in, tcp::socket dialler, std::string from, tcp::endpoint to);

  bool closed() const { return closed_; }
  bool joins(const std::string& one, const std::string& other) const;

  /// What holds has changed.
  void look();

  void reset();
  void close();

private:
  using error_code = boost::system::error_code;

  struct end {
    tcp::socket socket;
    std::string host;
  };
  struct piece {
    clock::time_point due;
    std::string bytes; // none: the sender has ended its direction
  };
  struct flow {
    std::size_t from;
    std::size_t to;
    way& now;
    boost::asio::steady_timer timer;
    std::deque<piece> held{};
    std::size_t held_bytes = 0;
    bool reading = false;
    bool ended = false; // nothing more is read
    bool writing = false;
    bool torn = false; // something was lost
    std::string buffer{};
  };

  void dial();
  void read(flow& x);
  void arrived(flow& x, error_code e, std::size_t count);
  void pump(flow& x);
  void write(flow& x, std::string what);
  void end_of(flow& x);

  network& in_;
  tcp::endpoint target_;
  std::vector<end> ends_; // who dialled, who is dialled
  std::vector<flow> flows_;
  bool dialled_ = false;
  bool closed_ = false;
};

} // namespace troupe::chaos
