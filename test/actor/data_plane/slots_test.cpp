#include <atomic>
#include <set>
#include <thread>

#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

#include <troupe/actors/payload/protobuf_inspect.hpp>

using namespace troupe;
using namespace troupe::test;

TEST_CASE("slots: a table grows, and its slots neither move nor share a number",
          "[actor][routing]") {
  auto base = GENERATE(1u, 3u, 64u);
  std::atomic<std::uint32_t> numbers{7};
  slot_table<int> one;
  slot_table<int> other;
  one.grow(base, numbers);
  other.grow(2, numbers);
  auto* first = &one[0];
  *first = 42;
  one.grow(base, numbers); // no more
  CHECK(one.size() == base);
  one.grow(base + 1, numbers);
  CHECK(one.size() == 2 * base);
  one.grow(9 * base, numbers);
  CHECK(one.size() == 16 * base);
  CHECK(&one[0] == first);
  CHECK(one[0] == 42);
  std::set<int*> slots;
  std::set<std::uint32_t> given;
  for (partition_id p = 0; p < one.size(); ++p) {
    slots.insert(&one[p]);
    given.insert(one.number_of(p));
    CHECK(one.find(one.number_of(p)) == p);
    CHECK_FALSE(other.find(one.number_of(p)));
  }
  CHECK(slots.size() == one.size());
  CHECK(given.size() == one.size());
  CHECK(other.find(other.number_of(1)) == 1u);
  CHECK_FALSE(one.find(6));
  CHECK_FALSE(one.find(numbers));
}

TEST_CASE("slots: numbers are looked up while a table grows",
          "[actor][routing]") {
  std::atomic<std::uint32_t> numbers{0};
  slot_table<int> grows;
  slot_table<int> other;
  grows.grow(16, numbers);
  other.grow(16, numbers);
  auto foreign = other.number_of(6);
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0};
  std::thread reader{[&] {
    while (!over) {
      wrong += grows.find(foreign).has_value();
      auto last = grows.size() - 1;
      wrong += grows.find(grows.number_of(last)) != last;
    }
  }};
  for (std::uint32_t size = 32; size <= 1u << 18; size *= 2)
    grows.grow(size, numbers);
  over = true;
  reader.join();
  CHECK(wrong == 0);
}

TEST_CASE("routing: a region that grows reaches its new partitions, and one "
          "that shrinks refuses what is cut off",
          "[actor][routing]") {
  world w{2};
  auto doubler = [](partition*) -> caf::behavior {
    return {[](const std::string&, int x) { return x * 2; }};
  };
  auto known = [&](std::uint32_t partitions) {
    for (std::size_t node : {1, 2})
      w.on(node).plane->region_known(region_id{1}, "r", partitions);
  };
  auto count = w.partitions;
  w.ask(2, to_partition{count, "k"}, 21);
  w.run();
  CHECK(w.answers.size() == 1);
  CHECK(w.answers[0] != "42");
  w.answers.clear();
  known(3 * count);
  w.place(1, epoch{5}, doubler, count);
  for (std::size_t node : {1, 2})
    w.ask(node, to_partition{count, "k"}, 21);
  w.run();
  CHECK(w.answers == lines{"42", "42"});
  w.answers.clear();
  known(count);
  w.ask(1, to_partition{count, "k"}, 21);
  w.run();
  CHECK(w.answers.size() == 1);
  CHECK(w.answers[0] != "42");
}
