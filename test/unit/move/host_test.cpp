#include <test/catch.hpp>

#include <troupe/cluster/move/partition_host.hpp>

using namespace troupe;

namespace {

const partition_key key{region_id{1}, 0};

assignment row(stage s, std::uint64_t owner, std::uint64_t e,
               std::uint64_t target = 0, std::uint64_t source = 0,
               std::uint64_t source_epoch = 0) {
  assignment a;
  a.stage = s;
  a.owner = node_id{owner};
  a.owner_incarnation = incarnation{1};
  a.epoch = epoch{e};
  a.target = node_id{target};
  a.source = node_id{source};
  a.source_epoch = epoch{source_epoch};
  return a;
}

partition_state saved() {
  return {true, std::make_shared<const std::string>("state")};
}

template <class Effect>
const Effect* only(const std::vector<host_effect>& effects) {
  return effects.size() == 1 ? std::get_if<Effect>(&effects[0]) : nullptr;
}

partition_host running(std::uint64_t self) {
  partition_host h{node_id{self}, incarnation{1}};
  h.learn(key, row(stage::starting, self, 5));
  REQUIRE(only<start_actor>(h.take()));
  h.started(key, epoch{5});
  REQUIRE(h.facts().started_size() == 1);
  h.learn(key, row(stage::running, self, 5));
  REQUIRE_FALSE(h.has_facts());
  return h;
}

} // namespace

TEST_CASE("host: a state is confirmed when it was acknowledged, kept until "
          "another runs",
          "[unit][move]") {
  auto h = running(1);
  h.learn(key, row(stage::pausing, 1, 5, 2));
  REQUIRE(only<stop_actor>(h.take()));
  h.stopped(key, epoch{5}, saved());
  REQUIRE(only<send_state>(h.take()));
  CHECK_FALSE(h.has_facts());
  h.state_taken(node_id{2}, key, epoch{5});
  CHECK(h.facts().confirmed_size() == 1);
  h.learn(key, row(stage::starting, 2, 8, 0, 1, 5));
  CHECK(h.take().empty());
  h.learn(key, row(stage::starting, 3, 9, 0, 1, 5));
  auto effects = h.take();
  REQUIRE(only<send_state>(effects));
  CHECK(only<send_state>(effects)->to == node_id{3});
}

TEST_CASE("host: news are said once, facts until the map has them",
          "[unit][move]") {
  partition_host h{node_id{1}, incarnation{1}};
  for (partition_id p = 0; p < 3; ++p) {
    partition_key one{region_id{1}, p};
    h.learn(one, row(stage::starting, 1, 5));
    CHECK_FALSE(h.has_news());
    h.started(one, epoch{5});
    REQUIRE(h.has_news());
    CHECK(h.take_news().started_size() == 1);
    CHECK_FALSE(h.has_news());
  }
  CHECK(h.facts().started_size() == 3);
  auto first = h.facts(2);
  REQUIRE(first.started_size() == 2);
  for (auto& said : first.started())
    h.learn({region_id{1}, said.partition()}, row(stage::running, 1, 5));
  auto then = h.facts(2);
  REQUIRE(then.started_size() == 1);
  CHECK(then.started(0).partition() == 2);
}

TEST_CASE("host: [R-8] an actor that does not end is named once",
          "[unit][move]") {
  auto h = running(1);
  CHECK(h.overruns(boot_time{100}, boot_time{50}).empty());
  SECTION("told to stop") {
    h.learn(key, row(stage::pausing, 1, 5, 2));
  }
  SECTION("killed") {
    h.learn(key, row(stage::running, 2, 9));
  }
  h.take();
  CHECK(h.overruns(boot_time{200}, boot_time{50}).empty());
  CHECK(h.overruns(boot_time{250}, boot_time{50}).empty());
  auto late = h.overruns(boot_time{251}, boot_time{50});
  REQUIRE(late.size() == 1);
  CHECK(late[0].key == key);
  CHECK(late[0].epoch == epoch{5});
  CHECK(late[0].since == boot_time{200});
  CHECK(h.overruns(boot_time{999}, boot_time{50}).empty());
  h.stopped(key, epoch{5}, std::nullopt);
  CHECK(h.overruns(boot_time{9999}, boot_time{50}).empty());
}

TEST_CASE("host: a receiver that was started anew gets the state again",
          "[unit][move]") {
  auto h = running(1);
  h.learn(key, row(stage::pausing, 1, 5, 2));
  h.stopped(key, epoch{5}, saved());
  h.take();
  h.state_taken(node_id{2}, key, epoch{5});
  h.session_ended(node_id{2});
  CHECK(only<send_state>(h.take()));
  CHECK_FALSE(h.has_facts());
}

TEST_CASE("host: a rollback that comes by a snapshot still stops and saves",
          "[unit][move]") {
  auto h = running(1);
  h.learn(key, row(stage::starting, 1, 9, 0, 1, 5));
  REQUIRE(only<stop_actor>(h.take()));
  h.stopped(key, epoch{5}, saved());
  auto effects = h.take();
  REQUIRE(only<start_actor>(effects));
  CHECK(only<start_actor>(effects)->state.present);
  CHECK(only<start_actor>(effects)->epoch == epoch{9});
}

