#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

world::behavior_function recorder(lines& log) {
  return [&log](partition* self) -> caf::behavior {
    return {[self, &log](const std::string&, int x) {
      log.push_back(std::to_string(self->epoch().value) + ":"
                    + std::to_string(x));
      return x;
    }};
  };
}

link::session_end lost_session(std::size_t peer, incarnation started) {
  link::session_end out;
  out.peer = node_id{peer};
  out.incarnation = started;
  out.reason = link::end_reason::new_incarnation;
  return out;
}

} // namespace

TEST_CASE("sessions: what a node had not taken at its goodbye goes to the next "
          "owner, in order",
          "[actor][session]") {
  world w{3};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  w.ask(3, std::string{"k"}, 1);
  w.run();
  w.ask(3, std::string{"k"}, 2);
  w.tell(3, std::string{"k"}, 3);
  w.run_actors(); // both on the wire
  SECTION("the stream is open") {
  }
  SECTION("its fence is under way") {
    w.route_at(3, stage::pausing, 1, epoch{5}, log_index{++w.version});
  }
  w.goodbye(1, 3);
  w.tell(3, std::string{"k"}, 4);
  w.place(2, epoch{9}, recorder(log));
  w.run();
  CHECK(log == lines{"5:1", "9:2", "9:3", "9:4"});
  CHECK(w.answers == lines{"1", "2", "(3)", "(4)"});
  CHECK(w.on(3).plane->counters().unknown == 0);
  CHECK(w.on(3).plane->counters().returned == 2);
}

TEST_CASE("sessions: a request that was taken fails with a goodbye that comes "
          "before its answer",
          "[actor][session]") {
  world w{2};
  w.place(1, epoch{5}, [](partition* self) -> caf::behavior {
    return {[self](const std::string&, int) {
      return self->make_response_promise<int>(); // for ever
    }};
  });
  w.ask(2, std::string{"k"}, 1);
  w.run();
  w.goodbye(1, 2);
  w.run();
  CHECK(w.answers == lines{"error outcome_unknown"});
}

TEST_CASE("sessions: nothing that an earlier start of a node asked for reaches "
          "a later one",
          "[actor][session]") {
  world w{2};
  lines log;
  w.place(1, epoch{5}, recorder(log));
  w.ask(2, std::string{"k"}, 1);
  w.run_actors();
  // Node 1 takes it for the request of another start of node 2.
  auto& wire = w.wire[{node_id{2}, node_id{1}}];
  auto asked = wire.front();
  wire.clear();
  incarnation other{7};
  SECTION("an answer") {
    w.on(1).plane->receive(node_id{2}, other, asked.kind, asked.bytes);
    w.run();
    CHECK(log == lines{"5:1"});
    CHECK(w.answers.empty());
  }
  SECTION("a message that comes back") {
    w.pause(1, epoch{5});
    w.run();
    w.on(1).plane->receive(node_id{2}, other, asked.kind, asked.bytes);
    w.run();
    w.place(1, epoch{9}, recorder(log));
    w.run();
    CHECK(log.empty());
    CHECK(w.on(2).plane->counters().returned == 0);
  }
  SECTION("a fence") {
    w.pause(1, epoch{5});
    REQUIRE(wire.size() == 1);
    auto fence = wire.front();
    wire.clear();
    w.on(1).plane->receive(node_id{2}, other, fence.kind, fence.bytes);
    w.run();
    w.place(1, epoch{9}, recorder(log));
    w.tell(2, std::string{"k"}, 2);
    w.run();
    CHECK(log.empty()); // the stream still waits
    w.on(2).plane->owner_lost(node_id{1}, incarnation{1}, log_index{8});
    w.run();
    CHECK(log == lines{"9:2"});
  }
}

TEST_CASE("sessions: what the map says late of an owner leaves the streams to "
          "what it owns now",
          "[actor][session]") {
  world w{2};
  lines log;
  w.on(1).started = incarnation{2};
  w.place(1, epoch{108}, recorder(log));
  w.ask(2, std::string{"k"}, 1);
  w.run_actors();
  SECTION("of an earlier start") {
    w.on(2).plane->owner_lost(node_id{1}, incarnation{1}, log_index{200});
  }
  SECTION("of an earlier assignment") {
    w.on(2).plane->owner_lost(node_id{1}, incarnation{2}, log_index{107});
  }
  w.run();
  w.ask(2, std::string{"k"}, 2);
  w.run();
  CHECK(w.answers == lines{"1", "2"});
  CHECK(w.on(2).plane->counters().unknown == 0);
}

TEST_CASE(
    "sessions: the end of one with an earlier start leaves the streams to "
    "a later one",
    "[actor][session]") {
  world w{2};
  lines log;
  w.on(1).started = incarnation{2};
  w.place(1, epoch{5}, recorder(log));
  w.ask(2, std::string{"k"}, 1);
  w.run_actors();
  w.on(2).plane->session_ended(lost_session(1, incarnation{1}));
  w.run();
  CHECK(w.answers == lines{"1"});
  CHECK(w.on(2).plane->counters().unknown == 0);
  w.ask(2, std::string{"k"}, 2);
  w.run_actors();
  w.on(2).plane->session_ended(lost_session(1, incarnation{2}));
  w.run_actors();
  CHECK(w.answers == lines{"1", "error outcome_unknown"});
}
