#include <set>

#include <test/catch.hpp>

#include "lab.hpp"

using namespace troupe::raft;
using sim::count_of;
using sim::first_of;
using sim::lab;
using sim::made;

namespace {

settings plain() {
  settings out;
  out.pre_vote = false;
  out.check_quorum = false;
  return out;
}

} // namespace

TEST_CASE("raft: a leader whose disk goes silent stops leading, until it works "
          "again",
          "[unit][raft]") {
  settings cfg;
  cfg.self = member_id{1};
  cfg.disk_ticks_max = 3;
  recovered disk;
  disk.snapshot = {log_index{1}, term{1}, sim::voters_of({1})};
  disk.hard = {term{1}, {}, log_index{1}};
  core x{cfg, disk};
  auto write_all = [&] {
    while (x.ready()) {
      auto out = x.take();
      if (out.persist)
        x.persisted(out.persist->id);
      if (!out.committed.empty())
        x.applied(out.committed.back().index);
    }
  };
  auto ticks = [&](int n) {
    for (int i = 0; i < n; ++i)
      x.tick();
  };
  REQUIRE(x.campaign());
  write_all();
  ticks(100); // an idle disk has nothing to say
  write_all();
  REQUIRE(x.inspect().role == role::leader);

  REQUIRE(x.propose({sim::bytes("a")}, 0));
  auto stuck = x.take();
  REQUIRE(stuck.persist);
  ticks(3);
  CHECK(x.inspect().role == role::leader);
  ticks(1);
  CHECK(x.inspect().role == role::follower);
  ticks(100);
  CHECK(x.inspect().role == role::follower); // its vote would not be durable
  auto last = stuck.after_batch;

  x.persisted(last);
  write_all();
  ticks(40);
  write_all();
  CHECK(x.inspect().role == role::leader);
}

TEST_CASE("raft: a vote is remembered over a restart [HR-6]", "[unit][raft]") {
  lab x{3, plain()};
  x[1].receive(made(2, 1, 2, vote_request{log_index{1}, term{1}}));
  CHECK(first_of<vote_reply>(x.take_from(1)).granted);
  x.restart(1);
  CHECK(x.see(1).hard.vote == member_id{2});
  x[1].receive(made(3, 1, 2, vote_request{log_index{1}, term{1}}));
  CHECK_FALSE(first_of<vote_reply>(x.take_from(1)).granted);
}

TEST_CASE("raft: a vote is not given twice in a term", "[unit][raft]") {
  lab x{3, plain()};
  x[1].receive(made(2, 1, 2, vote_request{log_index{1}, term{1}}));
  x[1].receive(made(3, 1, 2, vote_request{log_index{9}, term{1}}));
  x[1].receive(made(2, 1, 2, vote_request{log_index{1}, term{1}}));
  auto out = x.take_from(1);
  std::vector<bool> granted;
  for (auto& msg : out)
    granted.push_back(std::get<vote_reply>(msg.body).granted);
  CHECK(granted == std::vector<bool>{true, false, true});
}

TEST_CASE("raft: a vote and an acknowledgement wait for the disk",
          "[unit][raft]") {
  lab x{3, plain()};
  x[1].receive(made(2, 1, 2, vote_request{log_index{1}, term{1}}));
  auto out = x[1].take();
  REQUIRE(out.persist);
  CHECK(out.persist->must_sync);
  CHECK(out.persist->hard == hard_state{term{2}, member_id{2}, log_index{1}});
  CHECK(count_of<vote_reply>(out.now) == 0);
  CHECK(count_of<vote_reply>(out.after_persist) == 1);
  CHECK(out.after_batch == out.persist->id);

  entry e{term{2}, log_index{2}, noop{}};
  x[1].receive(
      made(2, 1, 2, append_request{log_index{1}, term{1}, log_index{1}, {e}}));
  out = x[1].take();
  REQUIRE(out.persist);
  CHECK(count_of<append_reply>(out.now) == 0);
  CHECK(first_of<append_reply>(out.after_persist).index == log_index{2});
}

