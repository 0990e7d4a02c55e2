#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

#include <stdexcept>

using namespace troupe;
using namespace troupe::test;

namespace {

struct journal {
  lines log;
  caf::response_promise promise;
  caf::actor worker; // gets what is handed on

  // Answers "n", logs what it gets, keeps a promise for "later" until it gets
  // a number from elsewhere.
  world::behavior_function actor() {
    return [this](partition* self) -> caf::behavior {
      self->on_load([this](std::string_view x) {
        log.push_back("load " + std::string{x});
      });
      self->on_start([this](epoch e) {
        log.push_back("start " + std::to_string(e.value));
      });
      self->before_stop([this] { log.push_back("stop"); });
      self->on_save([this] {
        log.push_back("save");
        return std::string{"saved"};
      });
      return {
          [this](const std::string& key, int x) {
            log.push_back(key + " " + std::to_string(x));
            return x * 2;
          },
          [this](caf::atom_value, int x) { promise.deliver(x); },
          [this, self](const std::string&, const std::string& what) {
            return self->delegate(worker, what);
          },
          [this, self](const std::string&, caf::atom_value what) {
            if (what == caf::atom("later")) {
              promise = self->make_response_promise();
            } else if (what == caf::atom("throw")) {
              throw std::runtime_error("out of paper");
            } else if (what == caf::atom("quit")) {
              self->quit();
            }
            log.push_back(to_string(what));
            if (what == caf::atom("later"))
              return caf::result<int>{caf::delegated<int>{}};
            return caf::result<int>{1};
          },
      };
    };
  }
};

void answer_later(world& w, epoch e, int x) {
  caf::anon_send(caf::actor_cast<caf::actor>(w.on(1).actors[e]),
                 caf::atom("now"), x);
}

// Keeps what it gets, answers when it is told to.
caf::behavior hesitant(caf::event_based_actor* self) {
  auto kept = std::make_shared<caf::response_promise>();
  return {
      [self, kept](const std::string&) {
        *kept = self->make_response_promise();
        return caf::delegated<int>{};
      },
      [kept](int x) { kept->deliver(x); },
  };
}

partition_state state_of(std::string bytes) {
  return {true, std::make_shared<const std::string>(std::move(bytes))};
}

} // namespace

TEST_CASE("partition: state, start, messages, stop and save come in this order",
          "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor(), 0, state_of("old"));
  w.ask(1, std::string{"a"}, 1);
  w.ask(1, std::string{"b"}, 2);
  w.pause(1, epoch{5});
  w.ask(1, std::string{"c"}, 3);
  w.run();
  CHECK(j.log == lines{"load old", "start 5", "a 1", "b 2", "stop", "save"});
  CHECK(w.answers == lines{"2", "4"});
  CHECK(w.on(1).reports == lines{"started 5", "stopped 5"});
  CHECK(w.on(1).saved == "saved");
  w.place(1, epoch{9}, j.actor());
  w.run();
  CHECK(w.answers == lines{"2", "4", "6"});
  CHECK(j.log.back() == "c 3");
}

TEST_CASE("partition: an empty state is not loaded", "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  CHECK(j.log == lines{"start 5"});
}

TEST_CASE("partition: what its own function sends waits for the start",
          "[actor][partition]") {
  lines log;
  world w;
  w.place(1, epoch{5}, [&](partition* self) -> caf::behavior {
    self->on_start([&](epoch) { log.push_back("start"); });
    self->send(self, 7);
    return {[&](int) { log.push_back("tick"); }};
  });
  w.run();
  CHECK(log == lines{"start", "tick"});
}

TEST_CASE("partition: a marker waits for open promises", "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  w.ask(1, std::string{"a"}, caf::atom("later"));
  w.pause(1, epoch{5});
  w.run();
  CHECK(w.on(1).reports == lines{"started 5"});
  answer_later(w, epoch{5}, 42);
  w.run();
  CHECK(w.answers == lines{"42"});
  CHECK(w.on(1).reports == lines{"started 5", "stopped 5"});
}

