#include <test/catch.hpp>

#include <string>

#include <troupe/cluster/move/partition_slot.hpp>

using namespace troupe;

namespace {

struct note {
  node_id origin;
  int number = 0;
  boot_time deadline{0};
  std::size_t bytes = 1;
};

/// Writes down what the slot of node 1 does.
struct env {
  std::string log;
  bool may_hold = true;
  bool left = false; // the other nodes
  std::pair<node_id, incarnation> reached;

  void say(const std::string& what) { log += what + " "; }
  node_id self() { return node_id{1}; }
  std::optional<note> send(node_id to, epoch at, note&& m) {
    say("send" + std::to_string(m.number) + ">" + std::to_string(to.value) + "@"
        + std::to_string(at.value));
    return left ? std::optional{m} : std::nullopt;
  }
  void send(node_id to, const fence& f) {
    say("fence>" + std::to_string(to.value) + "@"
        + std::to_string(f.epoch.value));
  }
  void give_back(node_id to, epoch, const route&, note&& m) {
    say("back" + std::to_string(m.number) + ">" + std::to_string(to.value));
  }
  void answer(node_id to, const fence&) {
    say("fenced>" + std::to_string(to.value));
  }
  void deliver(note&& m, epoch) { say("mail" + std::to_string(m.number)); }
  void deliver(const fence&) { say("mailfence"); }
  void reach(node_id to, incarnation started) { reached = {to, started}; }
  void marker(epoch) { say("marker"); }
  bool room(std::uint64_t, std::uint64_t) { return true; }
  bool hold(note&) { return may_hold; }
  void unhold(const note&) {}
  void drop(note&& m, errc why) {
    say("drop" + std::to_string(m.number) + ":" + std::string{to_string(why)});
  }
  void lost(node_id, epoch, std::uint64_t n) {
    say("lost" + std::to_string(n));
  }
  void settled(std::uint64_t n) { say("settled" + std::to_string(n)); }
  std::string take() { return std::exchange(log, {}); }
};

note own(int n) {
  return {node_id{1}, n, {}, 1};
}
note foreign(int n) {
  return {node_id{3}, n, {}, 1};
}

route at(stage s, std::uint64_t owner, std::uint64_t e, std::uint64_t v) {
  return {s, false, node_id{owner}, epoch{e}, log_index{v}};
}

using slot = partition_slot<note>;

} // namespace

TEST_CASE("stream: what is sent to an owner that has left waits for the next",
          "[unit][move]") {
  slot s;
  env e;
  e.left = true;
  s.accept(own(1), e);
  s.accept(own(2), e);
  s.learn(at(stage::running, 2, 5, 5), e);
  CHECK(e.take() == "send1>2@5 "); // nothing of it is left to wait for
  s.accept(own(3), e);
  e.left = false;
  SECTION("and follows what came back, in order") {
    s.owner_left(e);
    s.learn(at(stage::running, 3, 8, 9), e);
    CHECK(e.take() == "send1>3@8 send2>3@8 send3>3@8 ");
  }
  SECTION("and is not lost with that owner") {
    s.give_up(incarnation{1}, log_index{100}, e);
    s.learn(at(stage::running, 3, 8, 9), e);
    CHECK(e.take() == "send1>3@8 send2>3@8 send3>3@8 ");
  }
}

TEST_CASE("stream: it begins with the start of the owner that it leads to",
          "[unit][move]") {
  slot s;
  env e;
  auto there = at(stage::running, 2, 5, 5);
  there.owner_started = incarnation{7};
  s.learn(there, e);
  CHECK(e.reached == std::pair{node_id{2}, incarnation{7}});
  e.reached = {};
  s.learn(at(stage::running, 1, 6, 6), e); // itself is always in reach
  CHECK(e.reached == std::pair{node_id{}, incarnation{}});
}

