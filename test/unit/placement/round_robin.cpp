#include <test/unit/placement/maps.hpp>

using namespace placement_test;

TEST_CASE("round robin: neighbours lie on different nodes",
          "[unit][placement]") {
  auto in = make_region(4, 30);
  settle(in, strategy("round_robin"));
  for (std::size_t i = 4; i < 30; ++i)
    CHECK(in.partitions[i].owner == in.partitions[i - 4].owner);
  for (std::size_t i = 1; i < 30; ++i)
    CHECK(in.partitions[i].owner != in.partitions[i - 1].owner);
}

TEST_CASE("round robin: a node of double weight gets every other turn",
          "[unit][placement]") {
  auto in = make_region(3, 40);
  in.nodes[1].weight = 200;
  settle(in, strategy("round_robin"));
  for (std::size_t i = 0; i + 1 < 40; i += 2)
    CHECK((in.partitions[i].owner == node_id{2})
              + (in.partitions[i + 1].owner == node_id{2})
          == 1);
}

TEST_CASE("round robin and rendezvous: regions of one partition do not all"
          " begin at the same node",
          "[unit][placement]") {
  for (auto name : {"round_robin", "rendezvous"}) {
    std::vector<std::size_t> regions(4);
    for (int i = 0; i < 400; ++i) {
      auto in = make_region(4, 1, "region-" + std::to_string(i));
      settle(in, strategy(name));
      ++regions[in.partitions[0].owner.value - 1];
    }
    for (auto x : regions) {
      CHECK(x > 60);
      CHECK(x < 140);
    }
  }
}
