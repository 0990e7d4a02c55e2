#include <test/catch.hpp>

#include <troupe/cluster/raft/configuration_changer.hpp>

#include "lab.hpp"

using namespace troupe::raft;
using sim::bytes;
using sim::count_of;
using sim::lab;
using sim::voters_of;

namespace {

configuration_change add(std::uint64_t id,
                         change_op op = change_op::add_voter) {
  return {{{op, member_id{id}}}, transition::automatic};
}

configuration_change remove(std::uint64_t id) {
  return add(id, change_op::remove);
}

} // namespace

TEST_CASE("raft: voters and learners join and leave, and all list the same "
          "[HR-1]",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x.add(4);
  x.add(5);
  CHECK(x[2].change(add(4, change_op::add_learner), 7)); // of a follower
  x.settle();
  REQUIRE(x.proposals[2].size() == 1);
  CHECK(x.proposals[2][0].id == 7);
  CHECK(x.proposals[2][0].answer);
  CHECK(x[1].change(add(5, change_op::add_learner)));
  x.settle();
  for (std::uint64_t id = 1; id <= 5; ++id) {
    CHECK(x.see(id).conf.voters == voters_of({1, 2, 3}).voters);
    CHECK(x.see(id).conf.learners == voters_of({4, 5}).voters);
  }
  CHECK(x.see(4).learner);
  CHECK(x[4].campaign().why == code::not_voter);
  CHECK(x[1].transfer(member_id{4}).why == code::not_voter);
  CHECK(x[1].change(remove(5)));
  x.settle();
  CHECK(x[1].change(add(4)));
  x.settle();
  CHECK(x.see(4).conf == voters_of({1, 2, 3, 4}));
}

TEST_CASE("raft: a change takes effect when it is applied, and only one is "
          "under way",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x.add(4);
  CHECK(x[1].change(add(4)));
  CHECK(x.see(1).conf == voters_of({1, 2, 3}));
  CHECK(x[1].change(remove(2)).why == code::change_pending);
  x.settle();
  CHECK(x.see(1).conf == voters_of({1, 2, 3, 4}));
  CHECK(x[1].change(remove(2)));
}

TEST_CASE("raft: a change that does not fit is refused at once",
          "[unit][raft]") {
  lab x{2};
  x.elect(1);
  CHECK(x[1].change({}).why == code::change_invalid); // nothing to leave
  CHECK(x[1].change({{{change_op::remove, member_id{1}},
                      {change_op::remove, member_id{2}}},
                     {}})
            .why
        == code::change_invalid);
  CHECK(x[1].change(add(2))); // twice counts once [ER-4]
  x.settle();
  CHECK(x.see(1).conf == voters_of({1, 2}));
}

TEST_CASE("raft: the group grows to its maximum and no further [ER-4]",
          "[unit][raft]") {
  settings cfg;
  cfg.members_max = 3;
  lab x{2, cfg};
  x.elect(1);
  x.add(3);
  x.add(4);
  CHECK(x[1].change(add(3, change_op::add_learner)));
  x.settle();
  CHECK(x[1].change(add(4)).why == code::too_many_members);
  CHECK(x[1].change(remove(3)));
  x.settle();
  CHECK(x[1].change(add(4)));
}

TEST_CASE("raft: several at once go through a joint configuration",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  for (std::uint64_t id : {4, 5, 6})
    x.add(id);
  configuration_change swap;
  for (std::uint64_t id : {4, 5, 6})
    swap.changes.push_back({change_op::add_voter, member_id{id}});
  swap.changes.push_back({change_op::remove, member_id{2}});
  swap.changes.push_back({change_op::add_learner, member_id{3}});
  SECTION("which it leaves by itself") {
    CHECK(x[1].change(swap));
    x.settle();
    CHECK_FALSE(x.see(1).conf.joint());
  }
  SECTION("which is left when told") {
    swap.how = transition::explicit_joint;
    CHECK(x[1].change(swap));
    x.settle();
    auto conf = x.see(1).conf;
    CHECK(conf.voters == voters_of({1, 4, 5, 6}).voters);
    CHECK(conf.voters_outgoing == voters_of({1, 2, 3}).voters);
    CHECK(conf.learners_next == voters_of({3}).voters);
    CHECK(x[1].change(add(7)).why == code::change_invalid);
    // Both majorities are needed: of 1, 2, 3 only one is left.
    x.cut(2);
    x.cut(3);
    auto before = x.see(1).hard.commit;
    (void)x[1].propose({bytes("a")});
    x.settle();
    CHECK(x.see(1).hard.commit == before);
    x.join(2);
    x.tick(1);
    x.settle();
    CHECK(x.see(1).hard.commit > before);
    x.join(3);
    x.tick(1);
    x.settle();
    CHECK(x[1].change({}));
    x.settle();
  }
  CHECK(x.see(1).conf.voters == voters_of({1, 4, 5, 6}).voters);
  CHECK(x.see(1).conf.learners == voters_of({3}).voters);
  CHECK(x.see(6).conf == x.see(1).conf);
}

