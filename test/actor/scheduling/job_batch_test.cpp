#include <atomic>
#include <semaphore>
#include <vector>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <test/catch.hpp>

#include <troupe/actors/scheduling/job_batch.hpp>
#include <troupe/actors/scheduling/scheduler.hpp>

using namespace troupe;

namespace {

void enqueue(const caf::actor& to, int x, caf::execution_unit* ctx) {
  caf::actor_cast<caf::abstract_actor*>(to)->enqueue(
      caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, x), ctx);
}

} // namespace

TEST_CASE("job batch: actors run once it is flushed, or full",
          "[actor][scheduling]") {
  caf::actor_system_config config;
  bool ours = GENERATE(true, false);
  if (ours)
    use_shared_queue(config);
  else
    config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system sys{config};
  std::counting_semaphore<> got{0};
  std::atomic<int> sum{0};
  std::vector<caf::actor> actors;
  for (int i = 0; i < 100; ++i)
    actors.push_back(sys.spawn([&](caf::event_based_actor*) -> caf::behavior {
      return {[&](int x) {
        sum += x;
        got.release();
      }};
    }));
  {
    job_batch batch{sys};
    for (auto& one : actors)
      enqueue(one, 1, &batch);
    enqueue(actors[0], 1, &batch); // it may be waiting in the batch already
    batch.flush();
    for (int i = 0; i < 101; ++i)
      got.acquire();
    CHECK(sum == 101);
    batch.flush(); // nothing to do
    enqueue(actors[1], 5, &batch);
  } // its end flushes too
  got.acquire();
  CHECK(sum == 106);
}

TEST_CASE("job batch: with CAF's scheduler for tests too",
          "[actor][scheduling]") {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("testing"));
  caf::actor_system sys{config};
  auto& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());
  int sum = 0;
  auto one = sys.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](int x) { sum += x; }};
  });
  scheduler.run();
  job_batch batch{sys};
  enqueue(one, 3, &batch);
  scheduler.run();
  CHECK(sum == 0);
  batch.flush();
  scheduler.run();
  CHECK(sum == 3);
}
