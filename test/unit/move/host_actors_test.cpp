// Actors of a host: which it starts, stops and kills, and what it says of them.
#include "host_lab.hpp"

using namespace troupe;
using namespace troupe::host_words;
using lab = host_lab;

TEST_CASE("host: a start that another report names is not known yet",
          "[unit][move]") {
  lab l{1};
  l.learn(row(stage::starting, 1, 5));
  l.h.started(key, epoch{4});
  CHECK(l.says() == "");
  l.h.started(key, first);
  CHECK(l.says() == "started5 ");
}

TEST_CASE("host: reports that come twice change nothing", "[unit][move]") {
  lab l{1};
  l.run();
  l.learn(row(stage::pausing, 1, 5, 2));
  l.h.started(key, first); // it is about to stop
  CHECK(l.did() == "stop5 ");
  l.h.stopped(key, first, state());
  CHECK(l.did() == "send5>2 ");
  l.h.stopped(key, first, std::nullopt);
  l.h.failed(key, first, "too late");
  CHECK(l.h.alive() == 0);
  l.h.state_taken(node_id{2}, key, first);
  CHECK(l.says() == "confirmed5 ");
  l.h.stopped(key, first, state());
  CHECK(l.did() == "");
  CHECK(l.says() == "confirmed5 ");
}

TEST_CASE("host: a partition that nobody owns any more is killed where it runs",
          "[unit][move]") {
  lab l{1};
  l.run();
  l.learn(row(stage::unassigned, 0, 5));
  l.learn(row(stage::unassigned, 0, 5));
  CHECK(l.did() == "kill5 ");
  l.h.stopped(key, first, std::nullopt);
  CHECK(l.h.alive() == 0);
}

TEST_CASE("host: an assignment without the state of the actor that runs here "
          "ends that one, and waits for its end",
          "[unit][move]") {
  lab l{1};
  l.run();
  l.learn(row(stage::starting, 1, 9));
  CHECK(l.did() == "kill5 ");
  CHECK(l.says() == ""); // what runs is not what the map means
  l.h.stopped(key, first, std::nullopt);
  CHECK(l.did() == "start9 ");
}

TEST_CASE("host: what failed is said, and not tried again at its epoch",
          "[unit][move]") {
  lab l{1};
  l.learn(row(stage::starting, 1, 5));
  l.did();
  l.h.failed(key, first, "no");
  CHECK(l.says() == "failed5 ");
  l.learn(row(stage::starting, 1, 5)); // by a snapshot
  CHECK(l.did() == "");
  l.learn(row(stage::unassigned, 0, 5, 1));
  CHECK(l.says() == "");
  l.learn(row(stage::starting, 1, 9));
  CHECK(l.did() == "start9 ");
}

TEST_CASE("host: of two actors in a row that lost their partition both are "
          "killed",
          "[unit][move]") {
  lab l{1};
  l.run();
  l.learn(row(stage::starting, 1, 9));
  CHECK(l.did() == "kill5 ");
  l.h.stopped(key, first, std::nullopt);
  CHECK(l.did() == "start9 ");
  l.h.started(key, epoch{9});
  l.learn(row(stage::running, 1, 9));
  l.learn(row(stage::running, 2, 12));
  CHECK(l.did() == "kill9 ");
}

TEST_CASE("host: an actor that fails is not one that never began",
          "[unit][move]") {
  lab l{2};
  l.learn(row(stage::starting, 2, 8, 0, 1, 5));
  l.h.lost({node_id{1}});
  REQUIRE(l.says() == "failed8 ");
  CHECK(l.h.facts().failed(0).unstarted());
  l.learn(row(stage::starting, 2, 11));
  CHECK(l.did() == "start11 ");
  l.h.failed(key, epoch{11}, "no");
  REQUIRE(l.says() == "failed11 ");
  CHECK_FALSE(l.h.facts().failed(0).unstarted());
}

TEST_CASE("host: a failure is nothing that the next assignment has",
          "[unit][move]") {
  lab l{1};
  l.stop();
  l.learn(row(stage::starting, 1, 9, 0, 1, 5));
  CHECK(l.did() == "load9 ");
  l.h.failed(key, epoch{9}, "no");
  CHECK(l.says() == "failed9 ");
  l.learn(row(stage::unassigned, 0, 9, 1, 1, 5));
  CHECK(l.says() == "holding9 ");
  l.learn(row(stage::starting, 1, 12, 0, 1, 5));
  CHECK(l.says() == "");
  CHECK(l.did() == "load12 ");
}

TEST_CASE("host: what is to move and never ran here is said to fail",
          "[unit][move]") {
  lab l{1};
  l.learn(row(stage::pausing, 1, 5, 2));
  CHECK(l.did() == "");
  CHECK(l.says() == "failed5 ");
  SECTION("also where it ran before") {
    lab again{1};
    again.stop();
    again.learn(row(stage::pausing, 1, 9, 2));
    CHECK(again.did() == "");
    CHECK(again.says() == "failed9 ");
  }
}

TEST_CASE("host: a state that was to be here and is not is said to fail",
          "[unit][move]") {
  lab l{1};
  l.learn(row(stage::starting, 1, 9, 0, 1, 5));
  CHECK(l.did() == "");
  CHECK(l.says() == "failed9 ");
}

TEST_CASE("host: only the loss of who has the state fails a start",
          "[unit][move]") {
  lab l{2};
  l.learn(row(stage::starting, 2, 8, 0, 3, 5));
  l.h.lost({node_id{1}, node_id{4}});
  CHECK(l.says() == "");
  l.h.lost({node_id{1}, node_id{3}});
  CHECK(l.says() == "failed8 ");
}

TEST_CASE("host: what another waits for is not its own to give up",
          "[unit][move]") {
  lab l{2};
  l.arrive(4); // so that it looks at the partition at all
  l.learn(row(stage::starting, 3, 8, 0, 1, 5));
  l.h.lost({node_id{1}});
  CHECK(l.says() == "");
}

TEST_CASE("host: a region that shrinks ends what is behind its end, and one "
          "that is gone all",
          "[unit][move]") {
  lab l{1};
  partition_key other{region_id{1}, 1};
  l.run();
  l.h.learn(other, row(stage::starting, 1, 6));
  l.h.started(other, epoch{6});
  l.did();
  REQUIRE(l.h.has_facts());
  SECTION("shrinks") {
    l.h.forget_unless({{region_id{1}, 1}});
    CHECK(l.did() == "kill6 ");
    CHECK_FALSE(l.h.has_facts());
    CHECK_FALSE(l.h.has_news());
  }
  SECTION("is gone") {
    l.h.forget_unless({{region_id{2}, 9}});
    CHECK(l.did() == "kill5 kill6 ");
  }
}
