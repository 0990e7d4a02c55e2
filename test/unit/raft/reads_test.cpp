#include <test/catch.hpp>

#include "lab.hpp"

using namespace troupe::raft;
using sim::bytes;
using sim::count_of;
using sim::first_of;
using sim::lab;
using sim::made;

namespace {

// A lease that was held before the members' start is over.
lab with_leases() {
  settings cfg;
  cfg.lease_reads = true;
  lab out{3, cfg};
  for (std::uint64_t id = 1; id <= 3; ++id) {
    out[id].set_election_timeout(1000);
    out.tick(id, cfg.election_ticks);
  }
  out.elect(1);
  return out;
}

} // namespace

TEST_CASE("raft: a read needs a round that began after it [HR-2]",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x.tick(1);
  x.work(1); // round 1 leaves
  CHECK(x[1].read_index(5));
  x.work(1); // round 2 leaves, for the read
  CHECK(x.see(1).round == 2);
  x[1].receive(made(2, 1, 2, heartbeat_reply{1}));
  x.work(1);
  CHECK(x.reads[1].empty());
  x[1].receive(made(2, 1, 2, heartbeat_reply{2}));
  x.work(1);
  REQUIRE(x.reads[1].size() == 1);
  CHECK(x.reads[1][0].id == 5);
  CHECK(x.reads[1][0].index == log_index{2});
}

TEST_CASE("raft: reads between two takes share one round", "[unit][raft]") {
  lab x{3};
  x.elect(1);
  for (std::uint64_t id = 0; id < 100; ++id)
    CHECK(x[1].read_index(id % 10)); // even under one id
  CHECK(count_of<heartbeat>(x.take_from(1)) == 2);
  for (std::uint64_t id = 0; id < 50; ++id)
    CHECK(x[2].read_index(id));
  CHECK(count_of<read_request>(x.take_from(2)) == 1);
}

TEST_CASE("raft: a follower reads through the leader [HR-2]", "[unit][raft]") {
  lab x{3};
  x.elect(1);
  (void)x[1].propose({bytes("a")});
  x.settle();
  CHECK(x[3].read_index(8));
  x.settle();
  REQUIRE(x.reads[3].size() == 1);
  CHECK(x.reads[3][0].id == 8);
  CHECK(x.reads[3][0].why == code::none);
  CHECK(x.reads[3][0].index == log_index{3});
}

TEST_CASE("raft: a leader that is cut off answers no read", "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x.cut(1);
  CHECK(x[1].read_index(1));
  x.settle();
  CHECK(x.reads[1].empty());
  x.tick(1, 20);
  x.work(1);
  REQUIRE(x.reads[1].size() == 1);
  CHECK(x.reads[1][0].why == code::not_leader);
}

TEST_CASE("raft: a new leader answers reads once it has committed in its term",
          "[unit][raft]") {
  settings cfg;
  cfg.pre_vote = false;
  lab x{3, cfg};
  (void)x[1].campaign();
  x.work(1);
  x[1].receive(made(2, 1, 2, vote_reply{true, log_index{1}, term{1}, 0}));
  REQUIRE(x.see(1).role == role::leader);
  CHECK(x[1].read_index(1));
  CHECK_FALSE(x[1].lease_index());
  x.work(1);
  CHECK(x.see(1).round == 0);
  x[1].receive(made(2, 1, 2, append_reply{log_index{2}}));
  x.work(1);
  CHECK(x.see(1).round == 1);
  CHECK(x[1].lease_index() == log_index{2});
}

TEST_CASE("raft: a late answer to a read of an earlier life meets none of this "
          "one",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  CHECK(x[2].read_index(1));
  auto old = first_of<read_request>(x.take_from(2)).id;
  x.restart(2);
  x.tick(1);
  x.settle();
  CHECK(x[2].read_index(2));
  CHECK(first_of<read_request>(x.take_from(2)).id != old);
  x[2].receive(made(1, 2, 2, read_reply{old, log_index{1}}));
  x.work(2);
  CHECK(x.reads[2].empty());
}

