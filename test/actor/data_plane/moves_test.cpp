#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

world::behavior_function recorder(lines& log) {
  return [&log](partition* self) -> caf::behavior {
    return {[&log, self](const std::string&, int x) {
      log.push_back(std::to_string(self->epoch().value) + ":"
                    + std::to_string(x));
      return x;
    }};
  };
}

lines only_numbers(const lines& log) {
  lines out;
  for (auto& x : log)
    out.push_back(x.substr(x.find(':') + 1));
  return out;
}

lines numbers(int from, int to) {
  lines out;
  for (int i = from; i <= to; ++i)
    out.push_back(std::to_string(i));
  return out;
}

} // namespace

TEST_CASE("moves: messages before, during and after a move run once, in order",
          "[actor][move]") {
  world w{3};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  auto from = GENERATE(1, 2, 3);
  auto deliver_early = GENERATE(true, false);
  int n = 0;
  auto send = [&](int count) {
    while (count-- > 0)
      w.tell(from, std::string{"k"}, ++n);
  };
  send(3);
  if (deliver_early)
    w.run();
  send(3);
  w.route(stage::pausing, 1, epoch{5});
  send(2);
  w.on(1).plane->close(w.key(), epoch{5});
  send(2);
  w.run();
  CHECK(w.on(1).reports.back() == "stopped 5");
  send(2);
  w.route(stage::starting, 2, epoch{9});
  send(2);
  w.spawn(2, epoch{9}, recorder(log));
  w.run();
  send(2);
  w.route(stage::running, 2, epoch{9});
  send(2);
  w.run();
  CHECK(only_numbers(log) == numbers(1, n));
  if (deliver_early)
    CHECK(log.front().substr(0, 1) == "5");
  CHECK(log.back().substr(0, 1) == "9");
}

TEST_CASE("moves: a router that learns of a move last loses nothing",
          "[actor][move]") {
  world w{3};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  int n = 0;
  for (int i = 0; i < 3; ++i)
    w.tell(3, std::string{"k"}, ++n);
  // Nodes 1 and 2 move it; node 3 hears nothing of it.
  for (std::size_t node : {1, 2})
    w.route_at(node, stage::pausing, 1, epoch{5}, log_index{10});
  w.on(1).plane->close(w.key(), epoch{5});
  w.run();
  for (int i = 0; i < 3; ++i)
    w.tell(3, std::string{"k"}, ++n);
  for (std::size_t node : {1, 2})
    w.route_at(node, stage::starting, 2, epoch{11}, log_index{11});
  w.spawn(2, epoch{11}, recorder(log));
  w.run();
  for (std::size_t node : {1, 2})
    w.route_at(node, stage::running, 2, epoch{11}, log_index{12});
  for (int i = 0; i < 3; ++i)
    w.tell(3, std::string{"k"}, ++n);
  w.run();
  w.route_at(3, stage::running, 2, epoch{11}, log_index{12});
  w.run();
  CHECK(only_numbers(log) == numbers(1, n));
}

TEST_CASE("moves: [R-7] an old route is put right by one return",
          "[actor][move]") {
  world w{3};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  for (std::size_t node : {1, 2})
    w.route_at(node, stage::pausing, 1, epoch{5}, log_index{10});
  w.on(1).plane->close(w.key(), epoch{5});
  w.run();
  w.spawn(2, epoch{11}, recorder(log));
  w.run();
  for (std::size_t node : {1, 2})
    w.route_at(node, stage::running, 2, epoch{11}, log_index{12});
  for (int i = 1; i <= 3; ++i)
    w.ask(3, std::string{"k"}, i);
  w.run();
  CHECK(log == lines{"11:1", "11:2", "11:3"});
  CHECK(w.answers == lines{"1", "2", "3"});
}

TEST_CASE("moves: there and back again, three times", "[actor][move]") {
  world w{3};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  int n = 0;
  std::size_t owner = 1;
  epoch at{5};
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 5; ++i)
      w.tell(3, std::string{"k"}, ++n);
    w.pause(owner, at);
    for (int i = 0; i < 5; ++i)
      w.tell(3, std::string{"k"}, ++n);
    w.run();
    owner = 3 - owner;
    at = epoch{at.value + 10};
    w.place(owner, at, recorder(log));
  }
  w.run();
  CHECK(only_numbers(log) == numbers(1, n));
}

TEST_CASE("moves: requests on the way are answered by the next owner",
          "[actor][move]") {
  world w{3};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  w.ask(3, std::string{"k"}, 1);
  w.ask(1, std::string{"k"}, 2);
  w.pause(1, epoch{5});
  w.ask(3, std::string{"k"}, 3);
  w.ask(2, std::string{"k"}, 4);
  w.run();
  w.place(2, epoch{6}, recorder(log));
  w.run();
  std::sort(w.answers.begin(), w.answers.end());
  CHECK(w.answers == lines{"1", "2", "3", "4"});
}

