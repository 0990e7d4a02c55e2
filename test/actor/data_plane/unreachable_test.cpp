// Owners that a router does not reach, for a while or any more.
#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

caf::behavior taker(partition*) {
  return {[](const std::string&, int x) { return x; }};
}

} // namespace

TEST_CASE("unreachable: a request behind a fence without an answer ends, "
          "though nothing waits behind it",
          "[actor][move]") {
  world w{3};
  w.place(1, epoch{5}, taker);
  w.ask(2, std::string{"k"}, 1);
  w.run_actors(); // the way is cut: it does not arrive
  w.pause(1, epoch{5});
  w.run_actors();
  w.place(3, epoch{9}, taker);
  w.pass(10ms);
  w.pass(w.settings.fence_deadline - 100ms);
  w.run_actors();
  CHECK(w.answers.empty());
  w.pass(200ms);
  w.run_actors();
  CHECK(w.answers == lines{"error outcome_unknown"});
  CHECK(w.on(2).plane->counters().unknown == 1);
}

TEST_CASE("unreachable: what no link takes waits for one, without a new epoch",
          "[actor][move]") {
  world w{2};
  w.on(2).net.refuse[node_id{1}] = link::send_result::unknown_peer;
  w.place(1, epoch{5}, taker);
  w.ask(2, std::string{"k"}, 1);
  w.run_actors();
  CHECK(w.answers.empty());
  w.on(2).net.refuse.clear();
  w.pass(10ms);
  w.run();
  CHECK(w.answers == lines{"1"});
}
