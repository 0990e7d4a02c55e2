#include <test/unit/placement/maps.hpp>

using namespace placement_test;

TEST_CASE("an own strategy decides by its function", "[unit][placement]") {
  auto how = custom([](const placement_input& in) {
    return std::vector<node_id>(in.partitions.size(), in.nodes.back().id);
  });
  CHECK(how->name() == "mine");
  auto in = make_region(3, 5);
  settle(in, how);
  CHECK(counts(in) == std::vector<std::size_t>{0, 0, 5});
}

TEST_CASE("make_strategy: an unknown name is refused with the known ones",
          "[unit][placement]") {
  auto x = refusal(make_strategy("balance"));
  CHECK(x.code == placement_errc::unknown_strategy);
  CHECK(mentions(x, "'balance'"));
  CHECK(mentions(x, "balanced, rendezvous, round_robin, pinned"));
}

TEST_CASE("make_strategy: options that cannot be read are refused",
          "[unit][placement]") {
  for (auto name : {"balanced", "rendezvous", "round_robin"}) {
    auto x = refusal(make_strategy(name, {{"speed", "9"}}));
    CHECK(x.code == placement_errc::bad_option);
    CHECK(mentions(x, "remove 'speed'"));
  }
  for (auto range : {"", "x", "-", "1-", "-1", "3-2", "1-2-3", "4294967296",
                     " 1", "1 ", "+1"}) {
    auto x = refusal(make_strategy("pinned", {{range, "node-1"}}));
    CHECK(x.code == placement_errc::bad_option);
    CHECK(mentions(x, "'10-63' -> 'zone=eu'"));
  }
  for (auto target : {"", "=eu"})
    CHECK(refusal(make_strategy("pinned", {{"1", target}})).code
          == placement_errc::bad_option);
  auto x = refusal(make_strategy("pinned", {{"5-9", "b"}, {"0-5", "a"}}));
  CHECK(x.code == placement_errc::bad_option);
  CHECK(mentions(x, "partition 5 twice"));
  CHECK(refusal(make_strategy("mine", placement_function{})).code
        == placement_errc::bad_option);
}