TEST_CASE("host: a new owner waits for the state, and not in vain",
          "[unit][move]") {
  partition_host h{node_id{2}, incarnation{1}};
  h.learn(key, row(stage::starting, 2, 8, 0, 1, 5));
  CHECK(h.take().empty());
  SECTION("it comes") {
    h.state_arrived(node_id{1}, key, epoch{5}, saved());
    auto effects = h.take();
    REQUIRE(effects.size() == 2);
    CHECK(std::holds_alternative<acknowledge_state>(effects[0]));
    CHECK(std::holds_alternative<start_actor>(effects[1]));
  }
  SECTION("who held it is lost") {
    h.lost({node_id{1}});
    REQUIRE(h.facts().failed_size() == 1);
    CHECK(h.facts().failed(0).unstarted());
  }
  SECTION("it does not come in time") {
    h.give_up_states(boot_time{100}, boot_time{50});
    h.give_up_states(boot_time{150}, boot_time{50});
    CHECK_FALSE(h.has_facts());
    SECTION("and is said to fail, once it is too late for good") {
      h.give_up_states(boot_time{151}, boot_time{50});
      REQUIRE(h.facts().failed_size() == 1);
      CHECK(h.facts().failed(0).unstarted());
      CHECK(h.facts().failed(0).epoch() == 8);
      h.state_arrived(node_id{1}, key, epoch{5}, saved());
      CHECK(only<acknowledge_state>(h.take()));
      h.learn(key, row(stage::starting, 2, 11, 0, 2, 5));
      CHECK(only<start_actor>(h.take()));
    }
    SECTION("another assignment is waited for as long") {
      h.learn(key, row(stage::starting, 2, 9, 0, 3, 5));
      h.give_up_states(boot_time{160}, boot_time{50});
      h.give_up_states(boot_time{210}, boot_time{50});
      CHECK_FALSE(h.has_facts());
      h.give_up_states(boot_time{211}, boot_time{50});
      CHECK(h.facts().failed_size() == 1);
    }
  }
}

TEST_CASE("host: [R-8] an actor that does not start is named once",
          "[unit][move]") {
  partition_host h{node_id{1}, incarnation{1}};
  h.learn(key, row(stage::starting, 1, 5));
  h.take();
  CHECK(h.overruns(boot_time{100}, boot_time{50}).empty());
  auto late = h.overruns(boot_time{151}, boot_time{50});
  REQUIRE(late.size() == 1);
  CHECK(late[0].starts);
  CHECK(h.overruns(boot_time{999}, boot_time{50}).empty());
  SECTION("it starts after all") {
    h.started(key, epoch{5});
    CHECK(h.overruns(boot_time{9999}, boot_time{50}).empty());
  }
  SECTION("it is killed, and does not end either") {
    h.learn(key, row(stage::starting, 2, 9));
    h.take();
    CHECK(h.overruns(boot_time{1000}, boot_time{50}).empty());
    auto again = h.overruns(boot_time{1051}, boot_time{50});
    REQUIRE(again.size() == 1);
    CHECK_FALSE(again[0].starts);
  }
}

TEST_CASE("host: a copy of a state without an owner is offered",
          "[unit][move]") {
  partition_host h{node_id{2}, incarnation{1}};
  h.state_arrived(node_id{1}, key, epoch{5}, saved());
  h.learn(key, row(stage::starting, 2, 8, 0, 1, 5));
  h.take();
  h.failed(key, epoch{8}, "no");
  REQUIRE(h.facts().failed_size() == 1);
  CHECK_FALSE(h.facts().failed(0).unstarted());
  auto orphan = row(stage::unassigned, 0, 8, 2, 1, 5);
  orphan.owner_incarnation = {};
  h.learn(key, orphan);
  CHECK(h.facts().holding_size() == 1);
}

TEST_CASE("host: [R-3] [SF-10] what names another epoch or incarnation is "
          "ignored",
          "[unit][move]") {
  auto h = running(1);
  h.started(key, epoch{4});
  h.stopped(key, epoch{4}, saved());
  h.failed(key, epoch{4}, "no");
  h.state_taken(node_id{2}, key, epoch{4});
  CHECK(h.take().empty());
  CHECK_FALSE(h.has_facts());
  partition_host next{node_id{1}, incarnation{2}};
  next.learn(key, row(stage::starting, 1, 5));
  CHECK(next.take().empty());
  h.learn(key, row(stage::running, 3, 9));
  CHECK(only<kill_actor>(h.take()));
}

TEST_CASE("host: a partition that is cut off its region is killed, and leaves "
          "nothing",
          "[unit][move]") {
  auto h = running(1);
  h.take();
  if (GENERATE(true, false)) { // by an entry, or by a snapshot
    h.forget(key);
  } else {
    h.forget_unless({{region_id{1}, 1}});
    CHECK(h.take().empty());
    h.forget_unless({{region_id{1}, 0}});
  }
  auto effects = h.take();
  REQUIRE(only<kill_actor>(effects));
  CHECK(only<kill_actor>(effects)->epoch == epoch{5});
  CHECK_FALSE(h.has_facts());
  bool back = GENERATE(false, true);
  if (back) { // another begins only when this one has stopped
    h.learn(key, row(stage::starting, 1, 9));
    CHECK(h.take().empty());
  }
  CHECK(h.alive() == 1);
  h.stopped(key, epoch{5}, std::nullopt);
  CHECK(bool(only<start_actor>(h.take())) == back);
  CHECK(h.alive() == (back ? 1 : 0));
}
