// Moves, crashes, stops and cuts in a simulated cluster.
#include "world.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

std::string numbers(int upto) {
  std::string out;
  for (int i = 0; i < upto; ++i)
    out += std::to_string(i) + " ";
  return out;
}

// Keeps every promise to itself.
caf::behavior silent(partition* self) {
  return {[=](const std::string&, int) {
    return self->make_response_promise<int>();
  }};
}

std::size_t count(const cluster& c, proto::EventKind kind) {
  std::size_t out = 0;
  for (auto& one : c.events())
    out += one.kind() == kind;
  return out;
}

// Which node processed, and when.
struct trace_row {
  std::uint64_t epoch;
  std::chrono::nanoseconds at;
};

} // namespace

TEST_CASE("testing: a move under messages keeps the order and loses nothing",
          "[actor][testing]") {
  testing::for_each_seed(1, 10, [](std::uint64_t seed) {
    cluster c{3, seed};
    auto logs = c.spawn_region("log", logger, {.partitions = 4});
    c.settle();
    auto p = logs.partition_of("alice");
    for (int i = 0; i < 120; ++i) {
      logs.tell(0, "alice", i);
      if (i % 30 == 10) {
        c.run_until([&] { return logs.stage(p) == stage::running; });
        logs.move(p, (*logs.owner(p) + 1) % 3);
      }
      c.run_for(200us);
    }
    c.settle();
    CHECK(count(c, proto::EVENT_KIND_PARTITION_PAUSED) == 4);
    CHECK(logs.ask<std::string>(1, "alice", whole) == numbers(120));
    CHECK(c.dead_letters().empty());
    CHECK(c.books(0).accepted == 120);
    check_books(c);
  });
}

TEST_CASE("testing: the hooks run in their order, with what was saved",
          "[actor][testing]") {
  cluster c{2};
  auto calls = std::make_shared<std::vector<std::string>>();
  auto r = c.spawn_region(
      "r",
      [calls](partition* self) {
        self->on_start([=](epoch) { calls->push_back("start"); });
        self->before_stop([=] { calls->push_back("stop"); });
        self->on_save([=] {
          calls->push_back("save");
          return std::string{"x"};
        });
        self->on_load([=](std::string_view bytes) {
          calls->push_back("load " + std::string{bytes});
        });
        return caf::behavior{[](const std::string&, int x) { return x; }};
      },
      {.partitions = 1});
  c.settle();
  auto first = r.epoch(0);
  r.move(0u, 1 - *r.owner(0u));
  c.settle();
  CHECK(r.epoch(0) > first);
  CHECK(
      *calls
      == std::vector<std::string>{"start", "stop", "save", "load x", "start"});
}

TEST_CASE("testing: a crash leaves requests unknown, and partitions to others",
          "[actor][testing]") {
  cluster c{3};
  auto r = c.spawn_region("r", silent, {.partitions = 3});
  auto logs = c.spawn_region("log", logger, {.partitions = 3});
  c.settle();
  auto owner = *logs.owner("alice");
  auto other = (owner + 1) % 3;
  logs.tell(owner, "alice", 1);
  std::vector<testing::answer> open;
  for (partition_id p = 0; p < 3; ++p)
    open.push_back(r.request(other, to_partition{p, "k"}, 1));
  c.run_for(20ms);
  std::set<partition_id> lost;
  for (partition_id p = 0; p < 3; ++p) {
    CHECK(!open[p].ready());
    if (r.owner(p) == owner)
      lost.insert(p);
  }
  REQUIRE(!lost.empty());
  auto asked_by_it = logs.request(owner, "alice", whole);
  logs.tell(other, "alice", 9); // on its way
  c.crash(owner);
  CHECK(asked_by_it.code() == errc::outcome_unknown);
  auto began = c.now();
  c.settle();
  CHECK(c.now() - began > 900ms); // not before its lease is over
  CHECK(c.now() - began < 3s);
  for (partition_id p = 0; p < 3; ++p) {
    CHECK(open[p].ready() == (lost.count(p) != 0));
    if (lost.count(p))
      CHECK(open[p].code() == errc::outcome_unknown);
    CHECK(r.owner(p) != owner);
  }
  CHECK(logs.ask<std::string>(other, "alice", whole).empty());
  CHECK(count(c, proto::EVENT_KIND_NODE_DOWN) == 1);

  CHECK(c.books(other).unknown >= 1);

  c.start(owner);
  c.settle();
  logs.tell(owner, "alice", 2);
  CHECK(logs.ask<std::string>(owner, "alice", whole) == "2 ");
  check_books(c);
}

