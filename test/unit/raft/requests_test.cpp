#include <test/catch.hpp>

#include "lab.hpp"

using namespace troupe::raft;
using sim::bytes;
using sim::count_of;
using sim::lab;

TEST_CASE("raft: a follower forwards, and learns the place", "[unit][raft]") {
  lab x{3};
  x.elect(1);
  auto got = x[2].propose({bytes("a"), bytes("b")}, 77);
  CHECK(got);
  CHECK_FALSE(got.index);
  x.settle();
  REQUIRE(x.proposals[2].size() == 1);
  CHECK(x.proposals[2][0].id == 77);
  CHECK(x.proposals[2][0].answer.term == term{2});
  CHECK(x.proposals[2][0].answer.index == log_index{3});
  CHECK(x.commands[2] == std::vector<std::string>{"a", "b"});
  CHECK(x.see(2).pending_forwards == 0);
}

TEST_CASE("raft: a follower that does not forward names the leader",
          "[unit][raft]") {
  settings cfg;
  cfg.forward_proposals = false;
  lab x{3, cfg};
  CHECK(x[2].propose({bytes("a")}).leader == member_id{});
  x.elect(1);
  auto got = x[2].propose({bytes("a")});
  CHECK(got.why == code::not_leader);
  CHECK(got.leader == member_id{1});
  got = x[2].change({{{change_op::remove, member_id{3}}}, {}});
  CHECK(got.why == code::not_leader);
}

TEST_CASE("raft: what was forwarded to a leader that is gone is unknown",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  CHECK(x[2].propose({bytes("a")}, 5));
  x.cut(1);
  x.settle();
  SECTION("when another one leads") {
    x.tick(2, 10);
    x.tick(3, 10);
    x.elect(3);
  }
  SECTION("or when no answer comes in time") {
    settings cfg;
    x.tick(2, 2 * cfg.election_ticks);
    x.work(2);
  }
  REQUIRE(x.proposals[2].size() == 1);
  CHECK(x.proposals[2][0].id == 5);
  CHECK(x.proposals[2][0].answer.why == code::outcome_unknown);
}

TEST_CASE("raft: who no longer leads refuses what is forwarded, with a hint",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x[3].receive({member_id{2}, member_id{3}, {}, forward_commands{9, {}}});
  auto reply = sim::first_of<forward_reply>(x.take_from(3));
  CHECK(reply.id == 9);
  CHECK(reply.why == code::not_leader);
  CHECK(reply.leader == member_id{1});
}

TEST_CASE("raft: a late answer to a request of an earlier life meets none of "
          "this one",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  CHECK(x[2].propose({bytes("a")}, 1));
  auto old = sim::first_of<forward_commands>(x.take_from(2)).id;
  x.restart(2);
  x.tick(1);
  x.settle();
  CHECK(x[2].propose({bytes("b")}, 2));
  CHECK(sim::first_of<forward_commands>(x.take_from(2)).id != old);
  x[2].receive({member_id{1},
                member_id{2},
                {},
                forward_reply{old, code::none, {}, term{2}, log_index{3}}});
  x.work(2);
  CHECK(x.proposals[2].empty());
}

TEST_CASE("raft: uncommitted bytes are bounded, and counted back to zero",
          "[unit][raft]") {
  settings cfg;
  cfg.uncommitted_bytes_max = 10;
  lab x{3, cfg};
  x.elect(1);
  x.cut(2);
  x.cut(3);
  CHECK(x[1].propose({bytes("a single one of any size")}));
  CHECK(x[1].propose({bytes("b")}).why == code::busy);
  CHECK(x[1].propose({bytes("")})); // weighs nothing
  x.join(2);
  x.tick(1);
  x.settle();
  CHECK(x.see(1).uncommitted_bytes == 0);
  CHECK(x[1].propose({bytes("b")}));
}

TEST_CASE("raft: uncommitted bytes of an earlier term are not counted in the "
          "next",
          "[unit][raft]") {
  settings cfg;
  cfg.uncommitted_bytes_max = 10;
  lab x{3, cfg};
  x.elect(1);
  x.cut(1);
  CHECK(x[1].propose({bytes("nobody else gets it")}));
  x.settle();
  x[1].receive(sim::made(2, 1, 3, heartbeat{log_index{1}, 1}));
  CHECK(x.see(1).uncommitted_bytes == 0);
}