TEST_CASE("stream: what is sent is fenced, and the next owner waits for it",
          "[unit][move]") {
  slot s;
  env e;
  s.accept(own(1), e);
  s.learn(at(stage::running, 2, 5, 5), e);
  s.accept(own(2), e);
  CHECK(e.take() == "send1>2@5 send2>2@5 ");
  s.learn(at(stage::pausing, 2, 5, 6), e);
  s.accept(own(3), e);
  CHECK(e.take() == "fence>2@5 ");
  s.learn(at(stage::running, 3, 8, 9), e);
  CHECK(e.take().empty());
  s.returned(own(2), epoch{5}, at(stage::pausing, 2, 5, 6), e);
  s.fence_answered(epoch{4}, e);
  CHECK(e.take().empty());
  s.fence_answered(epoch{5}, e);
  CHECK(e.take() == "settled1 send2>3@8 send3>3@8 ");
}

TEST_CASE("stream: the first return closes it, and the refuser's newer route "
          "counts",
          "[unit][move]") {
  slot s;
  env e;
  s.learn(at(stage::running, 2, 5, 5), e);
  s.accept(own(1), e);
  s.accept(own(2), e);
  e.take();
  SECTION("behind a fence, if more is under way") {
    s.returned(own(1), epoch{5}, at(stage::running, 3, 9, 10), e);
    CHECK(e.take() == "fence>2@5 ");
    s.fence_answered(epoch{5}, e);
    CHECK(e.take() == "settled1 send1>3@9 ");
  }
  SECTION("at once, if nothing is") {
    s.processed(node_id{2}, epoch{5}, 1, e);
    s.returned(own(2), epoch{5}, at(stage::running, 3, 9, 10), e);
    CHECK(e.take() == "settled1 send2>3@9 ");
  }
}

TEST_CASE("stream: what went to the node itself unseen is fenced",
          "[unit][move]") {
  slot s;
  env e;
  s.open(epoch{5});
  s.learn(at(stage::running, 1, 5, 5), e);
  REQUIRE(s.passes(node_id{1}));
  s.passes_unseen();
  s.learn(at(stage::pausing, 1, 5, 6), e);
  CHECK(e.take() == "mailfence ");
}

TEST_CASE("stream: what comes of a stream that was given up is ignored",
          "[unit][move]") {
  slot s;
  env e;
  s.learn(at(stage::running, 2, 5, 5), e);
  s.accept(own(1), e);
  s.accept(own(2), e);
  e.take();
  s.give_up(incarnation{1}, log_index{100}, e);
  CHECK(e.take() == "lost2 ");
  s.returned(own(1), epoch{5}, at(stage::running, 2, 5, 5), e);
  CHECK(s.out().held() == 0);
  s.learn(at(stage::running, 3, 7, 7), e);
  s.accept(own(3), e);
  CHECK(e.take() == "send3>3@7 ");
}

TEST_CASE("stream: a fence without an answer is waited for only so long once "
          "another owner runs",
          "[unit][move]") {
  slot s;
  env e;
  s.learn(at(stage::running, 2, 5, 5), e);
  s.accept(own(1), e);
  s.accept(own(2), e);
  s.learn(at(stage::pausing, 2, 5, 6), e);
  s.accept(own(3), e);
  e.take();
  constexpr boot_time limit{100};
  s.expire(boot_time{1000}, limit, e);
  s.learn(at(stage::running, 3, 8, 9), e);
  s.expire(boot_time{2000}, limit, e);
  s.expire(boot_time{2100}, limit, e);
  CHECK(e.take().empty());
  SECTION("what came back of it goes first, the rest is unknown") {
    s.returned(own(2), epoch{5}, at(stage::running, 3, 8, 9), e);
    s.expire(boot_time{2101}, limit, e);
    CHECK(e.take() == "lost1 send2>3@8 send3>3@8 ");
    s.returned(own(1), epoch{5}, at(stage::running, 3, 8, 9), e);
    s.fence_answered(epoch{5}, e);
    CHECK(e.take().empty());
  }
  SECTION("nothing is unknown that the owner reported") {
    s.processed(node_id{2}, epoch{5}, 2, e);
    s.expire(boot_time{2101}, limit, e);
    CHECK(e.take() == "settled2 send3>3@8 ");
  }
  SECTION("the answer comes in time") {
    s.fence_answered(epoch{5}, e);
    s.expire(boot_time{2101}, limit, e);
    CHECK(e.take() == "settled2 send3>3@8 ");
  }
  SECTION("the wait begins anew with the next fence") {
    s.fence_answered(epoch{5}, e);
    s.learn(at(stage::running, 2, 11, 12), e);
    e.take();
    s.expire(boot_time{5000}, limit, e);
    CHECK(e.take().empty());
  }
}

