#include <test/catch.hpp>

#include <troupe/runtime/http/event_ring.hpp>

using namespace troupe::http;

namespace {

event_row numbered(std::uint64_t seq) {
  event_row x;
  x.seq = seq;
  return x;
}

} // namespace

TEST_CASE("event ring: pages follow each other without gap or repetition",
          "[unit][http]") {
  event_ring ring(10);
  CHECK(ring.after(0, 5).events.empty());
  for (std::uint64_t i = 1; i <= 7; ++i)
    ring.append(numbered(i));
  auto page = ring.after(0, 5);
  CHECK_FALSE(page.gap);
  REQUIRE(page.events.size() == 5);
  CHECK(page.events.front().seq == 1);
  page = ring.after(5, 5);
  REQUIRE(page.events.size() == 2);
  CHECK(page.events.back().seq == 7);
  CHECK(ring.after(7, 5).events.empty());
  CHECK(ring.after(900, 5).events.empty());
}

TEST_CASE("event ring: what was dropped or jumped over is a gap",
          "[unit][http]") {
  event_ring ring(3);
  for (std::uint64_t i = 1; i <= 5; ++i)
    ring.append(numbered(i));
  auto page = ring.after(0, 10);
  REQUIRE(page.gap);
  CHECK(page.gap->first == 1);
  CHECK(page.gap->last == 2);
  ring.append(numbered(9));
  page = ring.after(3, 10);
  CHECK_FALSE(page.gap);
  REQUIRE(page.events.size() == 2); // up to the jump
  page = ring.after(5, 10);
  REQUIRE(page.gap);
  CHECK(page.gap->first == 6);
  CHECK(page.gap->last == 8);
  CHECK(page.events.front().seq == 9);
}

TEST_CASE("event ring: a number that does not grow is ignored",
          "[unit][http]") {
  event_ring ring(3);
  ring.append(numbered(2));
  ring.append(numbered(2));
  ring.append(numbered(1));
  CHECK(ring.last() == 2);
  CHECK(ring.after(0, 10).events.size() == 1);
  ring.append_next(numbered(0));
  CHECK(ring.last() == 3);
}

TEST_CASE("event ring: wakes who is interested, and nobody else",
          "[unit][http]") {
  event_ring ring(3);
  int first = 0;
  int second = 0;
  auto one = ring.on_change([&] {
    ++first;
    CHECK(ring.last() > 0); // may use the ring
  });
  auto two = ring.on_change([&] { ++second; });
  ring.append(numbered(1));
  two.reset();
  ring.append(numbered(2));
  CHECK(first == 2);
  CHECK(second == 1);
}