TEST_CASE("raft: votes, commits and rounds need both majorities of a joint "
          "configuration",
          "[unit][raft]") {
  settings cfg;
  cfg.pre_vote = false;
  auto joint = voters_of({1, 4, 5});
  joint.voters_outgoing = voters_of({1, 2, 3}).voters;
  for (std::uint64_t first : {2, 4}) {
    auto second = 6 - first;
    lab x{3, cfg};
    x[1].receive(
        sim::made(2, 1, 2, snapshot_offer{{log_index{5}, term{2}, joint}}));
    x.work(1);
    (void)x[1].campaign();
    x.work(1);
    vote_reply yes{true, log_index{5}, term{2}, 0};
    x[1].receive(sim::made(first, 1, 3, yes));
    CHECK(x.see(1).role == role::candidate);
    x[1].receive(sim::made(second, 1, 3, yes));
    REQUIRE(x.see(1).role == role::leader);
    CHECK(x[1].start_round() == 1u);
    x.work(1);
    x[1].receive(sim::made(first, 1, 3, append_reply{log_index{6}}));
    x[1].receive(sim::made(first, 1, 3, heartbeat_reply{1}));
    CHECK(x.see(1).hard.commit == log_index{5});
    CHECK(x.see(1).confirmed_round == 0);
    x[1].receive(sim::made(second, 1, 3, append_reply{log_index{6}}));
    x[1].receive(sim::made(second, 1, 3, heartbeat_reply{1}));
    CHECK(x.see(1).hard.commit == log_index{6});
    CHECK(x.see(1).confirmed_round == 1);
  }
}

TEST_CASE("raft: the next leader leaves the joint configuration",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x.add(4);
  x.add(5);
  CHECK(x[1].change({{{change_op::add_voter, member_id{4}},
                      {change_op::add_voter, member_id{5}}},
                     {}}));
  // Until 1 has applied it, and proposed to leave, which nobody hears.
  for (int i = 0; i < 20 && !x.see(1).conf.joint(); ++i) {
    for (std::uint64_t id = 1; id <= 3; ++id)
      x.work(id);
    auto all = std::exchange(x.waiting, {});
    for (auto& msg : all)
      x[msg.to.value].receive(msg);
  }
  REQUIRE(x.see(1).conf.joint());
  x.cut(1);
  x.settle();
  x.tick(2, 20);
  x.tick(3, 20);
  for (int i = 0; i < 10 && x.see(2).role != role::leader; ++i) {
    (void)x[2].campaign();
    x.settle();
    x.tick(3, 11); // so that its leader is no objection any longer
    x.settle();
  }
  REQUIRE(x.see(2).role == role::leader);
  x.tick(2);
  x.settle();
  CHECK(x.see(2).conf == voters_of({1, 2, 3, 4, 5}));
}

TEST_CASE("raft: a transfer that fails keeps nobody in a joint configuration",
          "[unit][raft]") {
  settings cfg;
  lab x{3, cfg};
  x.elect(1);
  x.add(4);
  x.add(5);
  x.cut(3);
  CHECK(x[1].change({{{change_op::add_voter, member_id{4}},
                      {change_op::add_voter, member_id{5}}},
                     {}}));
  CHECK(x[1].transfer(member_id{3}));
  x.settle();
  REQUIRE(x.see(1).conf.joint());
  for (std::uint32_t i = 0; i < cfg.election_ticks; ++i) {
    x.tick(1);
    x.settle();
  }
  CHECK(x.see(1).conf == voters_of({1, 2, 3, 4, 5}));
}

TEST_CASE("raft: a new leader waits for a change that it finds in its log",
          "[unit][raft]") {
  settings cfg;
  cfg.pre_vote = false;
  lab x{3, cfg};
  entry found{term{2}, log_index{2}, add(4)};
  x[1].receive(sim::made(
      2, 1, 2, append_request{log_index{1}, term{1}, log_index{1}, {found}}));
  x.work(1);
  (void)x[1].campaign();
  x.work(1);
  x[1].receive(sim::made(3, 1, 3, vote_reply{true, log_index{2}, term{2}, 0}));
  REQUIRE(x.see(1).role == role::leader);
  CHECK(x[1].change(remove(3)).why == code::change_pending);
}