TEST_CASE("testing: a node that is cut off stops at the end of its lease",
          "[actor][testing]") {
  bool by_pause = GENERATE(false, true);
  cluster c{3, 11};
  auto rows = std::make_shared<std::vector<trace_row>>();
  auto r = c.spawn_region(
      "r",
      [&c, rows](partition* self) {
        return caf::behavior{[&c, rows, self](const std::string&, int x) {
          rows->push_back({self->epoch().value, c.now()});
          return x;
        }};
      },
      {.partitions = 1});
  c.settle();
  auto owner = *r.owner(0u);
  auto old = r.epoch(0);
  REQUIRE(r.ask<int>(owner, "k", 1) == 1);
  auto cut = c.now();
  if (by_pause)
    c.pause(owner);
  else
    c.isolate(owner);
  std::vector<testing::answer> there;
  for (int i = 0; i < 300; ++i) {
    for (std::size_t n = 0; n < 3; ++n)
      if (n != owner)
        (void)r.request(n, "k", i);
    if (!by_pause)
      there.push_back(r.request(owner, "k", i));
    c.run_for(10ms);
  }
  CHECK(r.owner(0u) != owner);
  auto next = r.epoch(0);
  CHECK(next > old);
  if (by_pause) {
    c.resume(owner);
    there.push_back(r.request(owner, "k", 1));
  }
  c.heal();
  c.settle();
  // The old owner's last message lies before the new one's first.
  std::chrono::nanoseconds last_old{0};
  auto first_new = std::chrono::nanoseconds::max();
  for (auto& row : *rows) {
    CHECK((row.epoch == old.value || row.epoch == next.value));
    if (row.epoch == old.value)
      last_old = std::max(last_old, row.at);
    else
      first_new = std::min(first_new, row.at);
  }
  CHECK(last_old < cut + 1s);
  CHECK(last_old < first_new);
  // What waited at the old owner was done by the new one, or had to wait for
  // longer than it may.
  CHECK(there.back().code() == errc::none);
  if (!by_pause)
    CHECK(there.front().code() == errc::none);
  check_books(c);
}

TEST_CASE("testing: an announced restart keeps partitions and their state, a "
          "crash does not",
          "[actor][testing]") {
  bool announced = GENERATE(true, false);
  cluster c{3};
  auto logs = c.spawn_region("log", logger, {.partitions = 6});
  c.settle();
  auto owner = *logs.owner("alice");
  logs.tell(owner, "alice", 1);
  c.run_for(1ms);
  auto epoch = logs.epoch(logs.partition_of("alice"));
  if (announced) {
    c.restart(owner, 2s);
  } else {
    c.crash(owner);
    c.run_for(2s);
    c.start(owner);
  }
  c.settle();
  INFO(c.picture());
  CHECK(logs.epoch(logs.partition_of("alice")) > epoch);
  CHECK((logs.owner("alice") == owner) == announced);
  CHECK(logs.ask<std::string>(owner, "alice", whole)
        == (announced ? "1 " : ""));
  check_books(c);
}

TEST_CASE("testing: a drained node gives everything away and is gone",
          "[actor][testing]") {
  cluster c{3};
  auto logs = c.spawn_region("log", logger, {.partitions = 6});
  c.settle();
  for (int i = 0; i < 10; ++i)
    logs.tell(0, "k" + std::to_string(i), i);
  c.stop(0);
  CHECK(!c.running(0));
  for (partition_id p = 0; p < 6; ++p)
    CHECK(logs.owner(p) != 0u);
  for (int i = 0; i < 10; ++i)
    CHECK(logs.ask<std::string>(2, "k" + std::to_string(i), whole)
              .find(std::to_string(i) + " ")
          != std::string::npos);
  CHECK(count(c, proto::EVENT_KIND_NODE_LEFT) == 1);
  CHECK(count(c, proto::EVENT_KIND_STATE_LOST) == 0);
  CHECK_THROWS_AS(c.start(0), std::logic_error);
  c.settle();

  // Another one comes, and gets its share.
  auto node = c.add_node();
  CHECK(node == 3);
  c.settle();
  std::size_t owned = 0;
  for (partition_id p = 0; p < 6; ++p)
    owned += logs.owner(p) == node;
  CHECK(owned == 2);
  CHECK(logs.ask<std::string>(node, "k3", whole).find("3 ")
        != std::string::npos);
  CHECK(c.dead_letters().empty());
  check_books(c);
}

TEST_CASE("testing: what an actor spawned ends with its node",
          "[actor][testing]") {
  struct helper {
    std::shared_ptr<int> alive;
    explicit helper(std::shared_ptr<int> x) : alive(std::move(x)) { ++*alive; }
    helper(const helper& x) : alive(x.alive) { ++*alive; }
    ~helper() { --*alive; }
  };
  auto alive = std::make_shared<int>(0);
  auto ticks = std::make_shared<int>(0);
  cluster c{2};
  auto r = c.spawn_region(
      "r",
      [=](partition* self) {
        self->spawn([h = helper{alive}, ticks](caf::event_based_actor* me) {
          me->delayed_send(me, 1ms, caf::atom("tick"));
          return caf::behavior{[=, keep = h](caf::atom_value) {
            ++*ticks;
            me->delayed_send(me, 1ms, caf::atom("tick"));
          }};
        });
        return caf::behavior{[](const std::string&, int x) { return x; }};
      },
      {.partitions = 1});
  c.settle();
  CHECK(*ticks > 0);
  CHECK(*alive > 0);
  auto owner = *r.owner(0u);
  c.crash(owner);
  CHECK(*alive == 0);
  auto before = *ticks;
  c.run_for(500ms);
  CHECK(*ticks == before);
}

TEST_CASE("testing: a whole cluster crashes and comes back with its map",
          "[actor][testing]") {
  cluster c{3};
  auto logs = c.spawn_region("log", logger, {.partitions = 6});
  c.settle();
  auto before = c.events().size();
  for (std::size_t i = 0; i < 3; ++i)
    c.crash(i);
  c.run_for(10s);
  for (std::size_t i = 0; i < 3; ++i)
    c.start(i);
  c.settle();
  CHECK(c.events().size() > before);
  logs.tell(0, "alice", 1);
  CHECK(logs.ask<std::string>(2, "alice", whole).find("1 ")
        != std::string::npos);
}
