// States that a host keeps for others: what it sends, says and drops, and of
// which epoch.
#include "host_lab.hpp"

using namespace troupe;
using namespace troupe::host_words;
using lab = host_lab;

// -- announced restarts -------------------------------------------------------

TEST_CASE("host: what waits for a restart is said to be here when it is on the "
          "disk",
          "[unit][move]") {
  lab l{1};
  l.run();
  l.learn(row(stage::pausing, 1, 5, 1));
  l.h.stopped(key, first, state());
  CHECK(l.did() == "stop5 keep5 ");
  CHECK(l.says() == "");
  l.h.kept(key, epoch{4});
  CHECK(l.says() == "");
  l.learn(row(stage::pausing, 1, 5, 1)); // by a snapshot
  CHECK(l.did() == "");
  l.h.kept(key, first);
  CHECK(l.says() == "holding5 ");
  SECTION("and goes from there when its region does") {
    l.h.forget(key);
    CHECK(l.did() == "drop5 ");
    CHECK(l.says() == "");
  }
}

TEST_CASE("host: of what was found on the disk nothing is said or dropped for "
          "what the map said before",
          "[unit][move]") {
  lab l{1, 2};
  l.h.recovered(key, first, state());
  l.learn(row(stage::running, 1, 5)); // the log is read again
  CHECK(l.did() == "");
  l.learn(row(stage::pausing, 1, 5, 1));
  CHECK(l.says() == "holding5 ");
  l.learn(row(stage::pausing, 1, 9, 1)); // it ran again since, and crashed
  CHECK(l.says() == "");
}

TEST_CASE("host: what was found on the disk starts when the map says so, and "
          "stays there until it runs",
          "[unit][move]") {
  lab l{1, 2};
  l.h.recovered(key, first, state());
  l.learn(row(stage::pausing, 1, 5, 1));
  CHECK(l.did() == "");
  CHECK(l.says() == "holding5 ");
  SECTION("here") {
    l.learn(row(stage::starting, 1, 9, 0, 1, 5, 2));
    CHECK(l.did() == "load9 ");
    CHECK(l.says() == "");
    l.h.started(key, epoch{9});
    CHECK(l.says() == "started9 ");
    l.learn(row(stage::running, 1, 9, 0, 0, 0, 2));
    CHECK(l.did() == "drop5 ");
  }
  SECTION("elsewhere, when the restart was given up") {
    l.learn(row(stage::unassigned, 0, 5, 0, 0, 5));
    CHECK(l.says() == "holding5 ");
    l.learn(row(stage::starting, 3, 9, 0, 1, 5));
    CHECK(l.did() == "send5>3 ");
    CHECK(l.says() == "");
    l.learn(row(stage::starting, 3, 9, 0, 1, 5));
    CHECK(l.did() == "");
    l.learn(row(stage::running, 3, 9));
    CHECK(l.did() == "drop5 ");
  }
}

// -- of which epoch -----------------------------------------------------------

TEST_CASE("host: a state of another epoch is not the one that a start waits "
          "for",
          "[unit][move]") {
  SECTION("from another node") {
    lab l{2};
    l.arrive(4);
    l.learn(row(stage::starting, 2, 8, 0, 1, 5));
    CHECK(l.did() == "ack4 ");
    l.arrive(5);
    CHECK(l.did() == "ack5 load8 ");
  }
  SECTION("of its own actor") {
    lab l{1};
    l.stop();
    l.learn(row(stage::starting, 1, 12, 0, 3, 9));
    CHECK(l.did() == "");
    l.h.state_arrived(node_id{3}, key, epoch{9}, state());
    CHECK(l.did() == "ack9 load12 ");
  }
}

TEST_CASE("host: a copy of another epoch is not offered as the one that is "
          "asked for",
          "[unit][move]") {
  SECTION("while its owner pauses") {
    lab l{2};
    l.arrive(4);
    l.learn(row(stage::pausing, 1, 5, 2));
    CHECK(l.says() == "");
    l.arrive(5);
    CHECK(l.says() == "holding5 ");
  }
  SECTION("when it has no owner: from another node") {
    lab l{2};
    l.arrive(4);
    l.learn(row(stage::unassigned, 0, 8, 0, 0, 5));
    CHECK(l.says() == "");
    l.arrive(5);
    CHECK(l.says() == "holding8 ");
  }
  SECTION("when it has no owner: of its own actor") {
    lab l{1};
    l.stop();
    l.learn(row(stage::unassigned, 0, 8, 0, 0, 4));
    CHECK(l.says() == "");
    l.learn(row(stage::unassigned, 0, 9, 0, 0, 5));
    CHECK(l.says() == "holding9 ");
  }
}

TEST_CASE("host: of two states that arrive the newer is kept", "[unit][move]") {
  lab l{2};
  l.arrive(9);
  l.arrive(5);
  l.learn(row(stage::starting, 2, 12, 0, 1, 9));
  CHECK(l.did() == "ack9 ack5 load12 ");
}

TEST_CASE("host: a state that is here before the map says why is kept",
          "[unit][move]") {
  lab l{2};
  l.arrive(5);
  l.learn(row(stage::running, 1, 5)); // its map is behind
  l.learn(row(stage::pausing, 1, 5, 2));
  CHECK(l.did() == "ack5 ");
  CHECK(l.says() == "holding5 ");
}

