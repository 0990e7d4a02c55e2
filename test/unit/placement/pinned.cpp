#include <test/unit/placement/maps.hpp>

using namespace placement_test;

TEST_CASE("pinned: by name and by label, the rest balanced around them",
          "[unit][placement]") {
  auto how = strategy(
      "pinned", {{"40-49", "node-1"}, {"0-8", "zone=eu"}, {"9", "node-5"}});
  auto in = make_region(5, 50);
  in.nodes[1].labels = {{"zone", "eu"}};
  in.nodes[2].labels = {{"rack", "7"}, {"zone", "eu"}};
  in.nodes[3].labels = {{"zone", "us"}};
  for (auto& x : in.partitions)
    x.owner = node_id{4};
  settle(in, how);
  for (std::size_t i = 0; i < 9; ++i)
    CHECK((in.partitions[i].owner == node_id{2}
           || in.partitions[i].owner == node_id{3}));
  CHECK(in.partitions[9].owner == node_id{5});
  for (std::size_t i = 40; i < 50; ++i)
    CHECK(in.partitions[i].owner == node_id{1});
  CHECK(counts(in) == std::vector<std::size_t>(5, 10));
  CHECK(plan(in, how).empty());
  // Away: balanced with the rest. Back: to its place.
  in.nodes[0].eligible = false;
  CHECK(settle(in, how) == 10);
  CHECK(spread(in) == 13);
  in.nodes[0].eligible = true;
  settle(in, how);
  CHECK(counts(in) == std::vector<std::size_t>(5, 10));
}

TEST_CASE("pinned: more than a fair share may lie on the named node",
          "[unit][placement]") {
  auto in = make_region(4, 40);
  settle(in, strategy("pinned", {{"0-27", "node-2"}}));
  CHECK(counts(in) == std::vector<std::size_t>{4, 28, 4, 4});
}

TEST_CASE("pinned: nodes with a label share what others have left on them",
          "[unit][placement]") {
  auto in = make_region(3, 14);
  in.nodes[1].labels = {{"zone", "eu"}};
  in.nodes[2].labels = {{"zone", "eu"}};
  for (std::size_t i = 10; i < 14; ++i) {
    in.partitions[i].owner = node_id{2};
    in.partitions[i].movable = false;
  }
  settle(in, strategy("pinned", {{"0-9", "zone=eu"}}));
  CHECK(counts(in) == std::vector<std::size_t>{0, 7, 7});
}
