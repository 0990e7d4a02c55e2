#include <test/catch.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include <troupe/cluster/group/lease_clock.hpp>
#include <troupe/cluster/raft/quorum.hpp>
#include <troupe/cluster/raft/random.hpp>

#include "lab.hpp"

// What went wrong in other implementations after their release, as far as no
// other test here shows it already. The table in cluster/raft/README.md says
// which test answers which.

using namespace troupe::raft;
using sim::bytes;
using sim::count_of;
using sim::first_of;
using sim::lab;
using sim::made;
using sim::voters_of;

namespace {

settings without_checks() {
  settings out;
  out.pre_vote = false;
  out.check_quorum = false;
  return out;
}

configuration_change one(change_op op, std::uint64_t id) {
  return {{{op, member_id{id}}}, transition::automatic};
}

entry command(std::uint64_t t, std::uint64_t index) {
  return {term{t}, log_index{index}, bytes("x")};
}

} // namespace

TEST_CASE("raft: [lesson 3] no kind of message raises the commit index beyond "
          "what is known to match",
          "[unit][raft]") {
  lab x{3, without_checks()};
  // Entries of a leader that is gone, which the next one does not have.
  x[2].receive(made(1, 2, 2,
                    append_request{log_index{1},
                                   term{1},
                                   log_index{1},
                                   {command(2, 2), command(2, 3)}}));
  x.work(2);
  auto commit = [&] { return x.see(2).hard.commit; };
  SECTION("an append without entries") {
    x[2].receive(
        made(3, 2, 3, append_request{log_index{1}, term{1}, log_index{3}, {}}));
    CHECK(commit() == log_index{1});
  }
  SECTION("an append with one of them") {
    x[2].receive(made(
        3, 2, 3,
        append_request{log_index{1}, term{1}, log_index{9}, {command(3, 2)}}));
    CHECK(commit() == log_index{2});
  }
  SECTION("a heartbeat, beyond the log") {
    x[2].receive(made(1, 2, 2, heartbeat{log_index{1000}, 1}));
    CHECK(commit() == log_index{3}); // its own leader's, no further than it has
  }
  SECTION("the answer to a read") {
    x[2].receive(made(3, 2, 3, heartbeat{log_index{1}, 1}));
    CHECK(x[2].read_index(5));
    auto asked = first_of<read_request>(x.take_from(2));
    x[2].receive(made(3, 2, 3, read_reply{asked.id, log_index{3}}));
    x.work(2);
    REQUIRE(x.reads[2].size() == 1);
    CHECK(commit() == log_index{1});
  }
}

TEST_CASE("raft: a leader's heartbeat promises each member no more than that "
          "one has acknowledged [lesson 3]",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x.cut(3);
  (void)x[1].propose({bytes("a")});
  x.settle();
  auto acknowledged = x.see(3).last;
  REQUIRE(x.see(1).hard.commit > acknowledged);
  x.tick(1);
  for (auto& msg : x.take_from(1))
    if (auto* beat = std::get_if<heartbeat>(&msg.body);
        beat != nullptr && msg.to == member_id{3})
      CHECK(beat->commit <= acknowledged);
}

TEST_CASE("raft: [lesson 4] of two reads under one id, an answer to the "
          "earlier round releases the earlier alone",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  CHECK(x[1].read_index(7));
  x.work(1);
  auto first = x.see(1).round;
  (void)x[1].propose({bytes("a")});
  x.work(1);
  CHECK(x[1].read_index(7));
  x.work(1);
  REQUIRE(x.see(1).round == first + 1);
  x[1].receive(made(2, 1, 2, heartbeat_reply{first}));
  x[1].receive(made(2, 1, 2, heartbeat_reply{first})); // and again
  x.work(1);
  CHECK(x.reads[1].size() == 1);
  x[1].receive(made(2, 1, 2, heartbeat_reply{first + 1}));
  x.work(1);
  CHECK(x.reads[1].size() == 2);
}

