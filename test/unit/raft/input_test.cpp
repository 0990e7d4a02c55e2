#include <limits>

#include <test/catch.hpp>

#include <troupe/cluster/raft/random.hpp>

#include "lab.hpp"

using namespace troupe::raft;
using sim::bytes;
using sim::lab;
using sim::made;

namespace {

// Numbers as a broken or hostile peer would choose them: near what is true,
// near the ends, or anything.
class liar {
public:
  explicit liar(std::uint64_t seed) : random_(seed) {}

  std::uint64_t number() {
    switch (random_.below(8)) {
    case 0:
      return 0;
    case 1:
      return std::numeric_limits<std::uint64_t>::max() - random_.below(3);
    case 2:
      return (std::uint64_t{1} << 62) - random_.below(3);
    case 3:
      return random_.next();
    default:
      return random_.below(7);
    }
  }

  log_index index() { return log_index{number()}; }
  troupe::raft::term term() { return troupe::raft::term{number()}; }
  member_id member() { return member_id{number()}; }
  bool flag() { return random_.below(2) == 0; }

  configuration_change change() {
    configuration_change out;
    out.how = static_cast<transition>(random_.below(4));
    for (auto i = random_.below(4); i > 0; --i)
      out.changes.push_back(
          {static_cast<change_op>(random_.below(4)), member()});
    return out;
  }

  entry one(log_index at) {
    entry out{term(), flag() ? at : index(), noop{}};
    if (flag())
      out.body = flag() ? bytes("x") : payload{};
    else if (flag())
      out.body = change();
    return out;
  }

  configuration conf() {
    configuration out;
    for (auto* ids :
         {&out.voters, &out.voters_outgoing, &out.learners, &out.learners_next})
      for (auto i = random_.below(4); i > 0; --i)
        ids->push_back(member());
    out.auto_leave = flag();
    return out;
  }

  message_body body() {
    switch (random_.below(16)) {
    case 0:
      return pre_vote_request{index(), term()};
    case 1:
      return pre_vote_reply{flag(), {index(), term()}};
    case 2:
      return vote_request{index(), term(), flag()};
    case 3:
      return vote_reply{flag(), index(), term(), number(), {index(), term()}};
    case 4:
    case 5: {
      append_request out{index(), term(), index(), {}};
      auto at = out.prev_index;
      for (auto i = random_.below(4); i > 0; --i) {
        ++at.value;
        out.entries.push_back(one(at));
      }
      return out;
    }
    case 6:
      return append_reply{index()};
    case 7:
      return append_refusal{index(), index(), term()};
    case 8:
      return heartbeat{index(), number()};
    case 9:
      return heartbeat_reply{number()};
    case 10:
      return snapshot_offer{{index(), term(), conf()}};
    case 11:
      return timeout_now{};
    case 12:
      return read_request{number()};
    case 13:
      return read_reply{number(), index()};
    case 14:
      return forward_commands{number(), {flag() ? bytes("y") : payload{}}};
    default:
      return flag() ? message_body{forward_change{number(), change()}}
                    : message_body{forward_reply{
                        number(), static_cast<code>(random_.below(20)),
                        member(), term(), index()}};
    }
  }

  message any() {
    return {member_id{random_.below(6)}, member_id{1}, term(), body()};
  }

  std::uint64_t below(std::uint64_t x) { return random_.below(x); }

private:
  random_engine random_;
};

} // namespace

// An assertion of the core would end the process, and this test with it.
TEST_CASE("raft: no message of a peer breaks a member", "[unit][raft]") {
  std::uint64_t ignored = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    liar x{seed};
    settings cfg;
    cfg.pre_vote = x.flag();
    cfg.check_quorum = x.flag();
    lab group{3, cfg};
    if (x.flag())
      group.elect(1);
    for (int i = 0; i < 300; ++i) {
      group[1].receive(x.any());
      if (x.below(4) == 0)
        group.work(1);
      if (x.below(8) == 0)
        group.tick(1);
      if (x.below(16) == 0)
        (void)group[1].propose({bytes("z")});
      if (x.below(16) == 0)
        (void)group[1].read_index(1);
    }
    group.work(1);
    auto v = group.see(1);
    ignored += v.ignored;
    CHECK(v.applied <= v.hard.commit);
    CHECK(v.hard.commit <= v.last);
    CHECK(v.hard.term.value < std::uint64_t{1} << 63); // never around
  }
  CHECK(ignored > 1000);
}

TEST_CASE("raft: what makes no sense is counted and changes nothing",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  auto before = x.see(2);
  entry gap{term{2}, log_index{9}, noop{}};
  entry future{term{9}, log_index{3}, noop{}};
  entry nothing{term{2}, log_index{3}, payload{}};
  append_request append{log_index{2}, term{2}, log_index{2}, {}};
  std::uint64_t expected = 0;
  for (auto& e : {gap, future, nothing}) {
    append.entries = {e};
    x[2].receive(made(1, 2, 2, append));
    CHECK(x.see(2).ignored == ++expected);
  }
  append.entries.clear();
  x[2].receive(made(2, 2, 2, append)); // from itself
  x[2].receive(made(0, 2, 2, append)); // from nobody
  x[2].receive(made(1, 3, 2, append)); // to another
  x[2].receive(made(1, 2, 0, append)); // without a term
  x[2].receive(made(3, 2, 2, append)); // a second leader of the term
  CHECK(x.see(2).ignored == expected + 5);
  CHECK(x.see(2).last == before.last);
  CHECK(x.see(2).leader == member_id{1});
  CHECK_FALSE(x[2].take().persist);
}

TEST_CASE("raft: an acknowledgement beyond the log is counted and not believed",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  auto before = x.see(1);
  x[1].receive(made(2, 1, 2, append_reply{log_index{99}}));
  auto after = x.see(1);
  CHECK(after.ignored == before.ignored + 1);
  CHECK(after.hard.commit == before.hard.commit);
  for (auto& p : after.progress)
    CHECK(p.match <= after.last);
}

TEST_CASE("raft: a conflict with a committed entry is not obeyed",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  entry other{term{1}, log_index{2}, noop{}};
  x[2].receive(made(
      3, 2, 7, append_request{log_index{1}, term{1}, log_index{2}, {other}}));
  CHECK(x.see(2).ignored == 0); // below the commit index: only told so
  CHECK(x.see(2).log.back().term == term{2});
}

TEST_CASE("raft: replies of a stranger are dropped with their term",
          "[unit][raft]") {
  lab x{3};
  x.elect(1);
  x[1].receive(made(9, 1, 50, append_reply{log_index{1}}));
  x[1].receive(made(9, 1, 50, vote_reply{}));
  CHECK(x.see(1).role == role::leader);
  CHECK(x.see(1).hard.term == term{2});
}
