// A router's stream by itself: its books, and its order.
#include "notes.hpp"

using namespace troupe;
using namespace troupe::note_words;

namespace {

/// What a stream of node 1 does, in a word each.
struct way {
  stream<note> s;
  std::string log;
  int charged = 0; // held, and counted as such
  bool left = false;
  bool refused = false; // by the link
  std::uint64_t messages_max = 1000, bytes_max = 1000;

  // -- the port ---------------------------------------------------------------
  void reach(node_id, incarnation) {}
  std::optional<note> send(note&& m, node_id to, epoch at) {
    log += "send" + std::to_string(m.number) + ">" + text(to.value) + "@"
           + text(at.value) + " ";
    if (refused)
      m.bytes = 0;
    return left ? std::optional{m} : std::nullopt;
  }
  bool room(node_id, std::uint64_t messages, std::uint64_t bytes) {
    return messages < messages_max && bytes < bytes_max;
  }
  void fence(node_id to, epoch at) {
    log += "fence>" + text(to.value) + "@" + text(at.value) + " ";
  }
  bool hold(note&) {
    ++charged;
    return true;
  }
  void unhold(const note&) { --charged; }
  void drop(note&& m, errc) { log += "drop" + std::to_string(m.number) + " "; }
  void lost(node_id, epoch, std::uint64_t n) { log += "lost" + text(n) + " "; }
  void settled(node_id, std::uint64_t n) { log += "settled" + text(n) + " "; }

  // -- what happens -----------------------------------------------------------
  void learn(stage x, std::uint64_t owner, std::uint64_t e, std::uint64_t v) {
    s.learn({x, false, node_id{owner}, epoch{e}, log_index{v}}, *this);
  }
  void quarantine(std::uint64_t e, std::uint64_t v) {
    s.learn({stage::unassigned, true, {}, epoch{e}, log_index{v}}, *this);
  }
  void accept(int n) { s.accept(numbered(n), *this); }
  void back(int n, std::uint64_t e) {
    s.returned(numbered(n), epoch{e}, s.known(), *this);
  }
  void lose() { s.give_up(incarnation{~0ull}, log_index{1000}, *this); }
  std::string did() { return std::exchange(log, {}); }
};

} // namespace

// -- books --------------------------------------------------------------------

TEST_CASE("stream: only what comes back of its own epoch counts as settled",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  w.accept(1);
  w.learn(stage::running, 3, 8, 8);
  w.s.fence_answered(epoch{5}, w);
  w.accept(2);
  w.accept(3);
  w.learn(stage::pausing, 3, 8, 9);
  CHECK(w.did()
        == "send1>2@5 fence>2@5 settled1 send2>3@8 send3>3@8 fence>3@8 ");
  SECTION("not what comes late of the one before") {
    w.back(1, 5);
    w.lose();
    CHECK(w.did() == "lost2 ");
  }
  SECTION("but what it sent itself") {
    w.back(3, 8);
    w.lose();
    CHECK(w.did() == "lost1 ");
  }
}

TEST_CASE("stream: what comes back when it has ended is nothing that the next "
          "one sent",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  w.accept(1);
  w.learn(stage::pausing, 2, 5, 6);
  w.s.fence_answered(epoch{5}, w);
  w.back(1, 5);
  w.learn(stage::running, 3, 8, 8);
  w.did();
  w.lose();
  CHECK(w.did() == "lost1 ");
}

TEST_CASE("stream: one whose owner left counts what came back at once as "
          "settled",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  w.accept(1);
  w.left = true;
  w.accept(2);
  CHECK(w.did() == "send1>2@5 send2>2@5 fence>2@5 ");
  w.lose();
  CHECK(w.did() == "lost1 ");
}

TEST_CASE("stream: an owner that left has settled all that it did not return",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  for (int i = 1; i <= 3; ++i)
    w.accept(i);
  w.s.processed(node_id{2}, epoch{5}, 1, w);
  w.back(3, 5);
  w.s.owner_left(w);
  CHECK(w.did()
        == "send1>2@5 send2>2@5 send3>2@5 settled1 fence>2@5 settled1 ");
  w.s.owner_left(w);
  w.lose();
  CHECK(w.did() == "");
}

