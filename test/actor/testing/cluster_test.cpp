// Messages, time, and what a test sees of the simulated cluster.
#include "world.hpp"

#include <caf/event_based_actor.hpp>

using namespace troupe;
using namespace troupe::test;

TEST_CASE("testing: nodes share a region and answer from anywhere",
          "[actor][testing]") {
  cluster c{3};
  auto logs = c.spawn_region("log", logger, {.partitions = 8});
  c.settle();
  INFO(c.picture());
  std::set<std::size_t> owners;
  for (partition_id p = 0; p < 8; ++p)
    owners.insert(logs.owner(p).value());
  CHECK(owners.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    logs.tell(i, "alice", static_cast<int>(i));
    c.run_for(10ms);
  }
  CHECK(logs.ask<std::string>(1, "alice", whole) == "0 1 2 ");
  CHECK(logs.ask<std::string>(2, to_partition{3, "x"}, whole).empty());
  CHECK(c.dead_letters().empty());
}

TEST_CASE("testing: the same seed gives the same run, another one does not",
          "[actor][testing]") {
  auto run = [](std::uint64_t seed) {
    cluster c{3, seed};
    auto logs = c.spawn_region("log", logger, {.partitions = 4});
    auto more = c.spawn_region("more", logger, {.partitions = 4});
    c.settle();
    for (int i = 0; i < 20; ++i) {
      logs.tell(static_cast<std::size_t>(i % 3), "k" + std::to_string(i), i);
      more.tell(static_cast<std::size_t>(i % 2), "k" + std::to_string(i), i);
      c.run_for(500us);
      if (i == 10)
        logs.move(0u, (*logs.owner(0u) + 1) % 3);
    }
    c.crash(1);
    c.settle();
    c.start(1);
    c.settle();
    return std::pair{c.trace(), c.picture()};
  };
  auto first = run(7);
  CHECK(run(7) == first);
  CHECK(run(8).first != first.first);
}

TEST_CASE("testing: timeouts of CAF go by virtual time", "[actor][testing]") {
  cluster c{1};
  auto rings = std::make_shared<std::vector<std::chrono::nanoseconds>>();
  auto alarms = c.spawn_region("alarm", [&c, rings](partition* self) {
    return caf::behavior{
        [=](const std::string& key, int seconds) {
          self->delayed_send(self, std::chrono::seconds{seconds}, key);
        },
        [&c, rings](const std::string&) { rings->push_back(c.now()); },
    };
  });
  c.settle();
  auto began = c.now();
  alarms.tell(0, "a", 60);
  alarms.tell(0, "b", 5);
  c.run_for(59999ms);
  REQUIRE(rings->size() == 1);
  CHECK(rings->at(0) == began + 5s);
  c.run_for(1ms);
  REQUIRE(rings->size() == 2);
  CHECK(rings->at(1) == began + 60s);
  CHECK(c.now() == began + 60s);
}

TEST_CASE("testing: an error is thrown with its code, an answer with another "
          "type too",
          "[actor][testing]") {
  cluster c{2};
  auto logs = c.spawn_region("log", logger, {.partitions = 4});
  c.settle();
  CHECK_THROWS_AS(logs.ask<int>(0, "alice", whole), testing::refused);
  try {
    logs.ask<std::string>(0, "alice", std::string{"what?"});
    FAIL("no error");
  } catch (const testing::refused& why) {
    CHECK(why.code() == errc::handler_failed);
    CHECK(std::string{why.what()}.find("'alice' to region log by n0")
          != std::string::npos);
  }
  CHECK(logs.request(1, to_partition{9, "x"}, whole).code()
        == errc::partition_out_of_range);
  REQUIRE(c.dead_letters().size() == 1);
  CHECK(c.dead_letters()[0].node == 1);
  CHECK(c.dead_letters()[0].what.why == errc::partition_out_of_range);
  CHECK_THROWS_AS(logs.move(0u, 7), std::out_of_range);
  c.crash(1);
  CHECK_THROWS_AS(logs.tell(1, "alice", 1), std::logic_error);
}

