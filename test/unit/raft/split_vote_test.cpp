#include <algorithm>
#include <set>

#include <test/catch.hpp>

#include "lab.hpp"

using namespace troupe::raft;
using sim::lab;

TEST_CASE("raft: [ER-3] after a split vote each waits for a time drawn anew, "
          "and a higher term elects",
          "[unit][raft]") {
  settings cfg;
  cfg.pre_vote = false;
  cfg.check_quorum = false;
  lab x{4, cfg};
  (void)x[1].campaign();
  (void)x[2].campaign();
  std::uint64_t terms = 0;
  std::set<std::uint32_t> waits;
  for (int round = 0; round < 20; ++round) {
    x.work(1);
    x.work(2);
    // 3 hears 1 first, and 4 hears 2.
    auto all = std::exchange(x.waiting, {});
    std::stable_partition(all.begin(), all.end(), [](auto& msg) {
      return msg.to.value == msg.from.value + 2;
    });
    for (auto& msg : all)
      x[msg.to.value].receive(std::move(msg));
    x.settle();
    for (std::uint64_t id = 1; id <= 4; ++id) {
      CHECK(x.see(id).role == role::follower);
      CHECK_FALSE(x.see(id).leader);
    }
    auto now = x.see(1).hard.term.value;
    CHECK(now > terms);
    terms = now;
    waits.insert(x.see(1).election_timeout_ticks);
    if (round < 19) {
      (void)x[1].campaign();
      (void)x[2].campaign();
    }
  }
  CHECK(waits.size() > 3);
  // Left to themselves.
  std::uint64_t leader = 0;
  for (std::uint32_t i = 0; i < 10 * cfg.election_ticks && leader == 0; ++i) {
    for (std::uint64_t id = 1; id <= 4; ++id)
      x.tick(id);
    x.settle();
    for (std::uint64_t id = 1; id <= 4; ++id)
      if (x.see(id).role == role::leader)
        leader = id;
  }
  REQUIRE(leader != 0);
  CHECK(x.see(leader).hard.term.value > terms);
  for (std::uint64_t id = 1; id <= 4; ++id)
    CHECK(x.see(id).leader == member_id{leader});
}