TEST_CASE("raft: [lesson 5] a higher term that is seen is no vote that is "
          "given",
          "[unit][raft]") {
  lab x{3, without_checks()};
  x.elect(1);
  x.cut(2);
  (void)x[1].propose({bytes("a")});
  x.settle();
  // 2 lacks that entry, and asks the leader itself.
  x[1].receive(made(2, 1, 9, vote_request{log_index{2}, term{2}}));
  CHECK(x.see(1).role == role::follower);
  CHECK(x.see(1).hard.term == term{9});
  CHECK_FALSE(x.see(1).hard.vote);
  CHECK_FALSE(first_of<vote_reply>(x.take_from(1)).granted);
  x.restart(1);
  CHECK_FALSE(x.see(1).hard.vote);
  // So the vote of this term is free for one that has everything.
  x[1].receive(made(3, 1, 9, vote_request{log_index{3}, term{2}}));
  CHECK(first_of<vote_reply>(x.take_from(1)).granted);
  CHECK(x.see(1).hard.vote == member_id{3});
}

TEST_CASE("raft: [lesson 6] with a snapshot comes its configuration, and no "
          "change that was only in the log",
          "[unit][raft]") {
  lab x{3, without_checks()};
  // 2 has a change that was never committed.
  x[2].receive(made(
      1, 2, 2,
      append_request{log_index{1},
                     term{1},
                     log_index{1},
                     {{term{2}, log_index{2}, one(change_op::remove, 3)}}}));
  x.work(2);
  REQUIRE(x.see(2).last == log_index{2});
  snapshot_meta meta{log_index{5}, term{3}, voters_of({1, 2, 3, 4})};
  x[2].receive(made(3, 2, 3, snapshot_offer{meta}));
  auto out = x[2].take();
  REQUIRE(out.persist);
  x[2].persisted(out.persist->id);
  CHECK(x.see(2).conf == meta.conf);
  CHECK(x.see(2).log.empty());
  CHECK(x.see(2).applied == meta.index);
  // What was in the log comes back neither by ticks nor by what follows.
  x[2].receive(made(
      3, 2, 3,
      append_request{log_index{5}, term{3}, log_index{6}, {command(3, 6)}}));
  out = x[2].take();
  x[2].persisted(out.persist->id);
  CHECK(x.see(2).conf == meta.conf);
}

TEST_CASE("raft: [lesson 7] a new leader places no change while one may be in "
          "its log that it has not applied",
          "[unit][raft]") {
  lab x{3, without_checks()};
  x.elect(1);
  x.cut(1);
  // A change that only 1 and 2 have, of which 2 does not know the fate.
  x[2].receive(made(
      1, 2, 2,
      append_request{log_index{2},
                     term{2},
                     log_index{2},
                     {{term{2}, log_index{3}, one(change_op::add_voter, 4)}}}));
  x.work(2);
  REQUIRE(x.see(2).last == log_index{3});
  (void)x[2].campaign();
  x.work(2);
  x[2].receive(made(3, 2, 3, vote_reply{true, log_index{3}, term{2}, 0}));
  REQUIRE(x.see(2).role == role::leader);
  CHECK(x[2].change(one(change_op::remove, 3)).why == code::change_pending);
  CHECK(x.see(2).conf == voters_of({1, 2, 3}));
  x.add(4);
  x.settle();
  CHECK(x.see(2).conf == voters_of({1, 2, 3, 4}));
  CHECK(x[2].change(one(change_op::remove, 4)));
}