TEST_CASE("stream: a node's own messages are never given up for a late fence",
          "[unit][move]") {
  slot s;
  env e;
  s.open(epoch{5});
  s.learn(at(stage::running, 1, 5, 5), e);
  s.accept(own(1), e);
  s.learn(at(stage::running, 3, 8, 9), e); // the actor hangs
  s.accept(own(2), e);
  e.take();
  s.expire(boot_time{1000}, boot_time{1}, e);
  s.expire(boot_time{9000}, boot_time{1}, e);
  CHECK(e.take().empty());
}

TEST_CASE("stream: an owner that left in order loses nothing", "[unit][move]") {
  slot s;
  env e;
  s.learn(at(stage::running, 2, 5, 5), e);
  s.accept(own(1), e);
  s.accept(own(2), e);
  e.take();
  s.returned(own(2), epoch{5}, s.out().known(), e);
  s.owner_left(e);
  s.learn(at(stage::running, 3, 7, 7), e);
  CHECK(e.take() == "fence>2@5 settled1 send2>3@7 ");
}

TEST_CASE(
    "stream: without room, after its deadline and in quarantine a message "
    "is dropped with the reason",
    "[unit][move]") {
  slot s;
  env e;
  auto late = own(1);
  late.deadline = boot_time{10};
  s.accept(std::move(late), e);
  s.accept(own(2), e);
  e.may_hold = false;
  s.accept(own(3), e);
  CHECK(e.take() == "drop3:overloaded ");
  s.expire(boot_time{10}, boot_time::max(), e);
  CHECK(e.take() == "drop1:expired ");
  auto q = at(stage::unassigned, 0, 5, 6);
  q.quarantined = true;
  s.learn(q, e);
  s.accept(own(4), e);
  CHECK(e.take() == "drop2:quarantined drop4:quarantined ");
}

TEST_CASE("stream: what comes back into a quarantine is dropped",
          "[unit][move]") {
  slot s;
  env e;
  s.learn(at(stage::running, 2, 5, 5), e);
  s.accept(own(1), e);
  auto q = at(stage::unassigned, 0, 5, 6);
  q.quarantined = true;
  s.learn(q, e);
  CHECK(e.take() == "send1>2@5 fence>2@5 ");
  s.returned(own(1), epoch{5}, q, e);
  CHECK(e.take() == "drop1:quarantined ");
}

TEST_CASE(
    "stream: to an owner that was lost none opens again, whatever else it "
    "had been assigned",
    "[unit][move]") {
  slot s;
  env e;
  auto to = [](std::uint64_t owner, std::uint64_t started, std::uint64_t e,
               std::uint64_t version) {
    auto out = at(stage::running, owner, e, version);
    out.owner_started = incarnation{started};
    return out;
  };
  s.learn(to(2, 1, 3, 3), e);
  s.accept(own(1), e);
  s.learn(to(2, 1, 6, 7), e); // rolled back: it has to answer a fence first
  s.accept(own(2), e);
  CHECK(e.take() == "send1>2@3 fence>2@3 ");
  SECTION("by that start") {
    s.give_up(incarnation{1}, log_index{8}, e);
    CHECK(e.take() == "lost1 ");
    s.learn(to(3, 1, 9, 9), e);
    CHECK(e.take() == "send2>3@9 ");
  }
  SECTION("another start is another owner") {
    s.learn(to(2, 2, 8, 8), e);
    s.give_up(incarnation{1}, log_index{8}, e);
    CHECK(e.take() == "lost1 send2>2@8 ");
  }
  SECTION("and so is a later assignment") {
    s.give_up(incarnation{1}, log_index{5}, e);
    CHECK(e.take() == "lost1 send2>2@6 ");
  }
}