TEST_CASE("stream: an owner cannot have done more than it was sent",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  w.accept(1);
  w.s.processed(node_id{2}, epoch{5}, 9, w);
  w.accept(2);
  CHECK(w.did() == "send1>2@5 settled1 send2>2@5 ");
  w.lose();
  CHECK(w.did() == "lost1 ");
}

TEST_CASE("stream: the next one begins with empty books", "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  w.accept(1);
  w.accept(2);
  w.s.processed(node_id{2}, epoch{5}, 1, w);
  w.lose();
  CHECK(w.did() == "send1>2@5 send2>2@5 settled1 lost1 ");
  w.learn(stage::running, 3, 8, 8);
  SECTION("nothing sent, nothing to ask for") {
    w.learn(stage::pausing, 3, 8, 9);
    w.learn(stage::running, 2, 11, 11);
    w.accept(3);
    CHECK(w.did() == "send3>2@11 ");
  }
  SECTION("nothing settled") {
    w.accept(3);
    w.lose();
    CHECK(w.did() == "send3>3@8 lost1 ");
  }
}

TEST_CASE("stream: no more is on its way than there is room for at the owner",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  (GENERATE(false, true) ? w.messages_max : w.bytes_max) = 2;
  w.accept(1);
  w.accept(2);
  w.accept(3);
  CHECK(w.did() == "send1>2@5 send2>2@5 drop3 ");
  SECTION("until some are done") {
    w.s.processed(node_id{2}, epoch{5}, 1, w);
    w.accept(4);
    w.accept(5);
    CHECK(w.did() == "settled1 send4>2@5 drop5 ");
  }
  SECTION("or come back, and go elsewhere") {
    w.back(1, 5);
    w.back(2, 5);
    w.s.fence_answered(epoch{5}, w);
    w.learn(stage::running, 3, 8, 8);
    CHECK(w.did() == "fence>2@5 send1>3@8 send2>3@8 ");
    w.accept(6);
    CHECK(w.did() == "drop6 ");
  }
  SECTION("or are lost") {
    w.lose();
    w.learn(stage::running, 3, 8, 8);
    w.accept(7);
    CHECK(w.did() == "lost2 send7>3@8 ");
  }
}

TEST_CASE("stream: what a link refuses is not on its way", "[unit][move]") {
  way w;
  w.messages_max = 2;
  w.learn(stage::running, 2, 5, 5);
  w.refused = true;
  for (int i = 1; i <= 5; ++i)
    w.accept(i);
  CHECK(w.s.under_way() == 0);
  w.refused = false;
  w.accept(6);
  CHECK(w.s.under_way() == 1);
  w.did();
  w.learn(stage::pausing, 2, 5, 6);
  CHECK(w.did() == "fence>2@5 ");
}

TEST_CASE("stream: what is on its way shrinks by its share when some are done, "
          "and to nothing when all are",
          "[unit][move]") {
  way w;
  w.bytes_max = 10;
  w.learn(stage::running, 2, 5, 5);
  for (int i = 1; i <= 10; ++i)
    w.accept(i);
  w.accept(11);
  w.s.processed(node_id{2}, epoch{5}, 4, w);
  w.did();
  for (int i = 12; i <= 15; ++i)
    w.accept(i);
  CHECK(w.did() == "send12>2@5 send13>2@5 send14>2@5 send15>2@5 ");
  w.accept(16);
  CHECK(w.did() == "drop16 ");
  w.s.processed(node_id{2}, epoch{5}, 10, w);
  CHECK(w.s.under_way() == 0);
}

TEST_CASE("stream: what is held is charged until it is sent or dropped",
          "[unit][move]") {
  way w;
  for (int i = 1; i <= 4; ++i)
    w.s.accept(numbered(i, boot_time{i == 1 ? 10 : 0}), w);
  CHECK(w.charged == 4);
  w.s.expire(boot_time{10}, boot_time::max(), w);
  CHECK(w.charged == 3);
  SECTION("sent") {
    w.learn(stage::running, 2, 5, 5);
    CHECK(w.charged == 0);
    CHECK(w.did() == "drop1 send2>2@5 send3>2@5 send4>2@5 ");
    w.back(4, 5);
    w.s.drop_held(errc::stopping, w); // what came back was never charged
    CHECK(w.charged == 0);
  }
  SECTION("sent to who has left: the rest still is") {
    w.left = true;
    w.learn(stage::running, 2, 5, 5);
    CHECK(w.charged == 2);
  }
  SECTION("dropped") {
    w.s.drop_held(errc::stopping, w);
    CHECK(w.charged == 0);
  }
  SECTION("in a quarantine") {
    w.quarantine(5, 5);
    CHECK(w.charged == 0);
    w.accept(5);
    CHECK(w.charged == 0);
    CHECK(w.did() == "drop1 drop2 drop3 drop4 drop5 ");
  }
}

