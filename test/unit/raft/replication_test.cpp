#include <test/catch.hpp>

#include "lab.hpp"

using namespace troupe::raft;
using sim::bytes;
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

entry command(std::uint64_t index, std::uint64_t t, std::string text = "x") {
  return {term{t}, log_index{index}, bytes(std::move(text))};
}

const progress_view& progress_of(const view& v, std::uint64_t id) {
  for (auto& p : v.progress)
    if (p.member == member_id{id})
      return p;
  throw std::logic_error("no progress");
}

} // namespace

TEST_CASE(
    "raft: a commit index that rides leaves with the next append, or when "
    "it is pushed",
    "[unit][raft]") {
  settings cfg;
  cfg.commit_rides = true;
  lab x{3, cfg};
  x.elect(1);
  auto commit = [&](std::uint64_t id) { return x.see(id).hard.commit; };
  x[1].push_commit();
  x.settle();
  CHECK(commit(2) == commit(1));
  CHECK(commit(3) == commit(1));
  x[1].push_commit();
  CHECK_FALSE(x[1].ready()); // it is no news

  auto before = commit(1);
  REQUIRE(x[1].propose({bytes("a")}, 0));
  x.settle();
  CHECK(commit(1).value == before.value + 1);
  CHECK(commit(2) == before);
  REQUIRE(x[1].propose({bytes("b")}, 0));
  x.settle();
  CHECK(commit(2).value == before.value + 1);

  x[1].push_commit();
  x.settle();
  CHECK(commit(2).value == before.value + 2);
  CHECK(commit(3).value == before.value + 2);
  x[2].push_commit();
  CHECK_FALSE(x[2].ready()); // it does not lead
}

TEST_CASE("raft: what the leader accepts, every member applies",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  auto got = x[1].propose({bytes("a"), bytes("b")});
  REQUIRE(got);
  CHECK(got.term == term{2});
  CHECK(got.index == log_index{3});
  x.settle();
  for (std::uint64_t id = 1; id <= 3; ++id)
    CHECK(x.commands[id] == std::vector<std::string>{"a", "b"});
}

TEST_CASE("raft: a single voter acknowledges nothing before its disk does",
          "[unit][raft]") {
  lab x{1};
  x.elect(1);
  (void)x[1].propose({bytes("a")});
  auto out = x[1].take();
  REQUIRE(out.persist);
  CHECK(out.persist->must_sync);
  CHECK(out.committed.empty());
  CHECK(x.see(1).hard.commit == log_index{2});
  x[1].persisted(out.persist->id);
  CHECK(x.see(1).hard.commit == log_index{3});
  CHECK(x[1].take().committed.size() == 1);
}

TEST_CASE("raft: the leader writes while its followers do", "[unit][raft]") {
  lab x{3};
  x.elect(1);
  (void)x[1].propose({bytes("a")});
  auto out = x[1].take();
  CHECK(count_of<append_request>(out.now) == 2);
  // Both followers have it: it is committed, though not yet written here.
  for (std::uint64_t id : {2, 3})
    x[1].receive(made(id, 1, 2, append_reply{log_index{3}}));
  CHECK(x.see(1).hard.commit == log_index{3});
  CHECK(x.see(1).durable == log_index{2});
  CHECK(x[1].take().committed.empty());
  x[1].persisted(out.persist->id);
  CHECK(x[1].take().committed.size() == 1);
}

TEST_CASE("raft: entries of older terms are not committed by count [HR-6]",
          "[unit][raft]") {
  // Figure 8 of the paper: an entry of an earlier term is on a majority, but
  // may still be overwritten until one of this term is on top of it.
  auto cfg = plain();
  cfg.append_bytes_max = 0; // one entry a message
  lab x{3, cfg};
  x.elect(1);
  x.cut(2);
  x.cut(3);
  (void)x[1].propose({bytes("old")});
  x.settle();
  x.join(2);
  (void)x[1].campaign();
  x.restart(1);
  (void)x[1].campaign();
  x.work(1);
  x[1].receive(made(2, 1, 3, vote_reply{true, log_index{3}, term{2}, 0}));
  REQUIRE(x.see(1).role == role::leader);
  x.work(1);
  x[1].receive(made(2, 1, 3, append_reply{log_index{3}}));
  CHECK(x.see(1).hard.commit == log_index{2});
  x[1].receive(made(2, 1, 3, append_reply{log_index{4}}));
  CHECK(x.see(1).hard.commit == log_index{4});
}