TEST_CASE("host: a state goes when another runs, and one that comes later is "
          "not kept",
          "[unit][move]") {
  auto orphan = row(stage::unassigned, 0, 12, 0, 0, 5);
  SECTION("of its own actor") {
    lab l{1};
    l.stop();
    l.learn(row(stage::running, 2, 8));
    l.learn(orphan);
    CHECK(l.says() == "");
  }
  SECTION("from another node") {
    lab l{2};
    l.arrive(5);
    l.learn(row(stage::running, 3, 8));
    l.learn(orphan);
    CHECK(l.says() == "");
  }
  SECTION("sent twice") {
    lab l{2};
    l.arrive(5);
    l.learn(row(stage::starting, 2, 8, 0, 1, 5));
    l.h.started(key, epoch{8});
    l.learn(row(stage::running, 2, 8));
    l.arrive(5);
    CHECK(l.did() == "ack5 load8 ack5 ");
    l.learn(orphan);
    CHECK(l.says() == "");
  }
}

// -- whom it is for -----------------------------------------------------------

TEST_CASE("host: a move that goes elsewhere is stopped once, and confirmed by "
          "who is to have it now",
          "[unit][move]") {
  lab l{1};
  l.run();
  l.learn(row(stage::pausing, 1, 5, 2));
  l.learn(row(stage::pausing, 1, 5, 3));
  CHECK(l.did() == "stop5 ");
  l.h.stopped(key, first, state());
  CHECK(l.did() == "send5>3 ");
  l.h.state_taken(node_id{2}, key, first);
  CHECK(l.says() == "");
  l.h.state_taken(node_id{3}, key, epoch{4});
  CHECK(l.says() == "");
  l.h.state_taken(node_id{3}, key, first);
  CHECK(l.says() == "confirmed5 ");
  SECTION("not by who had it in an earlier life") {
    l.learn(row(stage::pausing, 1, 5, 2));
    CHECK(l.did() == "send5>2 ");
    l.h.session_ended(node_id{3});
    CHECK(l.did() == "");
    l.learn(row(stage::pausing, 1, 5, 3));
    CHECK(l.did() == "send5>3 ");
    CHECK(l.says() == "");
  }
  SECTION("the end of another session changes nothing") {
    l.h.session_ended(node_id{2});
    CHECK(l.did() == "");
    CHECK(l.says() == "confirmed5 ");
  }
}

TEST_CASE("host: who has a copy sends it only if it is asked to",
          "[unit][move]") {
  lab l{2};
  l.learn(row(stage::pausing, 1, 5, 2));
  l.arrive(5);
  CHECK(l.did() == "ack5 "); // not to its own disk either
  CHECK(l.says() == "holding5 ");
  l.learn(row(stage::pausing, 1, 5, 3)); // another is to have it
  CHECK(l.says() == "");
  l.learn(row(stage::starting, 3, 9, 0, 1, 5));
  CHECK(l.did() == "");
  CHECK(l.says() == "");
  l.learn(row(stage::unassigned, 0, 9, 3, 1, 5));
  CHECK(l.says() == "holding9 ");
  l.learn(row(stage::starting, 4, 12, 0, 2, 5));
  CHECK(l.did() == "send5>4 ");
}

TEST_CASE("host: of two states that it has it sends the one that is asked for",
          "[unit][move]") {
  lab l{1};
  l.stop();
  SECTION("from another node") {
    l.h.state_arrived(node_id{3}, key, epoch{9}, state());
    l.learn(row(stage::starting, 4, 12, 0, 1, 9));
    CHECK(l.did() == "ack9 send9>4 ");
  }
  SECTION("of the actor that it stops now") {
    l.learn(row(stage::starting, 1, 9, 0, 1, 5));
    l.h.started(key, epoch{9});
    l.learn(row(stage::pausing, 1, 9, 2));
    CHECK(l.did() == "load9 stop9 ");
    l.h.stopped(key, epoch{9}, state());
    CHECK(l.did() == "send9>2 ");
  }
}

TEST_CASE("host: who sent a state has nothing more to say of it",
          "[unit][move]") {
  lab l{1};
  l.stop();
  l.h.state_taken(node_id{2}, key, first);
  CHECK(l.says() == "confirmed5 ");
  l.learn(row(stage::starting, 2, 8, 0, 1, 5));
  CHECK(l.says() == "");
  CHECK(l.did() == "");
}

TEST_CASE("host: a state whose region went is not offered", "[unit][move]") {
  SECTION("of its own actor") {
    lab l{1};
    l.stop();
    l.h.forget(key);
    l.learn(row(stage::unassigned, 0, 8, 0, 0, 5));
    CHECK(l.says() == "");
  }
  SECTION("while another actor starts from it") {
    lab l{1};
    l.stop();
    l.learn(row(stage::starting, 1, 9, 0, 1, 5));
    l.h.forget(key);
    CHECK(l.did() == "load9 kill9 ");
    l.h.stopped(key, epoch{9}, std::nullopt);
    l.learn(row(stage::unassigned, 0, 12, 0, 0, 5));
    CHECK(l.says() == "");
  }
  SECTION("from another node, while another actor starts from it") {
    lab l{2};
    l.arrive(5);
    l.learn(row(stage::starting, 2, 9, 0, 1, 5));
    l.h.forget(key);
    l.h.stopped(key, epoch{9}, std::nullopt);
    l.learn(row(stage::unassigned, 0, 12, 0, 0, 5));
    CHECK(l.says() == "");
  }
  SECTION("from another node") {
    lab l{2};
    l.arrive(5);
    l.h.forget(key);
    l.learn(row(stage::unassigned, 0, 8, 0, 0, 5));
    CHECK(l.says() == "");
  }
}