TEST_CASE("raft: a shorter log or an older last term gets no vote",
          "[unit][raft]") {
  lab x{3, plain()};
  x.elect(1);
  REQUIRE(x.see(2).last == log_index{2});
  x[2].receive(made(3, 2, 9, vote_request{log_index{1}, term{2}}));
  CHECK_FALSE(first_of<vote_reply>(x.take_from(2)).granted);
  x[2].receive(made(3, 2, 9, vote_request{log_index{7}, term{1}}));
  CHECK_FALSE(first_of<vote_reply>(x.take_from(2)).granted);
  x[2].receive(made(3, 2, 9, vote_request{log_index{2}, term{2}}));
  CHECK(first_of<vote_reply>(x.take_from(2)).granted);
}

TEST_CASE("raft: a newer last term outweighs a longer log", "[unit][raft]") {
  lab x{3, plain()};
  x.elect(1);
  REQUIRE(x.see(2).last == log_index{2});
  x[2].receive(made(3, 2, 9, vote_request{log_index{1}, term{3}}));
  CHECK(first_of<vote_reply>(x.take_from(2)).granted);
}

TEST_CASE("raft: refusals elect nobody", "[unit][raft]") {
  lab x{3, plain()};
  (void)x[1].campaign();
  x.work(1);
  x[1].receive(made(2, 1, 2, vote_reply{false, log_index{1}, term{1}, 0}));
  CHECK(x.see(1).role == role::candidate);
  x[1].receive(made(3, 1, 2, vote_reply{false, log_index{1}, term{1}, 0}));
  CHECK(x.see(1).role == role::follower);
}

TEST_CASE("raft: election timeouts are drawn anew, within their bounds [ER-3]",
          "[unit][raft]") {
  auto cfg = plain();
  cfg.election_ticks = 50;
  lab x{3, cfg};
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 20; ++i) {
    (void)x[1].campaign();
    auto timeout = x.see(1).election_timeout_ticks;
    CHECK(timeout >= 50);
    CHECK(timeout < 100);
    seen.insert(timeout);
  }
  CHECK(seen.size() > 8);
  CHECK(x.see(1).hard.term == term{21}); // each time a higher term
}

TEST_CASE("raft: priority lengthens or narrows the timeout", "[unit][raft]") {
  auto cfg = plain();
  cfg.election_ticks = 40;
  cfg.priority = -2;
  CHECK(lab(1, cfg).see(1).election_timeout_ticks >= 120);
  cfg.priority = 39;
  CHECK(lab(1, cfg).see(1).election_timeout_ticks == 40);
}

TEST_CASE("raft: even groups need a true majority [HR-4]", "[unit][raft]") {
  for (std::size_t size : {2, 4, 6}) {
    lab x{size, plain()};
    for (std::size_t id = 1; id <= size / 2; ++id)
      x.cut(id);
    x.elect(size);
    CHECK(x.see(size).role == role::candidate);
    x.join(1);
    x.elect(size);
    CHECK(x.see(size).role == role::leader);
    // And so do entries.
    auto before = x.see(size).hard.commit;
    x.cut(1);
    (void)x[size].propose({sim::bytes("a")});
    x.settle();
    CHECK(x.see(size).hard.commit == before);
    x.join(1);
    x.tick(size);
    x.settle();
    CHECK(x.see(size).hard.commit > before);
  }
}

TEST_CASE("raft: who is alone gives up leadership [HR-4]", "[unit][raft]") {
  settings cfg;
  lab x{3, cfg};
  x.elect(1);
  REQUIRE(x.see(1).role == role::leader);
  x.cut(1);
  x.tick(1, 2 * cfg.election_ticks);
  CHECK(x.see(1).role == role::follower);
  // And no longer beats, so that others may be elected.
  x.take_from(1);
  x.tick(1, 2);
  CHECK(count_of<heartbeat>(x.take_from(1)) == 0);
}

