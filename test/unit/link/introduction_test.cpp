#include <test/unit/link/transport_fixture.hpp>

#include <atomic>
#include <future>
#include <thread>

#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::link;
using namespace troupe::link::test;

namespace {

transport::introduction_result ask(test_node& from, const std::string& address,
                                   std::string request,
                                   std::chrono::milliseconds timeout = 60s) {
  auto result =
      std::make_shared<std::promise<transport::introduction_result>>();
  from.transport.introduce(address, std::move(request), timeout,
                           [result](transport::introduction_result x) {
                             result->set_value(std::move(x));
                           });
  return result->get_future().get();
}

refusal_code code_of(const transport::introduction_result& x) {
  auto* no = std::get_if<refusal>(&x);
  return no ? no->code : refusal_code{};
}

} // namespace

TEST_CASE("introduction: nodes without ids talk", "[unit][link]") {
  test_node a{identity{}}, b{identity{}};
  CHECK(std::get<std::string>(ask(a, b.address, "who?")) == "hello, who?");
  CHECK(std::get<std::string>(ask(a, b.address, "")) == "hello, ");
  std::string large(1000000, 'x');
  CHECK(std::get<std::string>(ask(a, b.address, large)) == "hello, " + large);
  CHECK(b.transport.metrics().introductions_served == 3);
}

TEST_CASE("introduction: the answer may come later, from any thread, once",
          "[unit][link]") {
  test_node a{identity{}}, b{identity{}};
  std::vector<std::thread> threads;
  b.introduce = [&](std::string, std::string remote, auto reply) {
    CHECK(remote.find("127.0.0.1:") == 0);
    threads.emplace_back([reply] {
      reply("first");
      reply("second");
    });
  };
  CHECK(std::get<std::string>(ask(a, b.address, "who?")) == "first");
  b.transport.stop(0ms);
  for (auto& x : threads)
    x.join();
}

TEST_CASE("introduction: what cannot be answered is a refusal",
          "[unit][link]") {
  test_node a{identity{}}, b{identity{}};
  std::vector<transport_handler::introduction_reply> kept;
  SECTION("nobody listens") {
    CHECK(code_of(ask(a, "127.0.0.1:1", "x")) == refusal_code::unreachable);
  }
  SECTION("no address") {
    CHECK(code_of(ask(a, "nonsense", "x")) == refusal_code::unreachable);
  }
  SECTION("no answer in time") {
    b.introduce = [&](std::string, std::string, auto reply) {
      kept.push_back(std::move(reply));
    };
    CHECK(code_of(ask(a, b.address, "x", 20ms)) == refusal_code::timed_out);
  }
  SECTION("too long a question") {
    CHECK(code_of(ask(a, b.address, std::string((1 << 20) + 1, 'x')))
          == refusal_code::too_large);
  }
  SECTION("too long an answer") {
    b.introduce = [](std::string, std::string, auto reply) {
      reply(std::string((1 << 20) + 1, 'x'));
    };
    CHECK(code_of(ask(a, b.address, "x")) == refusal_code::too_large);
  }
  SECTION("a question that is too long for the other side") {
    auto what = quick();
    what.introduction_bytes_max = 2 << 20;
    test_node c{identity{}, what};
    CHECK(code_of(ask(c, b.address, std::string(2 << 20, 'x')))
          == refusal_code::too_large);
  }
  SECTION("this node has stopped") {
    a.transport.stop(0ms);
    CHECK(code_of(ask(a, b.address, "x")) == refusal_code::stopped);
  }
  b.transport.stop(0ms);
}

TEST_CASE("introduction: at most so many at a time, each way", "[unit][link]") {
  auto what = quick();
  what.introductions_max = 3;
  test_node a{identity{}}, b{identity{}, what};
  std::mutex mutex;
  std::vector<transport_handler::introduction_reply> kept;
  b.introduce = [&](std::string, std::string, auto reply) {
    std::lock_guard guard{mutex};
    kept.push_back(std::move(reply));
  };
  std::atomic<int> answered{0}, overloaded{0};
  auto done = [&](const transport::introduction_result& x) {
    (code_of(x) == refusal_code::overloaded ? overloaded : answered)++;
  };
  for (int i = 0; i < 5; ++i)
    a.transport.introduce(b.address, "x", 60s, done);
  REQUIRE(a.wait([&] { return overloaded == 2; }));
  for (auto& x : kept)
    x("welcome");
  REQUIRE(a.wait([&] { return answered == 3; }));

  for (int i = 0; i < 5; ++i)
    b.transport.introduce(a.address, "x", 60s, done);
  REQUIRE(b.wait([&] { return answered + overloaded == 10; }));
}

TEST_CASE("introduction: replies that outlive the transport are harmless",
          "[unit][link]") {
  transport_handler::introduction_reply kept;
  {
    test_node a{identity{}}, b{identity{}};
    b.introduce = [&](std::string, std::string, auto reply) {
      kept = std::move(reply);
      b.transport.drop_peer(node_id{5});
    };
    CHECK(code_of(ask(a, b.address, "x", 50ms)) == refusal_code::timed_out);
    b.transport.stop(0ms);
  }
  REQUIRE(kept);
  kept("too late");
}