TEST_CASE("raft: [lesson 9] a joint configuration survives a restart from its "
          "snapshot, and is left once",
          "[unit][raft]") {
  auto cfg = without_checks();
  lab x{3, cfg};
  auto joint = voters_of({1, 2, 3});
  joint.voters_outgoing = voters_of({1, 2}).voters;
  joint.auto_leave = true;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    auto& disk = x.disk(id);
    disk.snapshot.meta.conf = disk.base.meta.conf = joint;
    x.restart(id);
    REQUIRE(x.see(id).conf == joint);
  }
  auto left = [&] {
    std::size_t out = 0;
    for (auto& e : x.see(1).log)
      out += std::holds_alternative<configuration_change>(e.body);
    return out;
  };
  (void)x[1].campaign();
  for (int i = 0; i < 20 && left() == 0; ++i) {
    for (std::uint64_t id = 1; id <= 3; ++id)
      x.work(id);
    for (auto& msg : std::exchange(x.waiting, {}))
      x[msg.to.value].receive(std::move(msg));
  }
  REQUIRE(left() == 1);
  // It takes long, and the leader has all the time to ask for it again.
  x.cut(2);
  x.cut(3);
  for (int i = 0; i < 5; ++i) {
    x.tick(1, cfg.election_ticks);
    x.settle();
  }
  REQUIRE(x.see(1).conf == joint);
  x.join(2);
  x.join(3);
  x.tick(1, 3);
  x.settle();
  CHECK(left() == 1);
  for (std::uint64_t id = 1; id <= 3; ++id)
    CHECK(x.see(id).conf == voters_of({1, 2, 3}));
}

TEST_CASE("raft: [lesson 11] a leader that a minority hears stops its "
          "heartbeats, so that the bridge helps the others",
          "[unit][raft]") {
  settings cfg;
  lab x{5, cfg};
  x.elect(1);
  // 5 is dead. Of the others only 2 hears the leader, and all but the leader
  // hear 2, without whom they are no majority.
  auto hears = [](member_id from, member_id to) {
    auto low = std::min(from.value, to.value);
    auto high = std::max(from.value, to.value);
    return high < 5 && (low > 1 || high == 2);
  };
  std::uint64_t next = 0;
  for (std::uint32_t i = 0; i < 12 * cfg.election_ticks && next == 0; ++i) {
    for (std::uint64_t id = 1; id <= 4; ++id)
      x.tick(id);
    for (int hop = 0; hop < 4; ++hop) {
      for (std::uint64_t id = 1; id <= 4; ++id)
        x.work(id);
      for (auto& msg : std::exchange(x.waiting, {}))
        if (hears(msg.from, msg.to))
          x[msg.to.value].receive(std::move(msg));
    }
    for (std::uint64_t id = 2; id <= 4; ++id)
      if (x.see(id).role == role::leader)
        next = id;
  }
  CHECK(next != 0);
  CHECK(x.see(1).role != role::leader);
  x.take_from(1);
  x.tick(1, cfg.heartbeat_ticks);
  CHECK(count_of<heartbeat>(x.take_from(1)) == 0);
}

TEST_CASE("raft: [lesson 12] a member that was removed and did not hear of it "
          "disturbs nobody",
          "[unit][raft]") {
  settings cfg;
  lab x{3, cfg};
  x.elect(1);
  x.cut(3);
  CHECK(x[1].change(one(change_op::remove, 3)));
  x.settle();
  REQUIRE(x.see(1).conf == voters_of({1, 2}));
  x.join(3);
  auto before = x.see(1).hard.term;
  for (std::uint32_t i = 0; i < 6 * cfg.election_ticks; ++i) {
    for (std::uint64_t id = 1; id <= 3; ++id)
      x.tick(id);
    x.settle();
  }
  CHECK(x.see(3).hard.term == before);
  CHECK(x.see(1).hard.term == before);
  CHECK(x.see(1).role == role::leader);
}

TEST_CASE("raft: [lesson 13] what is below a compacted log has no term, also "
          "not term 0",
          "[unit][raft]") {
  lab x{3, without_checks()};
  x.elect(1);
  x.cut(3);
  for (int i = 0; i < 5; ++i) {
    (void)x[1].propose({bytes("a")});
    x.settle();
  }
  x[1].compact(x.see(1).applied);
  x.join(3);
  x.tick(1);
  x.settle();
  CHECK(x.see(3).last == x.see(1).last);
  CHECK(x.wanted[1].size() == 1); // by snapshot, not by an append onto nothing
  // One that pretends to follow on nothing is dropped.
  auto ignored = x.see(2).ignored;
  auto last = x.see(2).last;
  x[2].receive(made(
      1, 2, 2,
      append_request{log_index{4}, term{}, log_index{9}, {command(2, 5)}}));
  CHECK(x.see(2).ignored == ignored + 1);
  CHECK(x.see(2).last == last);
}

