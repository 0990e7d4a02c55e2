#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/proxy.hpp>

using namespace troupe::chaos;
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// Host 1 dials host 2 through a proxy.
struct two_hosts {
  std::string one = own_host(1);
  std::string other = own_host(2);
  asio::io_context io;
  tcp::acceptor door{io, {asio::ip::make_address(other), 0}};
  proxy net;
  tcp::endpoint front;
  tcp::socket dialler{io};
  tcp::socket taker{io};

  two_hosts() {
    auto at =
        net.serve(other + ':' + std::to_string(door.local_endpoint().port()));
    auto colon = at.find(':');
    front = {asio::ip::make_address(at.substr(0, colon)),
             static_cast<unsigned short>(std::stoul(at.substr(colon + 1)))};
    door.non_blocking(true);
  }

  void dial() {
    dialler = tcp::socket{io};
    dialler.open(tcp::v4());
    dialler.bind({asio::ip::make_address(one), 0});
    dialler.connect(front);
  }
  // Whether a connection comes.
  bool take(milliseconds limit = seconds{5}) {
    return eventually(limit, [&] {
      error_code e;
      taker = tcp::socket{io};
      door.accept(taker, e);
      return !e;
    });
  }
  void connect() {
    dial();
    REQUIRE(take());
  }
};

void say(tcp::socket& to, const std::string& what) {
  asio::write(to, asio::buffer(what));
}

// What is there within the limit, up to `count` bytes.
std::string hear(tcp::socket& from, std::size_t count,
                 milliseconds limit = seconds{5}) {
  std::string out;
  from.non_blocking(true);
  eventually(limit, [&] {
    char bytes[256];
    error_code e;
    auto n = from.read_some(
        asio::buffer(bytes, std::min(sizeof bytes, count - out.size())), e);
    out.append(bytes, n);
    return out.size() == count || (e && e != asio::error::would_block);
  });
  from.non_blocking(false);
  return out;
}

// Whether it ends, by a reset or in order, within the limit.
enum class ending { none, in_order, reset };
ending ending_of(tcp::socket& from, milliseconds limit = seconds{5}) {
  auto out = ending::none;
  from.non_blocking(true);
  eventually(limit, [&] {
    char byte;
    error_code e;
    from.read_some(asio::buffer(&byte, 1), e);
    if (e == asio::error::eof)
      out = ending::in_order;
    else if (e && e != asio::error::would_block)
      out = ending::reset;
    return out != ending::none;
  });
  return out;
}

constexpr milliseconds a_while{100};

} // namespace

TEST_CASE("proxy: what is said arrives, and who ends a direction ends it",
          "[chaos][harness]") {
  two_hosts x;
  x.connect();
  say(x.dialler, "hello");
  CHECK(hear(x.taker, 5) == "hello");
  x.dialler.shutdown(tcp::socket::shutdown_send);
  CHECK(ending_of(x.taker) == ending::in_order);
  x.taker.non_blocking(false);
  say(x.taker, "goodbye");
  CHECK(hear(x.dialler, 7) == "goodbye");
  x.taker.close();
  CHECK(ending_of(x.dialler) == ending::in_order);
  CHECK(x.net.dialled(x.one, x.other) == 1);
  CHECK(x.net.dialled(x.other, x.one) == 0);
  CHECK(x.net.seen().bytes == 12);
  CHECK(x.net.seen().resets == 0);
}

TEST_CASE("proxy: one way is stalled, the other goes on, and nothing is lost",
          "[chaos][harness]") {
  two_hosts x;
  x.connect();
  x.net.stall(x.one, x.other);
  say(x.dialler, "held");
  say(x.taker, "free");
  CHECK(hear(x.dialler, 4) == "free");
  CHECK(hear(x.taker, 4, a_while).empty());
  x.net.heal(x.one, x.other);
  CHECK(hear(x.taker, 4) == "held");
}

TEST_CASE("proxy: what is lost while a way is cut resets the connection after",
          "[chaos][harness]") {
  two_hosts x;
  x.connect();
  x.net.cut(x.one, x.other);
  SECTION("something was said") {
    say(x.dialler, "lost");
    say(x.taker, "free");
    CHECK(hear(x.dialler, 4) == "free");
    CHECK(hear(x.taker, 4, a_while).empty());
    x.net.heal();
    CHECK(ending_of(x.taker) == ending::reset);
    CHECK(ending_of(x.dialler) == ending::reset);
  }
  SECTION("it was silent") {
    x.net.heal();
    say(x.dialler, "here");
    CHECK(hear(x.taker, 4) == "here");
  }
  SECTION("an end of one is not heard of") {
    x.dialler.close();
    CHECK(ending_of(x.taker, a_while) == ending::none);
    x.net.heal();
    CHECK(ending_of(x.taker) == ending::reset);
  }
}

TEST_CASE("proxy: no connection comes about while one way is closed",
          "[chaos][harness]") {
  two_hosts x;
  SECTION("there") {
    x.net.cut(x.one, x.other);
  }
  SECTION("back") {
    x.net.stall(x.other, x.one);
  }
  x.dial();
  CHECK_FALSE(x.take(a_while));
  x.net.heal();
  CHECK(x.take());
}

TEST_CASE("proxy: a way that is slow keeps the order", "[chaos][harness]") {
  two_hosts x;
  x.connect();
  x.net.delay(x.one, x.other, a_while);
  auto from = clock::now();
  say(x.dialler, "one ");
  say(x.taker, "back");
  CHECK(hear(x.dialler, 4) == "back");
  CHECK(ms_since(from) < 100);
  x.net.delay(x.one, x.other, milliseconds{0});
  say(x.dialler, "two");
  CHECK(hear(x.taker, 7) == "one two");
}

TEST_CASE("proxy: a connection breaks in the middle of what is said",
          "[chaos][harness]") {
  two_hosts x;
  x.connect();
  SECTION("after so many bytes") {
    x.net.break_after(x.one, x.other, 3);
    say(x.dialler, "broken");
    CHECK(hear(x.taker, 6) == "bro");
  }
  SECTION("now") {
    x.net.break_now(x.other, x.one);
  }
  CHECK(ending_of(x.dialler) == ending::reset);
  CHECK(x.net.seen().resets == 1);
  x.connect();
  say(x.dialler, "anew");
  CHECK(hear(x.taker, 4) == "anew");
}

TEST_CASE("proxy: nobody listens there", "[chaos][harness]") {
  two_hosts x;
  x.door.close();
  x.dial();
  CHECK(ending_of(x.dialler) != ending::none);
}