TEST_CASE("raft: a command beyond the limit is refused", "[unit][raft]") {
  settings cfg;
  cfg.command_bytes_max = 3;
  lab x{1, cfg};
  x.elect(1);
  CHECK(x[1].propose({bytes("abc")}));
  CHECK(x[1].propose({bytes("abcd")}).why == code::too_big);
}

TEST_CASE("raft: forwarded proposals are bounded", "[unit][raft]") {
  settings cfg;
  cfg.pending_forwards_max = 2;
  lab x{3, cfg};
  x.elect(1);
  CHECK(x[2].propose({bytes("a")}));
  CHECK(x[2].change({{{change_op::add_learner, member_id{4}}}, {}}));
  CHECK(x[2].propose({bytes("a")}).why == code::busy);
  CHECK(x[2].change({}).why == code::busy);
}

TEST_CASE("raft: every code has a word and a sentence", "[unit][raft]") {
  for (int i = 0; i <= static_cast<int>(code::outcome_unknown); ++i) {
    auto x = static_cast<code>(i);
    CHECK(to_string(x) != "?");
    CHECK(describe(x).size() > 7);
  }
}

TEST_CASE("raft: flawed settings and disks are found before the start",
          "[unit][raft]") {
  settings good;
  good.self = member_id{1};
  recovered disk;
  CHECK(find_flaw(good, disk).empty());
  auto flawed = [&](auto change) {
    auto cfg = good;
    auto d = disk;
    change(cfg, d);
    return !find_flaw(cfg, d).empty();
  };
  CHECK(flawed([](auto& c, auto&) { c.self = {}; }));
  CHECK(flawed([](auto& c, auto&) { c.heartbeat_ticks = 0; }));
  CHECK(flawed([](auto& c, auto&) { c.election_ticks = 1; }));
  CHECK(flawed([](auto& c, auto&) { c.inflight_max = 0; }));
  CHECK(flawed([](auto& c, auto&) {
    c.lease_reads = true;
    c.check_quorum = false;
  }));
  CHECK(flawed([](auto&, auto& d) { d.hard.commit = log_index{1}; }));
  CHECK(flawed([](auto&, auto& d) { d.snapshot.index = log_index{1}; }));
  CHECK(flawed([](auto&, auto& d) {
    d.hard.term = term{1};
    d.log = {{term{1}, log_index{1}, noop{}}, {term{1}, log_index{3}, noop{}}};
  }));
  CHECK(flawed([](auto&, auto& d) {
    d.hard.term = term{1};
    d.log = {{term{2}, log_index{1}, noop{}}};
  }));
}

TEST_CASE("raft: a vote in a term that is on the disk already is synced too",
          "[unit][raft]") {
  lab x{3};
  x[1].receive(sim::made(2, 1, 5, vote_request{log_index{0}, term{0}}));
  auto out = x[1].take();
  REQUIRE(out.persist);
  CHECK(out.persist->hard == hard_state{term{5}, {}, log_index{1}});
  x[1].persisted(out.persist->id);
  x[1].receive(sim::made(3, 1, 5, vote_request{log_index{1}, term{1}}));
  out = x[1].take();
  REQUIRE(out.persist);
  CHECK(out.persist->hard == hard_state{term{5}, member_id{3}, log_index{1}});
  CHECK(out.persist->must_sync);
}

TEST_CASE("raft: only what must be is synced", "[unit][raft]") {
  lab x{3};
  x.elect(1);
  (void)x[1].propose({bytes("a")});
  x.settle();
  entry e{term{2}, log_index{4}, noop{}};
  x[2].receive(sim::made(
      1, 2, 2, append_request{log_index{3}, term{2}, log_index{3}, {e}}));
  CHECK(x[2].take().persist->must_sync);
  x[2].receive(sim::made(
      1, 2, 2, append_request{log_index{4}, term{2}, log_index{4}, {}}));
  auto out = x[2].take();
  REQUIRE(out.persist);
  CHECK_FALSE(out.persist->must_sync);
  CHECK(out.persist->hard->commit == log_index{4});
  CHECK_FALSE(x[2].ready());
  CHECK(x[2].take().empty());
}