TEST_CASE("raft: a member that was cut off does not disturb on its return "
          "[HR-6]",
          "[unit][raft]") {
  settings cfg;
  lab x{3, cfg};
  x.elect(1);
  auto t = x.see(1).hard.term;
  x.cut(3);
  for (int i = 0; i < 100; ++i) {
    x.tick(3);
    x.settle();
  }
  CHECK(x.see(3).hard.term == t); // pre-votes leave no trace
  x.join(3);
  x[3].tick();
  (void)x[3].campaign();
  x.settle();
  CHECK(x.see(1).role == role::leader);
  CHECK(x.see(1).hard.term == t);
  x.tick(1);
  x.settle();
  CHECK(x.see(3).leader == member_id{1});
}

TEST_CASE("raft: a pre-vote of an older term is told the newer one",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x[2].receive(made(3, 2, 1, pre_vote_request{log_index{9}, term{1}}));
  auto out = x.take_from(2);
  REQUIRE(count_of<pre_vote_reply>(out) == 1);
  CHECK(out.front().term == x.see(2).hard.term);
  CHECK_FALSE(first_of<pre_vote_reply>(out).granted);
}

TEST_CASE("raft: fewer voters than the minimum hold no election [ER-1]",
          "[unit][raft]") {
  settings cfg;
  cfg.voters_min = 3;
  lab x{2, cfg};
  CHECK(x[1].campaign().why == code::too_few_voters);
  x.tick(1, 200);
  x.settle();
  CHECK(x.see(1).hard.term == term{1});
  CHECK(x.leaderships[1].empty());
}

TEST_CASE("raft: everyone hears of the leader, and of its loss [ER-2] [ER-5]",
          "[unit][raft]") {
  lab x{3};
  x.elect(2);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    REQUIRE_FALSE(x.leaderships[id].empty());
    CHECK(x.leaderships[id].back().leader == member_id{2});
    CHECK(x.leaderships[id].back().term == term{2});
  }
  CHECK(x.leaderships[2].back().caught_up);
  CHECK(x[2].current() == x.leaderships[2].back());
  CHECK(x[2].conf() == sim::voters_of({1, 2, 3}));
  CHECK_FALSE(x.leaderships[1].back().caught_up);
  x.cut(2);
  x.tick(1, 40);
  x.work(1);
  CHECK(x.leaderships[1].back().leader == member_id{});
}

TEST_CASE("raft: each change of leadership is told, in order", "[unit][raft]") {
  lab x{1, plain()};
  x.elect(1);
  auto& told = x.leaderships[1];
  REQUIRE(told.size() == 3);
  CHECK(told[0].role == role::candidate);
  CHECK(told[1].role == role::leader);
  CHECK_FALSE(told[1].caught_up);
  CHECK(told[2].caught_up);
}

TEST_CASE("raft: changes of leadership between two takes are all told",
          "[unit][raft]") {
  lab x{3, plain()};
  x[1].receive(made(2, 1, 2, heartbeat{log_index{1}, 1}));
  x[1].receive(made(3, 1, 3, heartbeat{log_index{1}, 1}));
  x.work(1);
  std::vector<member_id> leaders;
  for (auto& one : x.leaderships[1])
    if (one.leader)
      leaders.push_back(one.leader);
  CHECK(leaders == std::vector{member_id{2}, member_id{3}});
}

TEST_CASE("raft: a transfer leaves no gap and skips the pre-vote [HR-6]",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  CHECK(x[1].transfer(member_id{7}).why == code::unknown_member);
  CHECK(x[2].transfer(member_id{3}).why == code::not_leader);
  CHECK(x[2].transfer(member_id{3}).leader == member_id{1});
  CHECK(x[1].transfer(member_id{3}));
  CHECK(x[1].propose({sim::bytes("a")}).why == code::transferring);
  x.settle();
  CHECK(x.see(3).role == role::leader);
  CHECK(x.see(1).leader == member_id{3});
}