TEST_CASE("raft: a removed leader steps down and is succeeded [ER-4]",
          "[unit][raft]") {
  settings cfg;
  lab x{3, cfg};
  x.elect(1);
  CHECK(x[1].change(remove(1)));
  x.settle();
  CHECK(x.see(1).role == role::follower);
  CHECK(x[1].campaign().why == code::not_voter);
  x.tick(1, 100);
  CHECK(x.see(1).role == role::follower);
  x.tick(2, 2 * cfg.election_ticks);
  x.tick(3, cfg.election_ticks - 1);
  x.settle();
  auto led = x.see(2).role == role::leader || x.see(3).role == role::leader;
  if (!led) {
    x.tick(3, 2);
    x.elect(2);
  }
  CHECK(x.see(2).role == role::leader);
}

TEST_CASE("raft: nobody campaigns before it has applied a committed change",
          "[unit][raft]") {
  settings cfg;
  cfg.pre_vote = false;
  cfg.check_quorum = false;
  lab x{3, cfg};
  entry change{term{2}, log_index{2}, add(4)};
  x[1].receive(sim::made(
      2, 1, 2, append_request{log_index{1}, term{1}, log_index{2}, {change}}));
  auto out = x[1].take();
  x[1].persisted(out.persist->id);
  CHECK(x[1].campaign().why == code::not_applied);
  x.tick(1, 50);
  CHECK(x.see(1).role == role::follower);
  x[1].receive(sim::made(2, 1, 2, timeout_now{}));
  CHECK(x.see(1).role == role::follower);
  out = x[1].take();
  REQUIRE(out.committed.size() == 1);
  CHECK(x[1].apply_change(out.committed[0]) == voters_of({1, 2, 3, 4}));
  x[1].applied(log_index{2});
  CHECK(x[1].campaign());
}

TEST_CASE("raft: a learner votes for who knows it to be a voter",
          "[unit][raft]") {
  lab x{2};
  x.elect(1);
  x.add(3);
  (void)x[1].change(add(3, change_op::add_learner));
  x.settle();
  x.tick(3, 20); // its leader is silent
  x[3].receive(sim::made(2, 3, 5, vote_request{log_index{9}, term{4}}));
  CHECK(sim::first_of<vote_reply>(x.take_from(3)).granted);
}

TEST_CASE("raft: configurations follow from changes as values",
          "[unit][raft]") {
  auto three = voters_of({1, 2, 3});
  auto joint = changed(three, {{{change_op::add_learner, member_id{1}},
                                {change_op::add_voter, member_id{4}}},
                               transition::automatic});
  REQUIRE(joint);
  CHECK(is_sound(*joint));
  CHECK(joint->auto_leave);
  CHECK(joint->learners_next == voters_of({1}).voters);
  auto left = changed(*joint, {});
  REQUIRE(left);
  CHECK(left->voters == voters_of({2, 3, 4}).voters);
  CHECK(left->learners == voters_of({1}).voters);
  CHECK_FALSE(changed(three, {}));
  CHECK_FALSE(changed(*joint, add(9)));
  CHECK_FALSE(changed(voters_of({1}), remove(1)));
  CHECK(*changed(three, remove(9)) == three);

  configuration bad = three;
  bad.learners = three.voters;
  CHECK_FALSE(is_sound(bad));
  bad = three;
  bad.auto_leave = true;
  CHECK_FALSE(is_sound(bad));
}

TEST_CASE(
    "raft: who stays learns from a refusal that the other no longer votes",
    "[unit][raft]") {
  auto rides = GENERATE(false, true);
  auto pre_vote = GENERATE(false, true);
  settings cfg;
  cfg.commit_rides = rides;
  cfg.pre_vote = pre_vote;
  lab x{2, cfg};
  x.elect(1);
  x[1].push_commit();
  x.settle();
  configuration_change demote;
  demote.changes = {{change_op::add_learner, member_id{1}}};
  REQUIRE(x[1].change(demote, 0));
  x.work(1);
  for (auto& msg : x.take_from(1))
    x[2].receive(msg);
  x.work(2);
  auto acks = x.take_from(2);
  REQUIRE(x[1].propose({bytes("more than the other has")}, 0));
  x.work(1);
  for (auto& msg : acks)
    x[1].receive(msg);
  x.work(1);
  (void)x.take_from(1); // lost, with the news of the commit
  REQUIRE(x.see(1).role == role::follower);
  REQUIRE(x.see(1).hard.commit > x.see(2).hard.commit);
  REQUIRE(x.see(1).last > x.see(2).last);

  for (int i = 0; i < 100 && x.see(2).role != role::leader; ++i) {
    x.tick(2);
    x.settle();
  }
  CHECK(x.see(2).role == role::leader);
  CHECK(x.see(2).conf.voters == std::vector{member_id{2}});
  x[2].push_commit();
  x.tick(2, 2);
  x.settle();
  CHECK(x.see(1).last == x.see(2).last);
}
