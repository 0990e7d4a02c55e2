#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include <test/catch.hpp>

#include <troupe/actors/scheduling/timer_wheel.hpp>

using namespace troupe;

namespace {

/// What a wheel must do, by the plainest means.
struct model {
  std::map<std::uint64_t, std::set<timer_link*>> by_due;
  std::uint64_t now = 0;

  void add(timer_link& x, std::uint64_t due) {
    by_due[due > now ? due : now + 1].insert(&x);
  }
  void remove(timer_link& x) {
    for (auto i = by_due.begin(); i != by_due.end();) {
      i->second.erase(&x);
      i = i->second.empty() ? by_due.erase(i) : std::next(i);
    }
  }
  std::vector<timer_link*> advance(std::uint64_t to) {
    std::vector<timer_link*> out;
    while (!by_due.empty() && by_due.begin()->first <= to) {
      auto& first = by_due.begin()->second;
      out.insert(out.end(), first.begin(), first.end());
      by_due.erase(by_due.begin());
    }
    now = std::max(now, to);
    return out;
  }
};

} // namespace

TEST_CASE("timer wheel: each timer is due at its tick, neither earlier nor "
          "later",
          "[actor][scheduling]") {
  auto due =
      GENERATE(1u, 2u, 63u, 64u, 65u, 4095u, 4096u, 4097u, 262144u, 1u << 30);
  auto start = GENERATE(std::uint64_t{0}, std::uint64_t{62},
                        std::uint64_t{1} << 32, ~std::uint64_t{0} - (1u << 31));
  timer_wheel wheel{start};
  timer_link x;
  wheel.add(x, start + due);
  CHECK(wheel.size() == 1);
  int fired = 0;
  wheel.advance(start + due - 1, [&](timer_link&) { ++fired; });
  CHECK(fired == 0);
  REQUIRE(wheel.next());
  CHECK(*wheel.next() == start + due);
  wheel.advance(start + due, [&](timer_link& one) {
    CHECK(&one == &x);
    ++fired;
  });
  CHECK(fired == 1);
  CHECK(wheel.size() == 0);
  CHECK_FALSE(wheel.next());
}

TEST_CASE("timer wheel: what is due already is due with the next tick",
          "[actor][scheduling]") {
  timer_wheel wheel{100};
  timer_link past, present;
  wheel.add(past, 5);
  wheel.add(present, 100);
  CHECK(*wheel.next() == 101);
  int fired = 0;
  wheel.advance(101, [&](timer_link&) { ++fired; });
  CHECK(fired == 2);
}

TEST_CASE("timer wheel: it does what a sorted list does",
          "[actor][scheduling]") {
  auto seed = GENERATE(range(1u, 30u));
  std::mt19937_64 luck{seed};
  timer_wheel wheel;
  model right;
  std::vector<std::unique_ptr<timer_link>> all;
  std::set<timer_link*> inside;
  auto some = [&](unsigned up_to_bits) {
    return luck() >> (64 - 1 - luck() % up_to_bits);
  };
  for (int i = 0; i < 3000; ++i) {
    auto what = luck() % 10;
    if (what < 5) {
      auto& x = *all.emplace_back(std::make_unique<timer_link>());
      auto due = right.now + some(26);
      wheel.add(x, due);
      right.add(x, due);
      inside.insert(&x);
    } else if (what < 8 && !inside.empty()) {
      auto at =
          inside.lower_bound(all[luck() % all.size()].get()); // any, roughly
      if (at == inside.end())
        at = inside.begin();
      wheel.remove(**at);
      right.remove(**at);
      CHECK((*at)->next == nullptr);
      inside.erase(at);
    } else {
      auto to = right.now + some(20);
      std::vector<timer_link*> fired;
      std::uint64_t last = 0;
      wheel.advance(to, [&](timer_link& x) {
        fired.push_back(&x);
        CHECK(x.due >= last);
        last = x.due;
      });
      auto expected = right.advance(to);
      REQUIRE(std::set<timer_link*>(fired.begin(), fired.end())
              == std::set<timer_link*>(expected.begin(), expected.end()));
      REQUIRE(fired.size() == expected.size());
      for (auto* x : fired)
        inside.erase(x);
    }
    REQUIRE(wheel.size() == inside.size());
    REQUIRE(wheel.next().has_value() == !inside.empty());
    if (!right.by_due.empty()) {
      REQUIRE(*wheel.next() <= right.by_due.begin()->first);
      REQUIRE(*wheel.next() > right.now);
    }
  }
}
