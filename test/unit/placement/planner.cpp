#include <test/unit/placement/maps.hpp>

#include <new>
#include <stdexcept>

using namespace placement_test;

namespace {

/// A map of 3 nodes and 4 partitions; node 2 is not eligible.
placement_input small_map() {
  auto in = make_region(3, 4, "orders");
  in.nodes[1].eligible = false;
  return in;
}

placement_refusal refused(const placement_input& in, placement_function place) {
  return refusal(make_plan(in, *custom(std::move(place))));
}

auto always(std::size_t size, node_id id) {
  return [=](const placement_input&) { return std::vector<node_id>(size, id); };
}

} // namespace

TEST_CASE("planner: a plan lists moves, assignments and loads by their ids",
          "[unit][placement]") {
  auto in = make_region(2, 4);
  in.partitions[0].owner = node_id{1};
  in.partitions[1].owner = node_id{9}; // gone
  in.partitions[3].owner = node_id{2};
  in.partitions[3].weight = 5;
  auto todo = plan(in, custom(always(4, node_id{2})));
  CHECK(todo.moves
        == std::vector<planned_move>{{0, node_id{1}, node_id{2}},
                                     {1, node_id{9}, node_id{2}}});
  CHECK(todo.assignments == std::vector<planned_assignment>{{2, node_id{2}}});
  CHECK(todo.loads
        == std::vector<planned_load>{{node_id{1}, 0, 0}, {node_id{2}, 4, 8}});
  CHECK(todo.homeless.empty());
}

TEST_CASE("planner: if no node takes partitions, nothing moves",
          "[unit][placement]") {
  auto in = make_region(2, 3);
  in.partitions[0].owner = node_id{1};
  in.partitions[1].owner = node_id{7};
  in.nodes[0].eligible = false;
  in.nodes[1].weight = 0;
  // Not even asked: this strategy's answer would be refused.
  auto todo = plan(in, custom(always(0, {})));
  CHECK(todo.empty());
  CHECK(todo.homeless == std::vector<partition_id>{2});
  CHECK(todo.loads[0] == planned_load{node_id{1}, 1, 1});
  CHECK(plan(in, strategy("balanced")).empty());
  in.nodes.clear();
  CHECK(plan(in, strategy("balanced")).empty());
}

TEST_CASE("planner: a pinned partition goes to its node while that takes"
          " partitions, whatever the strategy says",
          "[unit][placement]") {
  for (auto name : {"balanced", "rendezvous", "round_robin", "pinned"}) {
    auto how = strategy(name);
    auto in = make_region(3, 30);
    for (std::size_t i = 0; i < 12; ++i)
      in.partitions[i].pinned = node_id{3};
    settle(in, how);
    for (std::size_t i = 0; i < 12; ++i)
      CHECK(in.partitions[i].owner == node_id{3});
    CHECK(counts(in)[0] + counts(in)[1] >= 18 - 3);
    CHECK(plan(in, how).empty());
    in.nodes[2].eligible = false;
    settle(in, how);
    CHECK(counts(in)[2] == 0);
    in.nodes[2].eligible = true;
    settle(in, how);
    CHECK(counts(in)[2] >= 12);
  }
  auto in = make_region(2, 1);
  in.partitions[0].pinned = node_id{1};
  settle(in, custom(always(1, node_id{2})));
  CHECK(in.partitions[0].owner == node_id{1});
}

TEST_CASE("planner: a partition that is moving is left alone, even if pinned",
          "[unit][placement]") {
  auto in = make_region(2, 2);
  in.partitions[0].owner = node_id{1};
  in.partitions[0].pinned = node_id{2};
  in.partitions[0].movable = false;
  in.partitions[1].movable = false;
  auto todo = plan(in, custom(always(2, node_id{2})));
  CHECK(todo.empty());
  CHECK(todo.homeless == std::vector<partition_id>{1});
}

