// Each accepted message is processed, dropped or unknown, and counted once.
#include <stdexcept>

#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

caf::behavior taker(partition* self) {
  return {[](const std::string&, int x) { return x; },
          [self](const std::string&, double) { self->quit(); },
          [](const std::string&, const std::string& x) -> int {
            throw std::runtime_error{x};
          }};
}

/// After the reports of all nodes have arrived. Zero: the books balance.
std::int64_t missing(world& w, std::size_t node) {
  w.run();
  w.pass(100ms);
  w.run();
  auto& count = w.on(node).plane->counters();
  return static_cast<std::int64_t>(count.accepted.value())
         - static_cast<std::int64_t>(count.settled() + count.unknown.value());
}

std::uint64_t dropped(world& w, std::size_t node, errc why) {
  return w.on(node).plane->counters().dropped[static_cast<std::size_t>(why)];
}

} // namespace

TEST_CASE("books: what is processed here and elsewhere is known to the router "
          "that took it",
          "[actor][books]") {
  world w{2, 2};
  w.place(1, epoch{5}, taker, 0);
  w.place(2, epoch{6}, taker, 1);
  for (int i = 0; i < 3; ++i)
    for (std::size_t n = 1; n <= 2; ++n)
      for (partition_id p = 0; p < 2; ++p) {
        w.ask(n, to_partition{p, "k"}, i);
        w.tell(n, to_partition{p, "k"}, i);
      }
  for (std::size_t n = 1; n <= 2; ++n) {
    CHECK(missing(w, n) == 0);
    auto& count = w.on(n).plane->counters();
    CHECK(count.accepted == 12);
    CHECK(count.processed == 12);
    CHECK(count.for_others == 6);
    CHECK(count.by_others == 6);
  }
}

TEST_CASE("books: moves leave nothing uncounted", "[actor][books]") {
  world w{3};
  w.place(1, epoch{5}, taker);
  for (int i = 0; i < 4; ++i)
    w.ask(2, std::string{"k"}, i);
  w.run();
  w.ask(2, std::string{"k"}, 4);
  w.pause(1, epoch{5});
  w.ask(2, std::string{"k"}, 5); // held
  w.ask(1, std::string{"k"}, 6);
  w.run();
  w.place(3, epoch{9}, taker);
  CHECK(missing(w, 1) == 0);
  CHECK(missing(w, 2) == 0);
  CHECK(w.answers.size() == 7);
  CHECK(w.on(2).plane->counters().unknown == 0);
}

TEST_CASE("books: only what an owner had not reported is unknown when it is "
          "lost",
          "[actor][books]") {
  world w{2};
  w.place(1, epoch{5}, taker);
  for (int i = 0; i < 10; ++i)
    w.tell(2, std::string{"k"}, i);
  CHECK(missing(w, 2) == 0);
  w.tell(2, std::string{"k"}, 10);
  w.tell(2, std::string{"k"}, 11);
  w.run_actors();
  w.on(2).plane->owner_lost(node_id{1}, incarnation{1}, log_index{1000});
  CHECK(missing(w, 2) == 0);
  CHECK(w.on(2).plane->counters().unknown == 2);
}

TEST_CASE(
    "books: what comes back from an owner that was given up stays unknown",
    "[actor][books]") {
  world w{2};
  w.place(1, epoch{5}, taker);
  w.ask(2, std::string{"k"}, 1);
  w.run_actors();
  w.route_at(1, stage::pausing, 1, epoch{5}, log_index{++w.version});
  w.on(1).plane->close(w.key(), epoch{5});
  w.run_actors();
  REQUIRE(w.deliver_one(2, 1)); // refused
  w.on(2).plane->owner_lost(node_id{1}, incarnation{1}, log_index{1000});
  CHECK(missing(w, 2) == 0);
  CHECK(w.on(2).plane->counters().unknown == 1);
  CHECK(w.answers == lines{"error outcome_unknown"});
}

TEST_CASE("books: a drop is counted once, with its reason", "[actor][books]") {
  world w{2};
  SECTION("refused by the router") {
    w.place(1, epoch{5}, taker);
    w.ask(2, 7);
    w.ask(2, std::string(70'000, 'k'), 1);
    CHECK(missing(w, 2) == 0);
    CHECK(dropped(w, 2, errc::malformed_message) == 1);
    CHECK(dropped(w, 2, errc::key_too_long) == 1);
  }
  SECTION("refused by the link") {
    w.place(1, epoch{5}, taker);
    w.on(2).net.refuse[node_id{1}] = link::send_result::overloaded;
    w.ask(2, std::string{"k"}, 1);
    w.tell(2, std::string{"k"}, 1);
    CHECK(missing(w, 2) == 0);
    CHECK(dropped(w, 2, errc::overloaded) == 2);
  }
  SECTION("held for too long") {
    w.ask(2, std::string{"k"}, 1);
    w.pass(w.settings.held_message + 1s);
    CHECK(missing(w, 2) == 0);
    CHECK(dropped(w, 2, errc::expired) == 1);
  }
  SECTION("too late at the owner") {
    w.place(1, epoch{5}, taker);
    auto what =
        caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                                  caf::make_message(std::string{"k"}, 1));
    w.on(2).plane->accept_at(*w.on(2).region, 0, std::move(what), nullptr,
                             w.now + 1ms);
    REQUIRE(w.deliver_one(2, 1));
    w.now += 2ms;
    CHECK(missing(w, 2) == 0);
    CHECK(missing(w, 1) == 0);
    CHECK(dropped(w, 1, errc::expired) == 1);
    CHECK(dropped(w, 2, errc::expired) == 0);
    CHECK(w.on(2).plane->counters().by_others == 1);
  }
}

TEST_CASE("books: a handler that throws or quits has processed its message",
          "[actor][books]") {
  world w{2};
  w.place(1, epoch{5}, taker);
  auto from = GENERATE(1, 2);
  SECTION("throws") {
    w.ask(from, std::string{"k"}, std::string{"broken"});
  }
  SECTION("quits") {
    w.tell(from, std::string{"k"}, 1.0);
  }
  w.tell(from, std::string{"k"}, 1); // behind it: comes back
  w.run();
  w.place(2, epoch{9}, taker);
  CHECK(missing(w, 1) == 0);
  CHECK(missing(w, 2) == 0);
  CHECK(w.on(1).plane->counters().processed == 1);
  CHECK(w.on(2).plane->counters().processed == 1);
}