TEST_CASE("partition: a marker waits for what was handed to other actors",
          "[actor][partition]") {
  journal j;
  world w;
  j.worker = w.sys->spawn(hesitant);
  w.clients.push_back(j.worker);
  w.place(1, epoch{5}, j.actor());
  w.ask(1, std::string{"a"}, std::string{"x"});
  w.pause(1, epoch{5});
  w.run();
  CHECK(w.on(1).reports == lines{"started 5"});
  caf::anon_send(j.worker, 3);
  w.run();
  CHECK(w.answers == lines{"3"});
  CHECK(w.on(1).reports == lines{"started 5", "stopped 5"});
  j.worker = nullptr;
}

TEST_CASE("partition: at the stop deadline open requests are answered moved",
          "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  j.worker = w.sys->spawn(hesitant);
  w.clients.push_back(j.worker);
  w.ask(1, std::string{"a"}, std::string{"x"});
  w.pause(1, epoch{5});
  w.run();
  w.pass(w.settings.stop_deadline + 1ms);
  w.run();
  CHECK(w.answers == lines{"error moved"});
  CHECK(w.on(1).reports == lines{"started 5", "stopped 5"});
  caf::anon_send(j.worker, 3); // too late: one answer is enough
  w.run();
  CHECK(w.answers.size() == 1);
  j.worker = nullptr;
}

TEST_CASE("partition: a closed gate lets nothing begin, and keeps the order",
          "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  w.lease(1, w.settings.handler_budget); // not more than that: closed
  for (int i = 1; i <= 3; ++i)
    w.ask(1, std::string{"a"}, i);
  caf::anon_send(caf::actor_cast<caf::actor>(w.on(1).actors[epoch{5}]),
                 std::string{"self"}, 9);
  w.run();
  CHECK(j.log == lines{"start 5"});
  w.lease(1, 1s);
  w.run();
  CHECK(j.log == lines{"start 5", "a 1", "a 2", "a 3", "self 9"});
  CHECK(w.answers == lines{"2", "4", "6"});
}

TEST_CASE("partition: what waits for the gate is not overtaken when it opens "
          "between two messages",
          "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  w.lease(1, 0s);
  for (int i = 1; i <= 3; ++i)
    w.ask(1, std::string{"a"}, i);
  w.run();
  w.ask(1, std::string{"a"}, 4);
  bool stops = GENERATE(false, true);
  if (stops)
    w.pause(1, epoch{5});
  w.lease(1, 1s); // the actor finds that out only behind what it has
  w.run();
  lines all{"start 5", "a 1", "a 2", "a 3", "a 4"};
  if (stops)
    all.insert(all.end(), {"stop", "save"});
  CHECK(j.log == all);
  CHECK(w.answers == lines{"2", "4", "6", "8"});
}

TEST_CASE("partition: no hook runs while the gate is closed",
          "[actor][partition]") {
  journal j;
  world w;
  w.lease(1, 0s);
  w.place(1, epoch{5}, j.actor(), 0, state_of("old"));
  CHECK(j.log.empty());
  w.lease(1, 1s);
  w.run();
  CHECK(j.log == lines{"load old", "start 5"});
  w.lease(1, 0s);
  w.pause(1, epoch{5});
  w.run();
  CHECK(j.log.size() == 2);
  w.lease(1, 1s);
  w.run();
  CHECK(j.log == lines{"load old", "start 5", "stop", "save"});
  CHECK(w.on(1).reports == lines{"started 5", "stopped 5"});
}

TEST_CASE("partition: an answer after the end of the lease does not leave",
          "[actor][partition]") {
  journal j;
  world w;
  j.worker = w.sys->spawn(hesitant);
  w.clients.push_back(j.worker);
  w.place(1, epoch{5}, j.actor());
  w.ask(1, std::string{"a"}, std::string{"x"});
  w.lease(1, 0s);
  caf::anon_send(j.worker, 3);
  w.run();
  j.worker = nullptr;
  CHECK(w.answers == lines{"error outcome_unknown"});
}