TEST_CASE("planner: a strategy is shown nodes and partitions by their ids",
          "[unit][placement]") {
  auto in = make_region(3, 3);
  std::swap(in.nodes[0], in.nodes[2]);
  std::swap(in.partitions[0], in.partitions[1]);
  auto todo = plan(in, custom([](const placement_input& x) {
                     std::vector<node_id> result;
                     for (std::size_t i = 0; i < 3; ++i) {
                       CHECK(x.partitions[i].partition == i);
                       result.push_back(x.nodes[i].id);
                     }
                     return result;
                   }));
  CHECK(todo.assignments
        == std::vector<planned_assignment>{
            {0, node_id{1}}, {1, node_id{2}}, {2, node_id{3}}});
}

TEST_CASE("planner: a strategy that throws gives a refusal",
          "[unit][placement]") {
  auto x =
      refused(small_map(), [](const placement_input&) -> std::vector<node_id> {
        throw std::runtime_error("no such zone");
      });
  CHECK(x.code == placement_errc::strategy_failed);
  CHECK(mentions(x, "'mine'"));
  CHECK(mentions(x, "'orders'"));
  CHECK(mentions(x, "no such zone"));
  x = refused(small_map(),
              [](const placement_input&) -> std::vector<node_id> { throw 1; });
  CHECK(x.code == placement_errc::strategy_failed);
  x = refused(small_map(), [](const placement_input&) -> std::vector<node_id> {
    throw std::bad_alloc();
  });
  CHECK(x.code == placement_errc::strategy_failed);
}

TEST_CASE("planner: a strategy that returns nonsense gives a refusal",
          "[unit][placement]") {
  auto in = small_map();
  for (std::size_t size : {0, 3, 5}) {
    auto x = refused(in, always(size, node_id{1}));
    CHECK(x.code == placement_errc::bad_answer);
    CHECK(mentions(x, std::to_string(size) + " owners for 4 partitions"));
  }
  auto x = refused(in, always(4, node_id{4}));
  CHECK(x.code == placement_errc::bad_answer);
  CHECK(mentions(x, "partition 0 to node 4, which is not in the input"));
  x = refused(in, always(4, node_id{2}));
  CHECK(x.code == placement_errc::bad_answer);
  CHECK(mentions(x, "node 2 (node-2), which is not eligible"));
  x = refused(in, always(4, {}));
  CHECK(x.code == placement_errc::bad_answer);
  CHECK(mentions(x, "partition 0 no owner"));
  in.nodes[2].weight = 0;
  CHECK(mentions(refused(in, always(4, node_id{3})), "has weight 0"));
  in.nodes[0].roles = {"shard"};
  in.roles = {"shard"};
  in.nodes[2].weight = 100;
  CHECK(mentions(refused(in, always(4, node_id{3})), "lacks a role"));
  // The last partition is looked at as well.
  x = refused(in, [](const placement_input&) {
    std::vector<node_id> result(4, node_id{1});
    result[3] = node_id{8};
    return result;
  });
  CHECK(mentions(x, "partition 3 to node 8"));
}

TEST_CASE("planner: a malformed input is refused", "[unit][placement]") {
  auto how = strategy("balanced");
  auto in = small_map();
  in.nodes.push_back(in.nodes[1]);
  auto x = refusal(make_plan(in, *how));
  CHECK(x.code == placement_errc::bad_input);
  CHECK(mentions(x, "node 2 is listed twice"));
  in = small_map();
  in.partitions.push_back(in.partitions[2]);
  x = refusal(make_plan(in, *how));
  CHECK(x.code == placement_errc::bad_input);
  CHECK(mentions(x, "partition 2 is listed twice"));
  in = small_map();
  in.nodes[2].id = {};
  x = refusal(make_plan(in, *how));
  CHECK(x.code == placement_errc::bad_input);
  CHECK(mentions(x, "'node-3' has no id"));
  in = make_region(1, placement_size_max + 1);
  x = refusal(make_plan(in, *how));
  CHECK(x.code == placement_errc::bad_input);
  CHECK(mentions(x, "1048576"));
}