TEST_CASE("raft: a single voter confirms its rounds by itself",
          "[unit][raft]") {
  lab x{1};
  x.elect(1);
  CHECK(x[1].start_round() == 1u);
  CHECK(x[1].start_round() == 2u);
  CHECK(x[1].read_index(4));
  x.work(1);
  CHECK(x.rounds[1] == std::vector<std::uint64_t>{3});
  CHECK(x.reads[1].size() == 1);
}

TEST_CASE("raft: rounds are forced, counted and confirmed by a quorum",
          "[unit][raft]") {
  lab x{5};
  CHECK_FALSE(x[1].start_round());
  x.elect(1);
  CHECK(x[1].start_round() == 1u);
  CHECK(x[1].start_round() == 2u);
  x.work(1);
  x[1].receive(made(2, 1, 2, heartbeat_reply{2}));
  x[1].receive(made(2, 1, 2, heartbeat_reply{2}));
  x[1].receive(made(3, 1, 2, heartbeat_reply{1}));
  x.work(1);
  CHECK(x.rounds[1] == std::vector<std::uint64_t>{1});
  x[1].receive(made(4, 1, 2, heartbeat_reply{2}));
  x.work(1);
  CHECK(x.rounds[1] == std::vector<std::uint64_t>{1, 2});
  CHECK(x.see(1).confirmed_round == 2);
  // Not yet begun: nobody can have answered it.
  x[1].receive(made(4, 1, 2, heartbeat_reply{9}));
  CHECK(x.see(1).ignored == 1);
}

TEST_CASE("raft: lease reads end with a transfer, for the whole term",
          "[unit][raft]") {
  settings cfg;
  auto x = with_leases();
  CHECK(x[1].lease_index() == log_index{2});
  CHECK_FALSE(x[2].lease_index());
  x.cut(2);
  CHECK(x[1].transfer(member_id{2}));
  x.settle();
  CHECK_FALSE(x[1].lease_index());
  for (std::uint32_t i = 0; i < cfg.election_ticks; ++i) {
    x.tick(1);
    x.settle();
  }
  REQUIRE(x.see(1).transferee == member_id{});
  CHECK_FALSE(x[1].lease_index()); // timeout_now may still be under way
}

TEST_CASE("raft: nothing breaks a lease by hand", "[unit][raft]") {
  settings cfg;
  auto x = with_leases();
  CHECK(x[2].forget_leader().why == code::lease_held);
  CHECK(x[2].campaign().why == code::lease_held);
  // A restarted voter may have answered the leader just before.
  x.restart(2);
  x[2].receive(made(3, 2, 9, vote_request{log_index{9}, term{8}}));
  CHECK(count_of<vote_reply>(x.take_from(2)) == 0);
  x.tick(2, cfg.election_ticks);
  x[2].receive(made(3, 2, 9, vote_request{log_index{9}, term{8}}));
  CHECK(count_of<vote_reply>(x.take_from(2)) == 1);
}

TEST_CASE("raft: a lease that ran out keeps nobody from campaigning",
          "[unit][raft]") {
  settings cfg;
  auto x = with_leases();
  x.cut(1);
  for (std::uint32_t i = 0; i < 3 * cfg.election_ticks; ++i) {
    x.tick(2);
    x.tick(3);
    x.settle();
  }
  CHECK((x.see(2).role == role::leader || x.see(3).role == role::leader));
}

TEST_CASE("raft: reads without a leader are refused, and bounded",
          "[unit][raft]") {
  settings cfg;
  cfg.pending_reads_max = 3;
  lab x{3, cfg};
  CHECK(x[1].read_index(1).why == code::not_leader);
  x.elect(1);
  for (std::uint64_t id = 0; id < 3; ++id)
    CHECK(x[1].read_index(id));
  CHECK(x[1].read_index(3).why == code::busy);
}

TEST_CASE("raft: a read that the leader never answers ends as unknown",
          "[unit][raft]") {
  settings cfg;
  lab x{3, cfg};
  x.elect(1);
  CHECK(x[2].read_index(6));
  x.take_from(2); // lost
  for (std::uint32_t i = 0; i < 2 * cfg.election_ticks; ++i) {
    x.tick(2);
    x.tick(1);
    x.settle();
  }
  REQUIRE(x.reads[2].size() == 1);
  CHECK(x.reads[2][0].why == code::outcome_unknown);
  CHECK(x.see(2).pending_reads == 0);
}