TEST_CASE("raft: a follower commits no further than it matched",
          "[unit][raft]") {
  lab x{3, plain()};
  // Three entries of the leader of term 2; the leader of term 3 has others.
  x[1].receive(
      made(2, 1, 2,
           append_request{log_index{1},
                          term{1},
                          log_index{1},
                          {command(2, 2), command(3, 2), command(4, 2)}}));
  x.work(1);
  SECTION("by an append that covers less") {
    x[1].receive(made(
        3, 1, 3,
        append_request{log_index{1}, term{1}, log_index{4}, {command(2, 2)}}));
    CHECK(x.see(1).hard.commit == log_index{2});
  }
  SECTION("by an empty append") {
    x[1].receive(
        made(3, 1, 3, append_request{log_index{2}, term{2}, log_index{4}, {}}));
    CHECK(x.see(1).hard.commit == log_index{2});
  }
}

TEST_CASE("raft: a heartbeat names no commit beyond what was acknowledged",
          "[unit][raft]") {
  lab x{3, plain()};
  x.elect(1);
  x.cut(3);
  (void)x[1].propose({bytes("a")});
  x.settle();
  CHECK(x.see(1).hard.commit == log_index{3});
  x.tick(1);
  for (auto& msg : x.take_from(1))
    if (auto* beat = std::get_if<heartbeat>(&msg.body))
      CHECK(beat->commit
            == (msg.to == member_id{3} ? log_index{2} : log_index{3}));
}

TEST_CASE("raft: the entries of a partitioned leader give way [HR-6]",
          "[unit][raft]") {
  lab x{3, plain()};
  x.elect(1);
  x.cut(1);
  (void)x[1].propose({bytes("lost"), bytes("lost too")});
  x.settle();
  x.elect(2);
  (void)x[2].propose({bytes("kept")});
  x.settle();
  x.join(1);
  x.tick(2);
  x.settle();
  for (std::uint64_t id = 1; id <= 3; ++id)
    CHECK(x.commands[id] == std::vector<std::string>{"kept"});
  CHECK(x.disk(1).log.size() == x.disk(2).log.size());
}

TEST_CASE("raft: replaced entries are truncated on disk, and count as durable "
          "only when they are",
          "[unit][raft]") {
  lab x{3, plain()};
  x[1].receive(made(2, 1, 2,
                    append_request{log_index{1},
                                   term{1},
                                   log_index{1},
                                   {command(2, 2), command(3, 2)}}));
  auto first = x[1].take();
  x[1].receive(made(
      3, 1, 3,
      append_request{log_index{1}, term{1}, log_index{1}, {command(2, 3)}}));
  auto second = x[1].take();
  REQUIRE(second.persist);
  CHECK(second.persist->truncate_from == log_index{2});
  x[1].receive(made(2, 1, 4,
                    append_request{log_index{1},
                                   term{1},
                                   log_index{1},
                                   {command(2, 2), command(3, 2)}}));
  auto third = x[1].take();
  REQUIRE(third.persist);
  // The first batch held the same entries, but the second one is behind it.
  x[1].persisted(first.persist->id);
  CHECK(x.see(1).durable == log_index{1});
  x[1].persisted(second.persist->id);
  CHECK(x.see(1).durable == log_index{1});
  x[1].persisted(third.persist->id);
  CHECK(x.see(1).durable == log_index{3});
}

TEST_CASE("raft: what was durable and is replaced is durable no longer",
          "[unit][raft]") {
  lab x{3, plain()};
  x[1].receive(made(2, 1, 2,
                    append_request{log_index{1},
                                   term{1},
                                   log_index{1},
                                   {command(2, 2), command(3, 2)}}));
  x.work(1);
  CHECK(x.see(1).durable == log_index{3});
  x[1].receive(made(
      3, 1, 3,
      append_request{log_index{1}, term{1}, log_index{1}, {command(2, 3)}}));
  CHECK(x.see(1).durable == log_index{1});
}