TEST_CASE("raft: a transfer first brings the member up to date",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x.cut(3);
  (void)x[1].propose({sim::bytes("a")});
  x.settle();
  x.join(3);
  CHECK(x[1].transfer(member_id{3}));
  CHECK(count_of<timeout_now>(x.take_from(1)) == 0);
  x.tick(1);
  x.settle();
  CHECK(x.see(3).role == role::leader);
  CHECK(x.commands[3] == std::vector<std::string>{"a"});
}

TEST_CASE("raft: a transfer that fails is given up", "[unit][raft]") {
  settings cfg;
  lab x{3, cfg};
  x.elect(1);
  x.cut(3);
  CHECK(x[1].transfer(member_id{3}));
  x.settle();
  for (std::uint32_t i = 0; i < cfg.election_ticks; ++i) {
    x.tick(1);
    x.settle();
  }
  CHECK(x.see(1).transferee == member_id{});
  CHECK(x[1].propose({sim::bytes("a")}));
}

TEST_CASE("raft: only answers to the request at hand elect", "[unit][raft]") {
  lab x{3, plain()};
  (void)x[1].campaign();
  x.work(1);
  // Of an earlier life, when its log was longer.
  x[1].receive(made(2, 1, 2, vote_reply{true, log_index{5}, term{1}, 0}));
  CHECK(x.see(1).role == role::candidate);
  x[1].receive(made(2, 1, 2, vote_reply{true, log_index{1}, term{1}, 0}));
  CHECK(x.see(1).role == role::leader);
}

TEST_CASE("raft: nobody leads before its own vote is durable", "[unit][raft]") {
  lab x{3, plain()};
  (void)x[1].campaign();
  auto out = x[1].take();
  CHECK(count_of<vote_request>(out.now) == 2); // while the disk works
  for (std::uint64_t id : {2, 3})
    x[1].receive(made(id, 1, 2, vote_reply{true, log_index{1}, term{1}, 0}));
  CHECK(x.see(1).role == role::candidate);
  x[1].persisted(out.persist->id);
  CHECK(x.see(1).role == role::leader);
}

TEST_CASE("raft: the winner knows when its voters last heard of a leader",
          "[unit][raft]") {
  lab x{3, plain()};
  x.elect(1);
  for (int i = 0; i < 3; ++i) {
    x.tick(1);
    x.settle();
  }
  x.cut(1);
  x.tick(2, 7);
  x.tick(3, 4);
  x.elect(2);
  REQUIRE(x.see(2).role == role::leader);
  // The last acknowledgement was that of member 3, at least 3 ticks ago.
  CHECK(x.leaderships[2].back().leader_ack_age == 3);
  // A restarted voter cannot know: it counts from its start.
  x.restart(3);
  x.tick(2, 1);
  x.elect(2);
  x.tick(3, 2);
  x[3].receive(made(2, 3, 9, vote_request{log_index{9}, term{9}}));
  CHECK(first_of<vote_reply>(x.take_from(3)).leader_ack_age == 1);
}

TEST_CASE(
    "raft: of all who voted for the winner, the latest to have heard of a "
    "leader counts",
    "[unit][raft]") {
  for (std::size_t more : {0, 3}) {
    lab x{3, plain()};
    x.elect(1);
    x.cut(1);
    x.tick(2, 4 + more);
    x.tick(3, 7 - more);
    x.elect(2);
    CHECK(x.leaderships[2].back().leader_ack_age == 3);
  }
}

TEST_CASE("raft: leader and member that forget their leader", "[unit][raft]") {
  lab x{3};
  x.elect(1);
  CHECK(x[2].forget_leader());
  CHECK(x.see(2).leader == member_id{});
  CHECK(x[1].forget_leader());
  CHECK(x.see(1).role == role::leader);
  x.tick(1);
  x.settle();
  CHECK(x.see(2).leader == member_id{1});
}