TEST_CASE("stream: what came back expires like what waits", "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  w.accept(1);
  w.accept(2);
  w.s.returned(numbered(1, boot_time{10}), epoch{5}, w.s.known(), w);
  w.did();
  w.s.expire(boot_time{9}, boot_time::max(), w);
  CHECK(w.did() == "");
  w.s.expire(boot_time{10}, boot_time::max(), w);
  CHECK(w.did() == "drop1 ");
}

// -- order --------------------------------------------------------------------

TEST_CASE("stream: what comes back at once is still the first to go",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  for (int i = 1; i <= 3; ++i)
    w.accept(i);
  for (int i = 1; i <= 3; ++i)
    w.back(i, 5);
  w.accept(4);
  w.did();
  w.s.fence_answered(epoch{5}, w);
  w.left = true;
  w.learn(stage::running, 3, 8, 8);
  CHECK(w.did() == "send1>3@8 ");
  w.left = false;
  w.s.owner_left(w);
  w.learn(stage::running, 4, 11, 11);
  CHECK(w.did() == "send1>4@11 send2>4@11 send3>4@11 send4>4@11 ");
}

TEST_CASE("stream: a map that is older than what it knows says nothing",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 9);
  w.accept(1);
  w.learn(stage::running, 3, 4, 8);
  w.learn(stage::pausing, 2, 5, 9);
  w.accept(2);
  CHECK(w.did() == "send1>2@5 send2>2@5 ");
}

TEST_CASE("stream: to the epoch of an earlier one none opens again",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  SECTION("that was fenced") {
    w.accept(1);
    w.learn(stage::pausing, 2, 5, 6);
    w.s.fence_answered(epoch{5}, w);
  }
  SECTION("that was not used") {
    w.learn(stage::pausing, 2, 5, 6);
  }
  w.did();
  w.accept(2);
  w.learn(stage::running, 2, 5, 7);
  CHECK(w.did() == "");
  w.learn(stage::running, 2, 8, 9);
  CHECK(w.did() == "send2>2@8 ");
}

TEST_CASE("stream: the loss of an owner that it does not lead to changes "
          "nothing",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  CHECK(w.s.streams_to(node_id{2}));
  CHECK_FALSE(w.s.streams_to(node_id{3}));
  CHECK(w.s.streams_to(node_id{2}, incarnation{0}));
  CHECK(w.s.streams_to(node_id{2}, incarnation{1}, log_index{5}));
  CHECK_FALSE(w.s.streams_to(node_id{2}, incarnation{1}, log_index{4}));
  w.s.learn({stage::running, false, node_id{2}, epoch{8}, log_index{8},
             incarnation{3}},
            w);
  CHECK_FALSE(w.s.streams_to(node_id{2}, incarnation{2}));
  CHECK(w.s.streams_to(node_id{2}, incarnation{3}));
  w.learn(stage::unassigned, 0, 8, 9);
  CHECK_FALSE(w.s.streams_to(node_id{2}));
  w.lose(); // there is none: the next one is not void
  w.learn(stage::running, 2, 11, 11);
  w.accept(1);
  w.back(1, 11);
  CHECK(w.s.held() == 1);
}

TEST_CASE("stream: what comes late of one that was answered is not void with "
          "its owner",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  w.accept(1);
  w.learn(stage::pausing, 2, 5, 6);
  w.s.fence_answered(epoch{5}, w);
  w.lose();
  w.back(1, 5);
  CHECK(w.s.held() == 1);
}

TEST_CASE("stream: the loss of one owner is not that of the next",
          "[unit][move]") {
  way w;
  w.learn(stage::running, 2, 5, 5);
  w.accept(1);
  w.learn(stage::running, 3, 8, 8);
  w.accept(2);
  w.did();
  w.lose();
  CHECK(w.did() == "lost1 send2>3@8 ");
}