TEST_CASE("raft: an entry keeps its term under later leaders", "[unit][raft]") {
  lab x{3, plain()};
  x[1].receive(made(
      2, 1, 5,
      append_request{log_index{1}, term{1}, log_index{1}, {command(2, 3)}}));
  CHECK(x.see(1).log.back().term == term{3});
}

TEST_CASE("raft: proposals between two takes share a message", "[unit][raft]") {
  auto cfg = plain();
  for (bool batch : {true, false}) {
    cfg.batch_appends = batch;
    lab x{2, cfg};
    x.elect(1);
    for (int i = 0; i < 5; ++i)
      (void)x[1].propose({bytes("a")});
    CHECK(count_of<append_request>(x.take_from(1)) == (batch ? 1 : 5));
  }
}

TEST_CASE("raft: the window bounds what is in flight", "[unit][raft]") {
  auto cfg = plain();
  cfg.batch_appends = false;
  SECTION("by count") {
    cfg.inflight_max = 3;
  }
  SECTION("by bytes") {
    cfg.inflight_bytes_max = 25; // reached by the third of 10
  }
  lab x{2, cfg};
  x.elect(1);
  for (int i = 0; i < 8; ++i)
    (void)x[1].propose({bytes("0123456789")});
  auto out = x.take_from(1);
  CHECK(count_of<append_request>(out) == 3);
  auto p = progress_of(x.see(1), 2);
  CHECK(p.feed == feed::replicate);
  CHECK(p.paused);
  CHECK(p.inflight == 3);
  CHECK(p.inflight_bytes == 30);
  for (auto& msg : out)
    x[2].receive(msg);
  x.settle();
  CHECK(x.commands[2].size() == 8);
  CHECK(progress_of(x.see(1), 2).inflight == 0);
  CHECK(progress_of(x.see(1), 2).inflight_bytes == 0);
}

TEST_CASE("raft: a follower whose messages were lost is found again",
          "[unit][raft]") {
  lab x{2, plain()};
  x.elect(1);
  (void)x[1].propose({bytes("a")});
  x.take_from(1);
  x[1].unreachable(member_id{2});
  CHECK(progress_of(x.see(1), 2).feed == feed::probe);
  x.tick(1);
  x.settle();
  CHECK(progress_of(x.see(1), 2).feed == feed::replicate);
  CHECK(x.commands[2].size() == 1);
}

TEST_CASE("raft: one probe per term finds where the logs meet",
          "[unit][raft]") {
  lab x{3, plain()};
  x.elect(1);
  x.cut(1);
  for (int i = 0; i < 50; ++i)
    (void)x[1].propose({bytes("lost")});
  x.settle();
  x.elect(2);
  for (int i = 0; i < 50; ++i)
    (void)x[2].propose({bytes("kept")});
  x.settle();
  x.join(1);
  x.tick(2);
  std::size_t refusals = 0;
  for (int i = 0; i < 100 && x.commands[1].size() < 50; ++i) {
    x.work(2);
    for (auto& msg : x.take_from(2))
      if (msg.to == member_id{1})
        x[1].receive(msg);
    auto replies = x.take_from(1);
    refusals += count_of<append_refusal>(replies);
    for (auto& msg : replies)
      if (msg.to == member_id{2})
        x[2].receive(msg);
  }
  CHECK(x.commands[1].size() == 50);
  CHECK(refusals <= 3);
}

TEST_CASE("raft: a follower behind the log gets a snapshot", "[unit][raft]") {
  auto cfg = plain();
  cfg.log_tail = 2;
  lab x{3, cfg};
  x.elect(1);
  x.cut(3);
  for (int i = 0; i < 10; ++i)
    (void)x[1].propose({bytes("a")});
  x.settle();
  auto at = x.see(1).applied;
  CHECK(x[1].snapshot_taken(at) == log_index{at.value - 2});
  CHECK(x.see(1).first == log_index{at.value - 1});
  x.join(3);
  x.tick(1);
  x.settle();
  REQUIRE(x.wanted[1].size() == 1);
  CHECK(x.wanted[1][0].to == member_id{3});
  CHECK(x.wanted[1][0].at_least == log_index{at.value - 2});
  CHECK(x.see(3).applied == at);
  CHECK(x.see(3).first == log_index{at.value + 1});
  CHECK(progress_of(x.see(1), 3).feed == feed::replicate);
}

