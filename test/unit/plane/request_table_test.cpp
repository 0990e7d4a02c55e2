#include <map>
#include <random>
#include <set>

#include <test/catch.hpp>

#include <troupe/actors/request_table.hpp>

using namespace troupe;

namespace {

open_request asked(std::uint64_t id) {
  return {nullptr, caf::make_message_id(id), {}, node_id{1}, {}, epoch{id}};
}

std::uint64_t id_of(const open_request& x) {
  return x.epoch.value;
}

} // namespace

TEST_CASE("requests: numbers count from 1, and each finds its own",
          "[unit][plane]") {
  request_table t;
  CHECK(t.find(1) == nullptr);
  CHECK(t.find(0) == nullptr);
  for (std::uint32_t i = 1; i <= 100; ++i)
    CHECK(t.add(asked(i)) == i);
  CHECK(t.size() == 100);
  CHECK(t.find(0) == nullptr);
  CHECK(t.find(101) == nullptr);
  for (std::uint32_t i = 1; i <= 100; ++i) {
    REQUIRE(t.find(i));
    CHECK(id_of(*t.find(i)) == i);
  }
  CHECK(id_of(t.take(50)) == 50);
  CHECK(t.find(50) == nullptr);
  CHECK(t.size() == 99);
}

TEST_CASE("requests: a number does not come again while others are free",
          "[unit][plane]") {
  request_table t;
  auto waits = t.add(asked(1)); // for long
  std::set<std::uint32_t> seen{waits};
  for (int i = 0; i < 100'000; ++i) {
    auto n = t.add(asked(2));
    REQUIRE(seen.insert(n).second);
    t.take(n);
  }
  REQUIRE(t.find(waits));
  CHECK(id_of(*t.find(waits)) == 1);
}

TEST_CASE("requests: after the last number they begin again, past those that "
          "wait",
          "[unit][plane]") {
  basic_request_table<8> t;
  std::set<std::uint32_t> waiting;
  for (int i = 0; i < 100; ++i)
    waiting.insert(t.add(asked(1)));
  int rounds = 0;
  std::uint32_t before = 0;
  for (int i = 0; i < 2000; ++i) {
    auto n = t.add(asked(2));
    REQUIRE(n != 0);
    REQUIRE(n < 256);
    REQUIRE(waiting.count(n) == 0);
    rounds += n < before;
    before = n;
    CHECK(id_of(t.take(n)) == 2);
  }
  CHECK(rounds > 5);
  for (auto n : waiting) {
    REQUIRE(t.find(n));
    CHECK(id_of(*t.find(n)) == 1);
  }
}

TEST_CASE("requests: some are taken out, the others stay", "[unit][plane]") {
  request_table t;
  for (std::uint64_t i = 1; i <= 1000; ++i)
    t.add(asked(i));
  std::set<std::uint64_t> out;
  t.take_if([](auto& x) { return id_of(x) % 3 == 0; },
            [&](const open_request& x) { out.insert(id_of(x)); });
  CHECK(out.size() == 333);
  CHECK(t.size() == 667);
  for (std::uint32_t i = 1; i <= 1000; ++i)
    CHECK((t.find(i) == nullptr) == (i % 3 == 0));
  t.take_if([](auto&) { return true; }, [](auto&&) {});
  CHECK(t.size() == 0);
  auto n = t.add(asked(7));
  CHECK(n == 1001); // an empty table still counts on
  CHECK(id_of(*t.find(n)) == 7);
}

TEST_CASE("requests: any order of asking and answering", "[unit][plane]") {
  std::mt19937 random{GENERATE(1u, 2u, 3u)};
  request_table t;
  std::map<std::uint32_t, std::uint64_t> model;
  std::uint64_t next = 1;
  std::size_t goal = 10;
  for (int i = 0; i < 50'000; ++i) {
    if (i % 5'000 == 0)
      goal = 1 + random() % 3'000;
    if (model.empty() || (model.size() < goal && random() % 3 != 0)
        || random() % 5 == 0) {
      auto n = t.add(asked(next));
      REQUIRE(model.emplace(n, next++).second);
    } else {
      auto at = model.lower_bound(random() % (model.rbegin()->first + 1));
      REQUIRE(t.find(at->first));
      CHECK(id_of(t.take(at->first)) == at->second);
      model.erase(at);
    }
    REQUIRE(t.size() == model.size());
  }
  for (auto& [n, id] : model) {
    REQUIRE(t.find(n));
    CHECK(id_of(*t.find(n)) == id);
  }
}