TEST_CASE(
    "partition: what keeps running without a lease does not begin without "
    "one",
    "[actor][partition]") {
  world w;
  lines log;
  w.lease(1, 0s);
  w.spawn(
      1, epoch{5},
      [&](partition* self) -> caf::behavior {
        self->on_start(
            [&](epoch at) { log.push_back(std::to_string(at.value)); });
        return {[](const std::string&, int x) { return x; }};
      },
      0, {}, true);
  w.run();
  CHECK(log.empty());
  w.lease(1, 1s);
  w.run();
  CHECK(log == lines{"5"});
}

TEST_CASE("partition: keep_running ignores the lease", "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor(), 0, {}, true);
  w.lease(1, 0s);
  w.ask(1, std::string{"a"}, 4);
  w.run();
  CHECK(w.answers == lines{"8"});
}

TEST_CASE("partition: a message that a handler sends after the lease is over "
          "stops at the gate",
          "[actor][partition]") {
  world w{1, 2};
  journal j;
  w.place(1, epoch{4}, j.actor(), 1);
  auto to = w.router(1);
  w.place(1, epoch{5}, [&](partition* self) -> caf::behavior {
    return {[&, self](const std::string&, int) {
      w.lease(1, 0s);
      self->send(to, to_partition{1, "x"}, 1);
      w.lease(1, 1s);
    }};
  });
  w.tell(1, to_partition{0, "a"}, 1);
  w.run();
  CHECK(j.log == lines{"start 4"});
  REQUIRE(w.on(1).letters.size() == 1);
  CHECK(w.on(1).letters[0].why == errc::not_owner);
}

TEST_CASE("partition: a killed one begins nothing and gives back in order",
          "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  w.ask(1, std::string{"a"}, caf::atom("later"));
  for (int i = 1; i <= 3; ++i)
    w.tell(1, std::string{"b"}, i);
  w.actor(1, epoch{5}).kill();
  w.on(1).plane->close(w.key(), epoch{5});
  w.tell(1, std::string{"b"}, 4);
  w.run();
  CHECK(j.log == lines{"start 5", "later"});
  CHECK(w.answers == lines{"error outcome_unknown"});
  CHECK(w.on(1).reports == lines{"started 5", "stopped 5"});
  w.place(1, epoch{6}, j.actor());
  w.run();
  CHECK(j.log
        == lines{"start 5", "later", "start 6", "b 1", "b 2", "b 3", "b 4"});
}

TEST_CASE("partition: one that is killed before it started says stopped",
          "[actor][partition]") {
  journal j;
  world w;
  w.spawn(1, epoch{5}, j.actor());
  w.actor(1, epoch{5}).kill();
  w.run();
  CHECK(j.log.empty());
  CHECK(w.on(1).reports == lines{"stopped 5"});
}

TEST_CASE(
    "partition: skipped messages come back with their place when it stops",
    "[actor][partition]") {
  lines log;
  world w;
  w.place(1, epoch{5}, [&](partition* self) -> caf::behavior {
    self->set_default_handler(caf::skip);
    return {
        [&](const std::string&, int x) { log.push_back(std::to_string(x)); }};
  });
  w.tell(1, std::string{"a"}, std::string{"one"});
  w.tell(1, std::string{"a"}, 1);
  w.tell(1, std::string{"a"}, std::string{"two"});
  w.run();
  w.pause(1, epoch{5});
  w.run();
  w.place(1, epoch{6}, [&](partition*) -> caf::behavior {
    return {
        [&](const std::string&, const std::string& x) { log.push_back(x); }};
  });
  w.run();
  CHECK(log == lines{"1", "one", "two"});
}

TEST_CASE("partition: urgent messages that were not begun come back too",
          "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  auto to = w.router(1);
  auto client = w.sys->spawn([&](caf::event_based_actor* self) {
    for (int i = 0; i < 20; ++i)
      self->request<caf::message_priority::high>(to, caf::infinite,
                                                 std::string{"u"}, i)
          .then([&](int x) { w.answers.push_back(std::to_string(x)); });
  });
  w.jobs().prioritize(client);
  w.jobs().run_once();
  w.pause(1, epoch{5});
  w.run();
  w.place(1, epoch{6}, j.actor());
  w.run();
  CHECK(w.answers.size() == 20);
}

