// What a timeout costs a request: actors keep N requests open to another in the
// same process, 64 each (CAF looks through all that an actor has open for each
// answer), with a timeout of ten seconds that does not fire.
//
//   bench_timeout [SECONDS]     default: 2 for each row
//
// "caf": CAF's sharing workers and its clock. "troupe": troupe's, and who
// answers ends the timeout, as troupe's routers do. Prints microseconds of
// wall time a request.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <caf/all.hpp>

#include <troupe/actors/scheduling/actor_timers.hpp>
#include <troupe/actors/scheduling/scheduler.hpp>

namespace {

using clock_type = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

caf::behavior answers(caf::event_based_actor*) {
  return {[](int x) { return x; }};
}

struct asker_state {
  std::uint64_t answers = 0;
  int open = 0;
};

caf::behavior ask(caf::stateful_actor<asker_state>* self, caf::actor to,
                  int open, clock_type::time_point until,
                  troupe::actor_timers* timers,
                  std::atomic<std::uint64_t>* sum) {
  auto one = [=](auto& again) -> void {
    auto sent = self->request(to, std::chrono::seconds{10}, 1);
    auto id = sent.id();
    sent.then([=](int) {
      if (timers)
        timers->cancel_request_timeout(self, id);
      ++self->state.answers;
      if (clock_type::now() < until) {
        again(again);
      } else if (--self->state.open == 0) {
        sum->fetch_add(self->state.answers);
        self->quit();
      }
    });
  };
  self->state.open = open;
  for (int i = 0; i < open; ++i)
    one(one);
  return {[](int) {}};
}

double row(bool ours, int open, seconds span) {
  caf::actor_system_config config;
  if (ours)
    troupe::use_shared_queue(config);
  else
    config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system sys{config};
  auto* timers = troupe::actor_timers::of(sys);
  std::atomic<std::uint64_t> answered{0};
  auto begun = clock_type::now();
  auto until = begun + std::chrono::duration_cast<clock_type::duration>(span);
  std::vector<caf::actor> askers;
  caf::scoped_actor self{sys};
  auto to = self->spawn(answers);
  for (int left = open; left > 0; left -= 64)
    askers.push_back(
        sys.spawn(ask, to, std::min(left, 64), until, timers, &answered));
  self->wait_for(askers);
  seconds took = clock_type::now() - begun;
  return took.count() * 1e6 / static_cast<double>(answered);
}

} // namespace

int main(int argc, char** argv) {
  seconds span{argc > 1 ? std::atof(argv[1]) : 2};
  std::puts("| open requests | caf, us | troupe, us |\n|---:|---:|---:|");
  for (int open : {1, 64, 1024, 16384, 1000000}) {
    auto theirs = row(false, open, span);
    auto ours = row(true, open, span);
    std::printf("| %d | %.2f | %.2f |\n", open, theirs, ours);
    std::fflush(stdout);
  }
}
