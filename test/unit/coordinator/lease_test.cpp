#include <test/catch.hpp>

#include <troupe/cluster/coordinator/failure_detector.hpp>
#include <troupe/cluster/coordinator/lease.hpp>
#include <troupe/cluster/coordinator/voter_plan.hpp>

using namespace troupe;
using namespace std::chrono_literals;

TEST_CASE("lease: it runs from the sending, once the echo's index is applied",
          "[unit][coordinator]") {
  lease l{cluster_settings{}};
  CHECK_FALSE(l.echoed(1000ms, log_index{9}, log_index{8}));
  CHECK(l.end() == boot_time{0});
  CHECK(l.applied(log_index{9}));
  CHECK(l.end() == boot_time{2000ms});
  CHECK_FALSE(l.echoed(900ms, log_index{1}, log_index{9}));
  CHECK(l.echoed(1100ms, log_index{9}, log_index{9}));
}

TEST_CASE("echo: only a round that began after the heartbeat confirms it",
          "[unit][coordinator]") {
  echo_queue q;
  CHECK(q.arrived({node_id{1}, incarnation{1}, 1ms, log_index{1}}));
  q.round_started(5);
  CHECK_FALSE(q.arrived({node_id{2}, incarnation{1}, 2ms, log_index{1}}));
  CHECK(q.confirmed(4).empty());
  auto first = q.confirmed(5);
  REQUIRE(first.size() == 1);
  CHECK(first[0].to == node_id{1});
  CHECK(q.wants_round());
  q.round_started(6);
  CHECK(q.confirmed(7).size() == 1);
}

TEST_CASE("detector: a lease and a margin after the last word, at a new leader "
          "after the last one's",
          "[unit][coordinator]") {
  failure_detector d{cluster_settings{}};
  d.lead(5s, 5s);
  CHECK_FALSE(d.expired(node_id{1}, 6100ms));
  CHECK(d.expired(node_id{1}, 6101ms));
  d.heard(node_id{1}, 6s);
  CHECK_FALSE(d.expired(node_id{1}, 7100ms));
  d.lead(1s, 10s);
  CHECK_FALSE(d.expired(node_id{1}, 10s));
  CHECK(d.expired(node_id{1}, 10201ms));
}

namespace {

struct group {
  shard_map map;
  raft::configuration members;
  std::set<node_id> caught_up;
  std::set<node_id> leaving;
  std::uint64_t at = 1;

  explicit group(std::uint64_t nodes) {
    std::vector<founder> founders;
    proto::MapEntry entry;
    for (std::uint64_t i = 1; i <= nodes; ++i) {
      founders.push_back(
          {node_id{i}, "u" + std::to_string(i), "n" + std::to_string(i), ""});
      auto& up = *entry.add_commands()->mutable_node_up();
      up.set_node(i);
      up.set_incarnation(1);
      (i <= 3 ? members.voters : members.learners).push_back(node_id{i});
      caught_up.insert(node_id{i});
    }
    map = shard_map::found("c", founders, log_index{1});
    map.apply(log_index{++at}, entry);
  }
  void kill(std::uint64_t id) {
    proto::MapEntry entry;
    entry.add_commands()->mutable_node_down()->set_node(id);
    entry.mutable_commands(0)->mutable_node_down()->set_incarnation(1);
    map.apply(log_index{++at}, entry);
  }
  bool has_quorum() const {
    auto up = std::count_if(
        members.voters.begin(), members.voters.end(),
        [&](node_id id) { return map.node(id)->liveness == liveness::up; });
    return 2 * static_cast<std::size_t>(up) > members.voters.size();
  }
  void settle(std::uint64_t leader) {
    for (int i = 0; i < 50; ++i) {
      auto change =
          next_member_change(map, members, node_id{leader}, caught_up, leaving);
      if (!change)
        return;
      bool decides = has_quorum();
      std::erase(members.voters, change->member);
      std::erase(members.learners, change->member);
      auto& to = change->op == raft::change_op::add_voter ? members.voters
                                                          : members.learners;
      if (change->op != raft::change_op::remove)
        to.insert(std::lower_bound(to.begin(), to.end(), change->member),
                  change->member);
      CHECK((has_quorum() || !decides));
    }
    FAIL("the plan does not end");
  }
};

} // namespace

TEST_CASE("voters: three, or five of seven and more", "[unit][coordinator]") {
  group small{5};
  small.settle(1);
  CHECK(small.members.voters.size() == 3);
  group large{7};
  large.settle(1);
  CHECK(large.members.voters.size() == 5);
}

TEST_CASE("voters: [AR-12] as nodes die one after another, those who live take "
          "over",
          "[unit][coordinator]") {
  group g{10};
  g.settle(10);
  for (std::uint64_t dead = 1; dead <= 7; ++dead) {
    g.kill(dead);
    g.settle(10);
    for (auto id : g.members.voters)
      CHECK(id.value > dead);
  }
  CHECK(g.members.voters.size() == 3);
  g.kill(8);
  g.settle(10);
  CHECK(g.members.voters.size() == 3); // two of three are a quorum
}

TEST_CASE("voters: nobody is let go whose vote the others need: who is down "
          "loses its own first",
          "[unit][coordinator]") {
  group g{4};
  g.settle(1);
  g.kill(4);
  g.settle(1);
  SECTION("one is dead, one goes") {
    g.kill(3);
    g.leaving = {node_id{2}};
    g.settle(1);
    CHECK(g.members.voters == std::vector{node_id{1}});
    CHECK(g.members.learners == std::vector{node_id{3}, node_id{4}});
  }
  SECTION("two go, of whom one died meanwhile") {
    g.kill(3);
    g.leaving = {node_id{2}, node_id{3}};
    g.settle(1);
    CHECK(g.members.voters == std::vector{node_id{1}});
    CHECK(g.members.learners == std::vector{node_id{4}});
  }
  SECTION("more are down than may be missed: who may come back is waited for") {
    g.kill(2);
    g.kill(3);
    g.leaving = {node_id{2}};
    g.settle(1);
    CHECK(g.members.voters == std::vector{node_id{1}, node_id{3}});
  }
}