TEST_CASE("moves: a fence waits for what handlers skipped before it",
          "[actor][move]") {
  world w{2};
  lines log;
  w.place(1, epoch{5}, [&](partition* self) -> caf::behavior {
    self->set_default_handler(caf::skip);
    return {
        [&](const std::string&, const std::string& x) { log.push_back(x); }};
  });
  w.tell(2, std::string{"k"}, 1); // skipped
  w.run();
  w.route_at(2, stage::pausing, 1, epoch{5}, log_index{50}); // sends the fence
  w.run();
  auto fenced = [&] { return w.wire[{node_id{1}, node_id{2}}].size(); };
  CHECK(fenced() == 0);
  // Node 2 already knows the next owner: without an answer it must wait.
  w.route_at(2, stage::running, 2, epoch{60}, log_index{60});
  w.spawn(2, epoch{60}, recorder(log));
  w.run();
  w.tell(2, std::string{"k"}, 2);
  w.run();
  CHECK(log.empty());
  w.on(1).plane->close(w.key(), epoch{5});
  w.run();
  CHECK(only_numbers(log) == lines{"1", "2"});
}

TEST_CASE("moves: a fence that meets a closed gate is answered when it opens",
          "[actor][move]") {
  world w{2};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  w.tell(2, std::string{"k"}, 1);
  w.run();
  w.lease(1, 0s);
  w.route_at(2, stage::pausing, 1, epoch{5}, log_index{50});
  w.run();
  w.route_at(2, stage::running, 2, epoch{60}, log_index{60});
  w.spawn(2, epoch{60}, recorder(log));
  w.run();
  w.tell(2, std::string{"k"}, 2);
  w.run();
  CHECK(log == lines{"5:1"});
  w.lease(1, 1s);
  w.run();
  CHECK(log == lines{"5:1", "60:2"});
}

TEST_CASE("moves: a fence in the mailbox of a partition that dies is answered",
          "[actor][move]") {
  world w{2};
  lines log;
  w.place(1, epoch{5}, [](partition* self) -> caf::behavior {
    return {[self](const std::string&, int) { self->quit(); }};
  });
  w.tell(2, std::string{"k"}, 1);
  w.tell(2, std::string{"k"}, 2);
  w.run_actors();
  w.route_at(2, stage::pausing, 1, epoch{5}, log_index{50});
  while (w.deliver_one(2, 1))
    ;
  w.run();
  CHECK(w.on(1).reports.back() == "failed 5: it quit by itself");
  w.version = 100;
  w.place(2, epoch{60}, recorder(log));
  w.tell(2, std::string{"k"}, 3);
  w.run();
  CHECK(log == lines{"60:2", "60:3"});
}

TEST_CASE("moves: [R-11] holds are bounded by number and by bytes",
          "[actor][move]") {
  world w;
  auto big = GENERATE(true, false);
  std::size_t room = 0;
  std::size_t count = w.settings.hold_messages_max + 50;
  if (big) {
    room = 8;
    for (std::size_t i = 0; i < 10; ++i)
      w.tell(1, std::string{"k"},
             std::string(w.settings.hold_bytes_max / 9 + 1, 'x'));
    count = 10;
  } else {
    room = w.settings.hold_messages_max;
    for (std::size_t i = 0; i < count; ++i)
      w.tell(1, std::string{"k"}, 1);
  }
  CHECK(w.on(1).letters.size() == count - room);
  CHECK(w.on(1).letters.back().why == errc::overloaded);
  CHECK(w.on(1).plane->counters().held == room);
  w.pass(w.settings.held_message);
  w.run();
  CHECK(w.on(1).plane->counters().held == 0);
  CHECK(w.on(1).plane->counters().held_bytes == 0);
  CHECK(w.on(1).letters.back().why == errc::expired);
  CHECK(w.on(1).letters.size() == count);
  CHECK(w.answers.size() == count); // each sender was told
}

TEST_CASE("moves: what came back from an actor that stopped expires too",
          "[actor][move]") {
  world w{2};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  auto from = GENERATE(1, 2);
  w.route_at(1, stage::running, 1, epoch{5}, log_index{40});
  w.on(1).plane->close(w.key(), epoch{5}); // before anybody knows: it parks
  w.ask(from, std::string{"k"}, 1);
  w.run();
  CHECK(w.answers.empty());
  w.pass(w.settings.held_message + 1ms);
  w.run();
  CHECK(w.answers == lines{"error expired"});
  CHECK(log.empty());
}

