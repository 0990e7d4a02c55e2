#include <test/catch.hpp>

#include <test/history/history.hpp>

using namespace troupe;
using namespace troupe::sim;

namespace {

using kind = operation::kind;

boot_time at(int ms) {
  return std::chrono::milliseconds{ms};
}

// An operation on key "k" from `from` to `to`; to 0: unknown.
void add(history& h, kind what, int from, int to, std::uint64_t before,
         std::uint64_t value = 0, std::uint64_t expected = 0) {
  operation x;
  x.what = what;
  x.key = "k";
  x.value = value;
  x.expected = expected;
  x.invoked = at(from);
  auto i = h.invoke(x);
  if (to != 0)
    h.answer(i, at(to), before);
}

} // namespace

TEST_CASE("history: operations one after the other are linearizable",
          "[sim][group]") {
  history h;
  add(h, kind::put, 1, 2, 0, 7);
  add(h, kind::get, 3, 4, 7);
  add(h, kind::cas, 5, 6, 7, 8, 7);
  add(h, kind::cas, 7, 8, 8, 9, 7);
  add(h, kind::get, 9, 10, 8);
  add(h, kind::remove, 11, 12, 8);
  add(h, kind::get, 13, 14, 0);
  CHECK(h.find_flaw().empty());
}

TEST_CASE("history: a read of what was overwritten before it is found",
          "[sim][group]") {
  history h;
  add(h, kind::put, 1, 2, 0, 7);
  add(h, kind::put, 3, 4, 7, 8);
  add(h, kind::get, 5, 6, 7);
  CHECK_FALSE(h.find_flaw().empty());
}

TEST_CASE("history: overlapping operations may happen in either order",
          "[sim][group]") {
  history h;
  add(h, kind::put, 1, 10, 0, 7);
  add(h, kind::get, 2, 3, 0);
  add(h, kind::get, 4, 5, 7);
  CHECK(h.find_flaw().empty());
  SECTION("but not back again") {
    add(h, kind::get, 6, 7, 0);
    CHECK_FALSE(h.find_flaw().empty());
  }
}

TEST_CASE("history: what nobody knows of may happen at any time, or never",
          "[sim][group]") {
  history h;
  add(h, kind::put, 1, 0, 0, 7);
  add(h, kind::get, 2, 3, 0);
  SECTION("never") {
    CHECK(h.find_flaw().empty());
  }
  SECTION("late") {
    add(h, kind::get, 50, 51, 7);
    CHECK(h.find_flaw().empty());
  }
  SECTION("not twice") {
    add(h, kind::put, 4, 5, 7, 8);
    add(h, kind::get, 6, 7, 7);
    CHECK_FALSE(h.find_flaw().empty());
  }
}

TEST_CASE("history: what nobody knows of and leaves no trace costs nothing, "
          "nor do equal ones",
          "[sim][group]") {
  history h;
  for (int i = 0; i < 40; ++i) {
    add(h, kind::put, 1, 0, 0, 100 + static_cast<std::uint64_t>(i));
    add(h, kind::remove, 1, 0, 0);
    add(h, kind::cas, 1, 0, 0, 200 + static_cast<std::uint64_t>(i), 300);
  }
  add(h, kind::put, 2, 3, 0, 7);
  add(h, kind::get, 4, 5, 120);
  add(h, kind::get, 6, 7, 0);
  SECTION("as they may be") {
    CHECK(h.find_flaw().empty());
  }
  SECTION("once each") {
    add(h, kind::get, 8, 9, 120);
    CHECK_FALSE(h.find_flaw().empty());
  }
  SECTION("a value that nobody wrote") {
    add(h, kind::get, 8, 9, 300);
    CHECK_FALSE(h.find_flaw().empty());
  }
}

TEST_CASE("history: what certainly did not happen must not be seen",
          "[sim][group]") {
  history h;
  add(h, kind::put, 1, 0, 0, 7);
  h.forget(0);
  add(h, kind::get, 2, 3, 7);
  CHECK_FALSE(h.find_flaw().empty());
}

TEST_CASE("history: a lost update is found", "[sim][group]") {
  history h;
  add(h, kind::cas, 1, 9, 0, 1, 0);
  add(h, kind::cas, 2, 8, 0, 2, 0);
  CHECK_FALSE(h.find_flaw().empty());
}