TEST_CASE("stream: what comes back late goes out again at once",
          "[unit][move]") {
  slot s;
  env e;
  s.learn(at(stage::running, 2, 5, 5), e);
  s.accept(own(1), e);
  s.learn(at(stage::running, 3, 8, 8), e);
  s.fence_answered(epoch{5}, e);
  e.take();
  s.returned(own(1), epoch{5}, s.out().known(), e);
  s.accept(own(2), e);
  CHECK(e.take() == "send1>3@8 send2>3@8 ");
}

TEST_CASE("stream: what the owner said that it did is not lost with it",
          "[unit][move]") {
  slot s;
  env e;
  s.learn(at(stage::running, 2, 5, 5), e);
  for (int i = 1; i <= 5; ++i)
    s.accept(own(i), e);
  e.take();
  s.processed(node_id{2}, epoch{4}, 1, e); // of an earlier stream
  s.processed(node_id{3}, epoch{5}, 1, e); // by somebody else
  CHECK(e.take().empty());
  s.processed(node_id{2}, epoch{5}, 2, e);
  s.returned(own(5), epoch{5}, s.out().known(), e);
  CHECK(e.take() == "settled2 fence>2@5 ");
  SECTION("nor with the rest when it is lost") {
    s.give_up(incarnation{1}, log_index{100}, e);
    CHECK(e.take() == "lost2 ");
  }
  SECTION("and all is known when the fence is back") {
    s.fence_answered(epoch{5}, e);
    CHECK(e.take() == "settled2 ");
    s.processed(node_id{2}, epoch{5}, 2, e); // late
    CHECK(e.take().empty());
  }
  SECTION("more than was sent is no more than that") {
    s.processed(node_id{2}, epoch{5}, 100, e);
    CHECK(e.take() == "settled2 ");
  }
}

TEST_CASE("intake: behind the marker all parks, and goes back behind the "
          "mailbox",
          "[unit][move]") {
  slot s;
  env e;
  s.arrive(foreign(1), epoch{5}, e);
  CHECK(e.take() == "back1>3 ");
  s.open(epoch{5});
  s.arrive(foreign(2), epoch{5}, e);
  s.arrive(foreign(3), epoch{4}, e);
  CHECK(e.take() == "mail2 back3>3 ");
  s.close(e);
  s.arrive(foreign(4), epoch{5}, e);
  s.arrive(fence{node_id{3}, epoch{5}}, e);
  s.close(e);
  CHECK(e.take() == "marker ");
  fifo<slot::parcel> left;
  left.emplace_back(foreign(2));
  s.stopped(std::move(left), e);
  CHECK(e.take() == "back2>3 back4>3 fenced>3 ");
  s.arrive(fence{node_id{3}, epoch{5}}, e);
  CHECK(e.take() == "fenced>3 ");
}

TEST_CASE("slot: a node's own messages come back in order and move on",
          "[unit][move]") {
  slot s;
  env e;
  s.open(epoch{5});
  s.learn(at(stage::running, 1, 5, 5), e);
  s.accept(own(1), e);
  s.accept(own(2), e);
  CHECK(e.take() == "mail1 mail2 ");
  s.close(e);
  s.accept(own(3), e);
  s.learn(at(stage::pausing, 1, 5, 6), e);
  s.accept(own(4), e);
  CHECK(e.take() == "marker ");
  fifo<slot::parcel> left;
  left.emplace_back(own(2));
  s.stopped(std::move(left), e);
  CHECK(e.take().empty());
  s.learn(at(stage::running, 2, 8, 9), e);
  CHECK(e.take() == "send2>2@8 send3>2@8 send4>2@8 ");
}