TEST_CASE("raft: [lesson 17] majorities are those that counting finds, joint "
          "ones too",
          "[unit][raft]") {
  troupe::raft::random_engine luck{17};
  for (int run = 0; run < 2000; ++run) {
    configuration conf;
    std::map<member_id, std::uint64_t> reached;
    std::map<member_id, std::optional<bool>> votes;
    for (std::uint64_t id = 1; id <= 7; ++id) {
      reached[member_id{id}] = luck.below(5);
      auto vote = luck.below(3);
      votes[member_id{id}] =
          vote == 2 ? std::nullopt : std::optional{vote == 1};
      if (luck.below(2) == 0)
        conf.voters.emplace_back(id);
      if (luck.below(3) == 0)
        conf.voters_outgoing.emplace_back(id);
    }
    if (conf.voters.empty())
      continue;
    auto counted = [&](const std::vector<member_id>& in, auto is) {
      std::size_t n = 0;
      for (auto id : in)
        n += is(id);
      return in.empty() || 2 * n > in.size();
    };
    auto both = [&](auto is) {
      return counted(conf.voters, is) && counted(conf.voters_outgoing, is);
    };
    std::uint64_t most = 0;
    for (std::uint64_t k = 1; k < 5; ++k)
      if (both([&](member_id id) { return reached[id] >= k; }))
        most = k;
    auto wins = both([&](member_id id) { return votes[id] == true; });
    auto may = both([&](member_id id) { return votes[id] != false; });
    CHECK(quorum_reached(conf, [&](member_id id) { return reached[id]; })
          == most);
    CHECK(quorum_vote(conf, [&](member_id id) { return votes[id]; })
          == (wins  ? tally::won
              : may ? tally::open
                    : tally::lost));
  }
}

TEST_CASE("raft: [lesson 18] the late end of a snapshot of an earlier "
          "leadership moves nothing",
          "[unit][raft]") {
  lab x{3, without_checks()};
  x.elect(1);
  x.cut(3);
  (void)x[1].propose({bytes("a")});
  x.settle();
  x[1].compact(x.see(1).applied);
  x.join(3);
  x.tick(1);
  for (int i = 0; i < 5 && x.wanted[1].empty(); ++i) {
    for (std::uint64_t id = 1; id <= 3; ++id)
      x.work(id);
    for (auto& msg : std::exchange(x.waiting, {}))
      if (!std::holds_alternative<snapshot_offer>(msg.body))
        x[msg.to.value].receive(std::move(msg));
  }
  REQUIRE(x.wanted[1].size() == 1);
  x.waiting.clear(); // the snapshot stays on its way
  x.cut(3);
  x.elect(2);
  x.elect(1);
  auto of_3 = [&] {
    for (auto& p : x.see(1).progress)
      if (p.member == member_id{3})
        return p;
    throw std::logic_error("no such member");
  };
  auto before = of_3();
  REQUIRE(before.feed != feed::snapshot);
  x[1].snapshot_sent(member_id{3}, true, x.see(1).last);
  CHECK(of_3().match == before.match);
  CHECK(of_3().next == before.next);
  CHECK(of_3().feed == before.feed);
}

TEST_CASE("raft: [lesson 22] a lease knows its end on machines that have been "
          "up for months",
          "[unit][raft]") {
  using namespace std::chrono_literals;
  constexpr auto length = troupe::boot_time{315ms};
  for (auto up : {troupe::boot_time{1ms * (1ll << 31)},
                  troupe::boot_time{1ms * (1ll << 32)},
                  troupe::boot_time{24h * 365 * 20}})
    for (auto begun : {up - 200ms, up - 1ms, up, up + 1ms}) {
      lease_clock x{length};
      x.begun(1, begun);
      x.confirmed(1);
      CHECK(x.holds(begun + length - 1ns));
      CHECK_FALSE(x.holds(begun + length));
      CHECK_FALSE(x.holds(begun + 24h * 50));
    }
}
