#include <test/unit/placement/maps.hpp>

#include <algorithm>

using namespace placement_test;

TEST_CASE("rendezvous: 100 partitions from 3 to 4 nodes keep at least 65",
          "[unit][placement]") {
  auto how = strategy("rendezvous");
  for (int i = 0; i < 300; ++i) {
    auto in = make_region(3, 100, "region-" + std::to_string(i));
    settle(in, how);
    in.nodes.push_back(make_node(4));
    auto moved = settle(in, how);
    if (moved > 35)
      FAIL(in.region << ": " << moved);
    auto all = counts(in);
    CHECK(*std::max_element(all.begin(), all.end()) <= 27);
  }
}

TEST_CASE("rendezvous: a node that leaves and returns gets back what it had",
          "[unit][placement]") {
  auto how = strategy("rendezvous");
  auto in = make_region(7, 200);
  settle(in, how);
  auto before = in;
  in.nodes[3].eligible = false;
  CHECK(settle(in, how) >= 25);
  in.nodes[3].eligible = true;
  settle(in, how);
  for (std::size_t i = 0; i < 200; ++i)
    CHECK(in.partitions[i].owner == before.partitions[i].owner);
}

TEST_CASE("rendezvous: owners are the same in every build and on every machine",
          "[unit][placement]") {
  auto in = make_region(5, 12, "orders");
  in.nodes[0].weight = 300;
  settle(in, strategy("rendezvous"));
  std::string owners;
  for (const auto& x : in.partitions)
    owners += std::to_string(x.owner.value);
  CHECK(owners == "251214353411");
}

TEST_CASE("rendezvous: scores alone follow the weights", "[unit][placement]") {
  // A huge partition that cannot move makes room everywhere.
  auto in = make_region(3, 3001);
  in.nodes[0].weight = 200;
  in.partitions[3000].weight = 1'000'000;
  in.partitions[3000].movable = false;
  in.nodes.push_back(make_node(4, 1));
  in.partitions[3000].owner = node_id{4};
  settle(in, strategy("rendezvous"));
  auto all = counts(in);
  CHECK(all[0] > 1500 - 100);
  CHECK(all[0] < 1500 + 100);
  CHECK(all[1] > 750 - 80);
  CHECK(all[1] < 750 + 80);
}