TEST_CASE("moves: a deadline holds wherever the message is", "[actor][move]") {
  world w{2};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  auto from = GENERATE(1u, 2u);
  auto send = [&](int x) {
    w.on(from).plane->accept_at(
        *w.on(from).region, 0,
        caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                                  caf::make_message(std::string{"k"}, x)),
        nullptr, w.now + 100ms);
  };
  w.lease(1, 0s);
  send(1);
  w.run();
  w.pass(200ms);
  w.lease(1, 10s);
  send(2);
  w.run();
  CHECK(log == lines{"5:2"});
  REQUIRE(w.on(1).letters.size() == 1);
  CHECK(w.on(1).letters[0].why == errc::expired);
  CHECK(w.on(1).plane->counters().processed == 1);
}

TEST_CASE("moves: a deadline survives that a handler skips the message",
          "[actor][move]") {
  world w;
  lines log;
  w.place(1, epoch{5}, [&](partition* self) -> caf::behavior {
    self->set_default_handler(caf::skip);
    return {[&, self](const std::string&, const std::string&) {
      self->become([&](const std::string&, int) { log.push_back("late"); });
    }};
  });
  w.on(1).plane->accept_at(
      *w.on(1).region, 0,
      caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                                caf::make_message(std::string{"k"}, 1)),
      nullptr, w.now + 100ms);
  w.run();
  w.pass(200ms);
  w.tell(1, std::string{"k"}, std::string{"go"});
  w.run();
  CHECK(log.empty());
  REQUIRE(w.on(1).letters.size() == 1);
}

TEST_CASE("moves: open requests of a lost owner fail at once, and late answers "
          "are ignored",
          "[actor][move]") {
  world w{3};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  w.ask(3, std::string{"k"}, 1);
  while (w.deliver_one(3, 1))
    ;
  w.run_actors(); // answered: the answer is on the wire
  w.ask(3, std::string{"k"}, 2);
  w.on(3).plane->owner_lost(node_id{1}, incarnation{1}, log_index{1000});
  w.run_actors();
  CHECK(w.answers == lines{"error outcome_unknown", "error outcome_unknown"});
  w.run();
  CHECK(w.answers.size() == 2);
  CHECK(w.on(3).plane->counters().unknown == 2);
  w.place(2, epoch{9}, recorder(log));
  w.ask(3, std::string{"k"}, 3);
  w.run();
  CHECK(w.answers.back() == "3");
}

TEST_CASE("moves: returns of an owner that was given up are ignored",
          "[actor][move]") {
  world w{3};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  w.on(1).plane->close(w.key(), epoch{5});
  w.tell(3, std::string{"k"}, 1);
  w.run(); // given back by node 1 to 3: run again from scratch below
  w.on(3).plane->owner_lost(node_id{1}, incarnation{1}, log_index{1000});
  w.place(2, epoch{9}, recorder(log));
  w.run();
  CHECK(log == lines{"9:1"}); // it was back before: not lost, not doubled
}

TEST_CASE("moves: a quarantined partition refuses what is held and what comes",
          "[actor][move]") {
  world w;
  w.ask(1, std::string{"k"}, 1);
  w.route(stage::unassigned, 0, epoch{5}, 0, true);
  w.ask(1, std::string{"k"}, 2);
  w.run();
  CHECK(w.answers == lines{"error quarantined", "error quarantined"});
}

TEST_CASE("moves: a stop answers what is held, open and coming back",
          "[actor][move]") {
  world w{2};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  w.lease(1, 0s);
  w.ask(2, std::string{"k"}, 1); // open
  w.ask(1, std::string{"k"}, 2); // in the mailbox of our own actor
  w.route(stage::pausing, 1, epoch{5});
  w.ask(2, std::string{"k"}, 3); // held
  w.on(2).plane->stop();
  w.on(1).plane->stop();
  w.run();
  w.actor(1, epoch{5}).kill();
  w.on(1).plane->close(w.key(), epoch{5});
  w.run();
  CHECK(w.answers == lines(3, "error stopping"));
  CHECK(log.empty());
}

TEST_CASE("moves: [R-3] an old epoch's messages are never processed",
          "[actor][move]") {
  world w{2};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  w.tell(2, std::string{"k"}, 1); // on the wire
  w.run_actors();
  auto frame = w.wire[{node_id{2}, node_id{1}}].front();
  w.run();
  w.pause(1, epoch{5});
  w.run();
  w.place(1, epoch{9}, recorder(log));
  w.on(1).plane->receive(node_id{2}, w.on(2).started, frame.kind, frame.bytes);
  w.run_actors();
  CHECK(log == lines{"5:1"});
}
