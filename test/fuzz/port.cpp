#include "fuzz.hpp"

#include <algorithm>
#include <string>

#include <boost/asio/write.hpp>

#include <test/unit/link/transport_fixture.hpp>
#include <troupe/cluster/link/wire.hpp>
#include <troupe/runtime/link/net.hpp>

namespace troupe::fuzz {

namespace {

using namespace link;

/// Two nodes that talk, and the port of one of them.
class pair {
public:
  pair() {
    // One dials: of two dials that cross, one is closed.
    a_.transport.set_peers({b_.at()});
    b_.transport.set_peers({{a_.self.node, a_.self.incarnation, {}}});
    must(a_.wait_connected(b_) && b_.wait_connected(a_));
  }

  void say(std::string_view bytes) {
    asio::io_context io;
    tcp_socket socket{io};
    auto where = *parse_address(a_.address);
    error_code ignored; // it may be closed before all is said
    socket.connect({asio::ip::make_address(where.host), where.port}, ignored);
    asio::write(socket, asio::buffer(bytes.data(), bytes.size()), ignored);
    socket.shutdown(tcp_socket::shutdown_send, ignored);
    char rest[4096];
    while (!ignored)
      socket.read_some(asio::buffer(rest), ignored); // until it is closed
    if (++strangers_ % 64 == 0)
      check();
  }

private:
  // The two have noticed nothing.
  void check() {
    must(b_.send(a_, "still here") == send_result::accepted);
    // A stranger that knows the cluster's name is let in, and may speak too.
    must(a_.wait([&] {
      return std::any_of(a_.frames.begin(), a_.frames.end(), [&](auto& x) {
        return x.from == b_.self.node && x.payload == "still here";
      });
    }));
    std::scoped_lock guard{a_.mutex, b_.mutex};
    a_.frames.clear();
    must(b_.ended.empty());
    must(a_.connections[b_.self.node] == b_.connections[a_.self.node]);
    must(a_.connected.count(b_.self.node) == 1 && b_.closed.empty());
  }

  test::test_node a_{test::who(1)};
  test::test_node b_{test::who(2)};
  std::uint64_t strangers_ = 0;
};

} // namespace

void port(std::string_view input) {
  static pair nodes;
  if (input.empty())
    return;
  std::string bytes;
  if ((input[0] & 1) != 0)
    bytes = preamble;
  bytes += input.substr(1);
  nodes.say(bytes);
}

} // namespace troupe::fuzz
