#include <algorithm>

#include <test/catch.hpp>

#include "shrink.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

namespace {

bool has(const plan& x, deed what) {
  return std::any_of(x.deeds.begin(), x.deeds.end(),
                     [&](auto& d) { return d.what == what; });
}

std::function<bool()> runs(std::size_t max) {
  return [left = max]() mutable { return left > 0 && left-- > 0; };
}

} // namespace

TEST_CASE("a plan is what it was after it was written and read",
          "[sim][shrink]") {
  for (std::uint64_t seed = 1; seed < 50; ++seed) {
    auto what = draw_plan(seed, seed % 2 == 0);
    CHECK(read_plan("# a word before\n" + to_string(what)) == what);
  }
  CHECK_FALSE(read_plan(""));
  auto text = to_string(draw_plan(1, true));
  CHECK_FALSE(read_plan(text + "sometimes\n"));
  CHECK_FALSE(read_plan(text + "at 1.000000 sing 1 2 3.000000\n"));
  CHECK_FALSE(read_plan(text + "at soon move 1 2 3.000000\n"));
}

TEST_CASE("failures with other numbers are of one kind", "[sim][shrink]") {
  CHECK(kind_of("message 7 of sender 1.2.3 was lost\nat 5 ms")
        == kind_of("message 70 of sender 4.5.6 was lost"));
  CHECK(kind_of("message 7 was lost") != kind_of("message 7 was doubled"));
  CHECK(kind_of("") == "");
}

TEST_CASE("what a failure does not need goes, and another failure is not taken "
          "for it",
          "[sim][shrink]") {
  auto from = draw_plan(12, false);
  auto one = from.deeds.front();
  from.deeds.resize(10, one);
  for (auto& d : from.deeds)
    d.what = deed::move;
  from.deeds[2].what = deed::crash;
  from.deeds[7].what = deed::pause;
  from.deeds[8].what = deed::garbage;
  auto result = shrink(
      from,
      [](const plan& x) -> std::string {
        if (has(x, deed::crash) && has(x, deed::pause))
          return "both, of " + std::to_string(x.deeds.size());
        return has(x, deed::garbage) ? "something else" : "";
      },
      runs(2000));
  REQUIRE(result.smallest.deeds.size() == 2);
  CHECK(result.smallest.deeds[0].what == deed::crash);
  CHECK(result.smallest.deeds[1].what == deed::pause);
  CHECK(result.smallest.nodes == 3);
  CHECK(result.broken == "both, of 2");
  CHECK(result.runs < 200);
}

TEST_CASE("a crash in a plan that allows none is what is left of it",
          "[sim][shrink]") {
  // The first plan in which it costs something: not at every moment it does.
  plan from;
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    from = draw_plan(seed, true);
    planned_deed crash{from.length / 2, deed::crash, 1, 0, 300ms};
    from.deeds.insert(from.deeds.begin()
                          + static_cast<std::ptrdiff_t>(from.deeds.size() / 2),
                      crash);
    if (from.deeds.size() > 4 && !perform(from).broken.empty())
      break;
  }
  auto result = shrink(from, perform_apart, runs(60));
  INFO(to_string(result.smallest));
  INFO(result.broken);
  REQUIRE_FALSE(result.broken.empty());
  CHECK(result.smallest.deeds.size() <= 2);
  CHECK(has(result.smallest, deed::crash));
  auto again = read_plan(to_string(result.smallest));
  REQUIRE(again);
  CHECK(perform_apart(*again) == result.broken);
}
