#include <array>
#include <memory>
#include <string>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <test/catch.hpp>

#include <troupe/runtime/group/group_actor.hpp>

#include "adder.hpp"

using namespace troupe::raft;
using namespace std::chrono_literals;

namespace {

group_options options_at(const std::string& data) {
  group_options out;
  out.data = data;
  out.listen = "127.0.0.1:0";
  out.settings.tick = 10ms;
  out.settings.heartbeat = 20ms;
  out.settings.election = 100ms;
  return out;
}

} // namespace

TEST_CASE("group: alone, it takes commands, reads, snapshots, and starts again",
          "[actor][group]") {
  scratch files;
  auto options = options_at(files.path + "/m");
  options.settings.snapshots = snapshot_policy::every_changes(10);
  for (int life = 0; life < 3; ++life) {
    group<adder> g{options};
    REQUIRE_FALSE(g.start());
    for (int i = 0; i < 35; ++i) {
      auto got = g.propose(number(2)).get();
      REQUIRE(got);
      CHECK(got->value() == life * 70 + 2 * (i + 1));
    }
    for (auto how :
         {read_mode::linearizable, read_mode::lease, read_mode::local}) {
      auto sum = g.read([](const adder& x) { return x.sum; }, how).get();
      REQUIRE(sum);
      CHECK(*sum == (life + 1) * 70);
    }
    g.stop();
    auto late = g.propose(number(1)).get();
    REQUIRE_FALSE(late);
    CHECK(late.error().why == group_code::stopped);
    // The port was a free one: the group goes by its directory.
  }
}

TEST_CASE("[HR-3] group: a command that the state machine does not take is an "
          "error for its sender alone",
          "[actor][group]") {
  scratch files;
  group<adder> g{options_at(files.path + "/m")};
  REQUIRE_FALSE(g.start());
  auto good = g.propose(number(5));
  auto bad = g.propose(number(-6));
  auto after = g.propose(number(1));
  CHECK(good.get()->value() == 5);
  auto got = bad.get();
  REQUIRE_FALSE(got);
  CHECK(got.error().why == group_code::rejected);
  CHECK(got.error().detail == "the sum would fall below 0");
  CHECK(after.get()->value() == 6);
}

TEST_CASE("[ER-5] group: a late subscriber is told who leads",
          "[actor][group]") {
  scratch files;
  group<adder> g{options_at(files.path + "/m")};
  REQUIRE_FALSE(g.start());
  REQUIRE(g.propose(number(5)).get());
  std::promise<leader_view> told;
  auto once = std::make_shared<bool>(false);
  auto subscribed = g.watch_leader([&told, once](const leader_view& now) {
    if (!std::exchange(*once, true))
      told.set_value(now);
  });
  auto now = told.get_future().get();
  CHECK(now.leader == g.self());
  CHECK(now.here);
  CHECK(now.address == g.address());
}

TEST_CASE("group: another program's directory, port and settings are refused",
          "[actor][group]") {
  scratch files;
  group<adder> first{options_at(files.path + "/m")};
  REQUIRE_FALSE(first.start());
  SECTION("a directory in use") {
    group<adder> second{options_at(files.path + "/m")};
    auto why = second.start();
    REQUIRE(why);
    CHECK(why->why == group_code::disk);
  }
  SECTION("a port in use") {
    auto options = options_at(files.path + "/n");
    options.listen = first.address();
    group<adder> second{options};
    auto why = second.start();
    REQUIRE(why);
    CHECK(why->why == group_code::network);
  }
  SECTION("a list of members without this one") {
    auto options = options_at(files.path + "/n");
    options.members = {{"127.0.0.1:1", true}};
    group<adder> second{options};
    auto why = second.start();
    REQUIRE(why);
    CHECK(why->why == group_code::invalid);
  }
  SECTION("settings that make no sense") {
    auto options = options_at(files.path + "/n");
    options.settings.election = 1ms;
    group<adder> second{options};
    auto why = second.start();
    REQUIRE(why);
    CHECK(why->why == group_code::invalid);
  }
}

TEST_CASE("group: one that was stopped, or has started, does not start",
          "[actor][group]") {
  scratch files;
  SECTION("stopped before it started") {
    group<adder> g{options_at(files.path + "/m")};
    g.stop();
    auto why = g.start();
    REQUIRE(why);
    CHECK(why->why == group_code::stopped);
  }
  SECTION("a second time") {
    group<adder> g{options_at(files.path + "/m")};
    REQUIRE_FALSE(g.start());
    CHECK(g.start()->why == group_code::stopped);
    CHECK(g.propose(number(1)).get());
    g.stop();
    CHECK(g.start()->why == group_code::stopped);
    g.stop();
  }
}

TEST_CASE("group: as an actor it answers commands, and errors by their word",
          "[actor][group]") {
  scratch files;
  auto g = std::make_shared<group<adder>>(options_at(files.path + "/m"));
  REQUIRE_FALSE(g->start());
  {
    caf::actor_system_config cfg;
    caf::actor_system sys{cfg};
    auto actor = sys.spawn<group_actor<adder>>(g);
    caf::scoped_actor self{sys};
    std::int64_t sum = 0;
    self->request(actor, 5s, number(7))
        .receive([&](const Int64Value& x) { sum = x.value(); },
                 [](const caf::error&) {});
    CHECK(sum == 7);
    std::string why;
    self->request(actor, 5s, number(-9))
        .receive([](const Int64Value&) {},
                 [&](const caf::error& e) { why = to_string(e); });
    CHECK(why.find("rejected") != why.npos);
    self->send_exit(actor, caf::exit_reason::user_shutdown);
  }
  g->stop();
}