TEST_CASE("raft: a snapshot that failed is asked for again", "[unit][raft]") {
  auto cfg = plain();
  cfg.log_tail = 0;
  lab x{2, cfg};
  x.elect(1);
  x[1].snapshot_taken(x.see(1).applied);
  x.add(3);
  (void)x[1].change({{{change_op::add_learner, member_id{3}}}, {}});
  x.settle();
  CHECK(x.see(3).learner);
  CHECK(x.see(1).progress.size() == 3);
  // The stream breaks: after the next heartbeat another one is wanted.
  x.wanted[1].clear();
  x.restart(3);
  x.cut(3);
  (void)x[1].propose({bytes("a")});
  x.settle();
  x[1].snapshot_taken(x.see(1).applied);
  x[1].unreachable(member_id{3});
  x.join(3);
  x.tick(1);
  for (int i = 0; i < 3; ++i) {
    for (auto& msg : x.take_from(1))
      if (msg.to == member_id{3}
          && !std::holds_alternative<snapshot_offer>(msg.body))
        x[3].receive(msg);
    for (auto& msg : x.take_from(3))
      x[1].receive(msg);
  }
  REQUIRE(x.wanted[1].size() == 1);
  CHECK(progress_of(x.see(1), 3).feed == feed::snapshot);
  x[1].snapshot_sent(member_id{3}, false, log_index{});
  CHECK(progress_of(x.see(1), 3).feed == feed::probe);
  x.tick(1);
  x.settle();
  CHECK(x.wanted[1].size() == 2);
  CHECK(x.commands[3].empty());
  CHECK(x.see(3).applied == x.see(1).applied);
}

TEST_CASE("raft: entries inside a snapshot count as matched", "[unit][raft]") {
  lab x{2, plain()};
  x.elect(1);
  (void)x[1].propose({bytes("a")});
  x.settle();
  x[2].compact(log_index{3});
  x[2].receive(made(
      1, 2, 2,
      append_request{log_index{1}, term{1}, log_index{2}, {command(2, 2)}}));
  CHECK(first_of<append_reply>(x.take_from(2)).index == log_index{3});
}

TEST_CASE("raft: the log is compacted no further than is applied and durable",
          "[unit][raft]") {
  lab x{1};
  x.elect(1);
  (void)x[1].propose({bytes("a")});
  CHECK(x[1].compact(log_index{9}) == log_index{2});
  x.settle();
  CHECK(x[1].compact(log_index{9}) == log_index{3});
  CHECK(x.see(1).log.empty());
}

TEST_CASE("raft: what is being applied is not given out again",
          "[unit][raft]") {
  lab x{1};
  x.elect(1);
  for (std::uint64_t index : {3, 4}) {
    (void)x[1].propose({bytes("a")});
    auto out = x[1].take();
    x[1].persisted(out.persist->id);
    out = x[1].take();
    REQUIRE(out.committed.size() == 1);
    CHECK(out.committed[0].index == log_index{index});
  }
}

TEST_CASE("raft: applying pauses at its limit and loses nothing",
          "[unit][raft]") {
  auto cfg = plain();
  cfg.applying_bytes_max = 30;
  lab x{1, cfg};
  x.elect(1);
  for (int i = 0; i < 6; ++i)
    (void)x[1].propose({bytes("0123456789")});
  auto out = x[1].take();
  x[1].persisted(out.persist->id);
  out = x[1].take();
  CHECK(out.committed.size() == 1); // 18 bytes; the next would not fit
  CHECK(x[1].take().committed.empty());
  std::uint64_t next = out.committed.back().index.value;
  for (int i = 0; i < 20 && next < x.see(1).last.value; ++i) {
    x[1].applied(log_index{next});
    for (auto& e : x[1].take().committed)
      CHECK(e.index.value == ++next);
  }
  CHECK(next == x.see(1).last.value);
}
