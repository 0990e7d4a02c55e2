// More than a partition can take: memory is bounded, senders are told.
#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

world::behavior_function counter(int& done) {
  return [&done](partition*) -> caf::behavior {
    return {[&done](const std::string&, int) { ++done; },
            [&done](const std::string&, const std::string&) { ++done; }};
  };
}

/// One node, of whose own senders so much may wait for a partition.
struct small_world : world {
  int done = 0;
  small_world() {
    settings.mailbox_messages_max = 256;
    on(1).attach();
    place(1, epoch{5}, counter(done));
  }
};

std::size_t refused(world::host& h) {
  return static_cast<std::size_t>(
      std::count_if(h.letters.begin(), h.letters.end(),
                    [](auto& x) { return x.why == errc::overloaded; }));
}

} // namespace

TEST_CASE(
    "overload: this node's senders fill a mailbox to its limit, and go on "
    "when half of it is done",
    "[actor][overload]") {
  small_world w;
  auto& h = w.on(1);
  for (int i = 0; i < 1000; ++i)
    w.tell(1, std::string{"k"}, i);
  auto taken = 1000 - refused(h);
  CHECK(taken >= 256);
  CHECK(taken <= 256 + 64); // looked at now and then
  w.run();
  CHECK(w.done == static_cast<int>(taken));
  CHECK(w.answers.size() == refused(h)); // each sender was told
  CHECK(w.answers.back() == "error overloaded");
  auto before = refused(h);
  for (int i = 0; i < 200; ++i)
    w.tell(1, std::string{"k"}, i);
  w.run();
  CHECK(refused(h) == before);
  CHECK(w.done == static_cast<int>(taken) + 200);
  auto& c = h.plane->counters();
  CHECK(c.accepted == c.settled());
}

TEST_CASE("overload: what another actor of the partition left does not count",
          "[actor][overload]") {
  small_world w;
  for (int i = 0; i < 200; ++i)
    w.tell(1, std::string{"k"}, i);
  w.run();
  w.pause(1, epoch{5});
  w.run();
  w.place(1, epoch{8}, counter(w.done));
  for (int i = 0; i < 200; ++i)
    w.tell(1, std::string{"k"}, i);
  w.run();
  CHECK(w.done == 400);
  CHECK(refused(w.on(1)) == 0);
}

TEST_CASE("overload: a router sends no more than the owner is known to be done "
          "with",
          "[actor][overload]") {
  world w{2};
  bool large = GENERATE(false, true);
  if (large)
    w.settings.stream_bytes_max = 100'000;
  else
    w.settings.stream_messages_max = 100;
  for (std::size_t n = 1; n <= 2; ++n)
    w.on(n).attach();
  int done = 0;
  w.place(1, epoch{5}, counter(done));
  auto& h = w.on(2);
  auto flood = [&] {
    auto before = refused(h);
    for (int i = 0; i < 500; ++i)
      if (large)
        w.tell(2, std::string{"k"}, std::string(744, 'x')); // 1,000 and a few
      else
        w.tell(2, std::string{"k"}, i);
    return 500 - (refused(h) - before);
  };
  auto room = flood();
  CHECK((large ? room > 90 && room <= 100 : room == 100));
  CHECK(flood() == 0);
  w.run();
  CHECK(done == static_cast<int>(room));
  CHECK(flood() == 0); // the owner has not said so yet
  w.pass(10ms);        // so much is said with the next tick
  w.run();
  CHECK(flood() == room);
  w.run();
  w.pass(100ms);
  w.run();
  auto& c = h.plane->counters();
  CHECK(c.accepted == c.settled());
}