// -- failures -----------------------------------------------------------------

TEST_CASE(
    "partition: a handler that throws fails the partition, not what waits",
    "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  w.ask(1, std::string{"o"}, caf::atom("later"));
  w.tell(1, std::string{"a"}, 1);
  w.tell(1, std::string{"a"}, caf::atom("throw"));
  w.ask(1, std::string{"b"}, 2);
  w.tell(1, std::string{"b"}, 3);
  w.run();
  CHECK(w.on(1).reports == lines{"started 5", "failed 5: out of paper"});
  CHECK(w.answers == lines{"(2)", "error handler_failed"}); // the open one
  w.place(1, epoch{6}, j.actor());
  w.run();
  CHECK(j.log == lines{"start 5", "later", "a 1", "start 6", "b 2", "b 3"});
  CHECK(w.answers == lines{"(2)", "error handler_failed", "4", "(6)"});
}

TEST_CASE("partition: the request whose handler throws gets the reason",
          "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  w.ask(1, std::string{"a"}, caf::atom("throw"));
  w.run();
  CHECK(w.answers == lines{"error handler_failed"});
}

TEST_CASE("partition: one that quits by itself has failed",
          "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  w.tell(1, std::string{"a"}, caf::atom("quit"));
  w.ask(1, std::string{"b"}, 2);
  w.run();
  CHECK(w.on(1).reports == lines{"started 5", "failed 5: it quit by itself"});
  w.place(1, epoch{6}, j.actor());
  w.run();
  CHECK(w.answers.back() == "4");
}

TEST_CASE("partition: what hooks throw is the reason of the failure",
          "[actor][partition]") {
  auto where = GENERATE(0, 1, 2, 3, 4);
  world w;
  auto fail = [] { throw std::runtime_error("no room"); };
  w.spawn(
      1, epoch{5},
      [&](partition* self) -> caf::behavior {
        if (where == 0)
          fail();
        self->on_load([&](std::string_view) {
          if (where == 1)
            fail();
        });
        self->on_start([&](epoch) {
          if (where == 2)
            fail();
        });
        self->before_stop([&] {
          if (where == 3)
            fail();
        });
        self->on_save([&] {
          if (where == 4)
            fail();
          return std::string{};
        });
        return {[](const std::string&, int x) { return x; }};
      },
      0, state_of("x"));
  w.run_actors();
  w.route(stage::running, 1, epoch{5});
  w.pause(1, epoch{5});
  w.ask(1, std::string{"a"}, 7);
  w.run();
  CHECK(w.on(1).reports.back() == "failed 5: no room");
  w.place(1, epoch{6}, [](partition*) -> caf::behavior {
    return {[](const std::string&, int x) { return x; }};
  });
  w.run();
  CHECK(w.answers == lines{"7"});
}

TEST_CASE("partition: one that dies before its start is known is never opened",
          "[actor][partition]") {
  world w;
  w.route(stage::starting, 1, epoch{5});
  w.spawn(1, epoch{5}, [&](partition* self) -> caf::behavior {
    self->on_start([self](epoch) { self->quit(); });
    return {[](const std::string&, int x) { return x; }};
  });
  w.run();
  // As a late report would do:
  w.on(1).plane->started(w.key(), epoch{5}, w.on(1).actors[epoch{5}]);
  w.route(stage::running, 1, epoch{5});
  w.ask(1, std::string{"a"}, 3);
  w.run();
  CHECK(w.answers.empty());
  w.place(1, epoch{6}, [](partition*) -> caf::behavior {
    return {[](const std::string&, int x) { return x; }};
  });
  w.run();
  CHECK(w.answers == lines{"3"});
}

TEST_CASE("partition: an error message does not end it", "[actor][partition]") {
  journal j;
  world w;
  w.place(1, epoch{5}, j.actor());
  caf::anon_send(caf::actor_cast<caf::actor>(w.on(1).actors[epoch{5}]),
                 make_error(errc::overloaded));
  w.ask(1, std::string{"a"}, 1);
  w.run();
  CHECK(w.answers == lines{"2"});
}