TEST_CASE("testing: what does not come true is thrown with a picture",
          "[actor][testing]") {
  cluster c{3, 5};
  auto logs = c.spawn_region("log", logger, {.partitions = 4});
  c.settle();
  c.cut(0, 2);
  c.crash(1);
  auto before = c.now();
  try {
    c.run_until([] { return false; }, 3s);
    FAIL("it came true");
  } catch (const testing::timed_out& why) {
    std::string text = why.what();
    CHECK(text.find("within 3.000 s") != text.npos);
    CHECK(text.find("seed 5") != text.npos);
    CHECK(text.find("n1  does not run: it crashed") != text.npos);
    CHECK(text.find("cut: n0 and n2") != text.npos);
    CHECK(text.find("region log") != text.npos);
    CHECK(text.find("partition_started log") != text.npos);
  }
  CHECK(c.now() == before + 3s);
  // Neither has a majority.
  CHECK_THROWS_AS(c.settle(), testing::timed_out);
}

TEST_CASE("testing: actors of the test's own send in a node's system",
          "[actor][testing]") {
  cluster c{2};
  auto logs = c.spawn_region("log", logger, {.partitions = 4});
  auto seen = std::make_shared<std::vector<event>>();
  auto got = std::make_shared<std::string>();
  c.subscribe(1, c.system(1).spawn([seen](caf::event_based_actor*) {
    return caf::behavior{[seen](const event& x) { seen->push_back(x); }};
  }));
  c.settle();
  auto router = logs.router(1);
  c.system(1).spawn([=](caf::event_based_actor* self) {
    self->send(router, std::string{"alice"}, 4);
    self->request(router, 1s, std::string{"alice"}, whole)
        .then([got](const std::string& x) { *got = x; });
  });
  c.run_until([&] { return !got->empty(); }, 100ms);
  CHECK(*got == "4 ");
  std::uint64_t last = 0;
  for (auto& one : *seen)
    if (!one.local())
      CHECK(one.seq() == ++last);
  CHECK(last == c.events().size());
  CHECK(last > 0);
}

TEST_CASE("testing: a type that is not registered cannot travel",
          "[actor][testing]") {
  struct run {
    static errc with(std::function<void(caf::actor_system_config&)> configure) {
      testing::cluster_options options;
      options.configure_caf = std::move(configure);
      cluster c{2, options};
      auto r = c.spawn_region(
          "r",
          [](partition*) {
            return caf::behavior{
                [](const std::string&, const point& x) { return x.x; }};
          },
          {.partitions = 2});
      c.settle();
      auto remote = (*r.owner(0u) + 1) % 2;
      CHECK(r.request(*r.owner(0u), to_partition{0, "k"}, point{3}).ok());
      auto code = r.request(remote, to_partition{0, "k"}, point{3}).code();
      check_books(c);
      // What is dropped is a dead letter.
      auto& letters = c.dead_letters();
      REQUIRE(letters.size() == (code == errc::none ? 0 : 1));
      for (auto& one : letters) {
        CHECK(one.node == remote);
        CHECK(one.what.region == "r");
        CHECK(one.what.partition == 0);
        CHECK(one.what.key == "k");
        CHECK(one.what.why == code);
        CHECK(!one.what.type.empty());
      }
      return code;
    }
  };
  CHECK(run::with({}) == errc::unknown_type);
  CHECK(run::with([](caf::actor_system_config& cfg) {
          cfg.add_message_type<point>("point");
        })
        == errc::none);
}

TEST_CASE("testing: a run of many seeds names the one that failed",
          "[actor][testing]") {
  std::uint64_t runs = 0;
  std::string text;
  try {
    testing::for_each_seed(3, 9, [&](std::uint64_t seed) {
      ++runs;
      if (seed == 5)
        throw std::runtime_error{"too much"};
    });
  } catch (const std::exception& why) {
    text = why.what();
  }
  CHECK(runs == 3);
  CHECK(text == "seed 5: too much");
}

TEST_CASE("testing: a cluster does not run inside itself", "[actor][testing]") {
  cluster c{1};
  c.spawn_region("log", logger, {.partitions = 1});
  c.settle();
  c.system(0).spawn([&c] { CHECK_THROWS_AS(c.run_for(1s), std::logic_error); });
  c.run_for(1ms);
}
