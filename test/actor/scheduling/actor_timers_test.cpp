#include <atomic>
#include <chrono>
#include <thread>

#include <caf/all.hpp>
#include <test/catch.hpp>

#include <troupe/actors/scheduling/actor_timers.hpp>
#include <troupe/actors/scheduling/scheduler.hpp>

using namespace troupe;
using namespace std::chrono_literals;
using clock_type = caf::actor_clock::clock_type;

namespace {

struct timed_system {
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> sys;

  timed_system() {
    use_shared_queue(config);
    sys = std::make_unique<caf::actor_system>(config);
    REQUIRE(actor_timers::of(*sys));
  }
  actor_timers& timers() { return *actor_timers::of(*sys); }
};

/// Answers nobody.
caf::behavior silent(caf::event_based_actor* self) {
  auto kept = std::make_shared<std::vector<caf::response_promise>>();
  return {[=](int) {
    kept->push_back(self->make_response_promise());
    return kept->back();
  }};
}

} // namespace

TEST_CASE("timers: a request without an answer times out, not before its time",
          "[actor][scheduling]") {
  timed_system s;
  auto to = s.sys->spawn(silent);
  caf::scoped_actor self{*s.sys};
  auto begun = clock_type::now();
  caf::error why;
  self->request(to, 30ms, 1)
      .receive([](int) {}, [&](caf::error& e) { why = e; });
  CHECK(clock_type::now() - begun >= 30ms);
  CHECK(why == caf::sec::request_timeout);
  CHECK(s.timers().size() == 0);
  caf::anon_send_exit(to, caf::exit_reason::kill);
}

TEST_CASE("timers: a request that was answered has none any more",
          "[actor][scheduling]") {
  timed_system s;
  auto to = s.sys->spawn(silent);
  caf::scoped_actor self{*s.sys};
  std::vector<caf::message_id> requests;
  for (int i = 0; i < 1000; ++i)
    requests.push_back(self->request(to, 60min, i).id());
  REQUIRE(s.timers().size() == 1000);
  auto who = caf::actor_cast<caf::strong_actor_ptr>(self);
  for (std::size_t i = 0; i < 500; ++i)
    s.timers().cancel_request_timeout(who->get(), requests[i]);
  s.timers().cancel_request_timeout(who->get(), requests[0]); // again
  CHECK(s.timers().size() == 500);
  s.timers().cancel_timeouts(who->get());
  CHECK(s.timers().size() == 0);
  caf::anon_send_exit(to, caf::exit_reason::kill);
}

TEST_CASE("timers: delayed messages come in the order of their times",
          "[actor][scheduling]") {
  timed_system s;
  caf::scoped_actor self{*s.sys};
  auto begun = clock_type::now();
  for (int ms : {40, 10, 30, 20, 0})
    self->delayed_send(self, std::chrono::milliseconds{ms}, ms);
  for (int expected : {0, 10, 20, 30, 40})
    self->receive([&](int ms) {
      CHECK(ms == expected);
      CHECK(clock_type::now() - begun >= std::chrono::milliseconds{ms});
    });
}

TEST_CASE(
    "timers: an actor's timeout is replaced by the next, and ends with it",
    "[actor][scheduling]") {
  timed_system s;
  std::atomic<int> idle{0};
  auto waiting = s.sys->spawn([&](caf::event_based_actor* self) {
    return caf::behavior{[](int) {}, caf::after(50ms) >>
                                         [&idle, self] {
                                           ++idle;
                                           self->quit();
                                         }};
  });
  auto begun = clock_type::now();
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(20ms);
    caf::anon_send(waiting, i);
  }
  caf::scoped_actor self{*s.sys};
  self->wait_for(waiting);
  CHECK(idle == 1);
  CHECK(clock_type::now() - begun >= 130ms);
  auto other = s.sys->spawn([](caf::event_based_actor* me) {
    return caf::behavior{[me](int) { me->quit(); }, caf::after(60min) >> [] {}};
  });
  caf::anon_send(other, 1);
  self->wait_for(other); // it tells that it ends before it has
  for (int i = 0; i < 2000 && s.timers().size() > 0; ++i)
    std::this_thread::sleep_for(1ms);
  CHECK(s.timers().size() == 0);
}

TEST_CASE("timers: a message to a group is delivered in its time",
          "[actor][scheduling]") {
  timed_system s;
  auto group = s.sys->groups().anonymous();
  caf::scoped_actor self{*s.sys};
  self->join(group);
  self->delayed_send(group, 10ms, 7);
  int got = 0;
  self->receive([&](int x) { got = x; });
  CHECK(got == 7);
}

TEST_CASE("timers: many threads set and cancel them while others fire",
          "[actor][scheduling]") {
  timed_system s;
  std::atomic<int> fired{0};
  auto count = s.sys->spawn([&](caf::event_based_actor*) {
    return caf::behavior{[&](int) { ++fired; }};
  });
  constexpr int threads = 4, each = 5000;
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      caf::scoped_actor self{*s.sys};
      auto who = caf::actor_cast<caf::strong_actor_ptr>(self);
      for (int i = 0; i < each; ++i) {
        auto due = clock_type::now() + std::chrono::microseconds{i * 7 % 3000};
        s.timers().schedule_message(
            due, caf::actor_cast<caf::strong_actor_ptr>(count),
            caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, t));
        caf::message_id id{static_cast<std::uint64_t>(i + 1)};
        auto request = caf::make_message_id(id.integer_value());
        s.timers().set_request_timeout(due + 1h, who->get(),
                                       request.response_id());
        s.timers().answered(who, request);
      }
    });
  for (auto& one : all)
    one.join();
  for (int i = 0; i < 2000 && fired < threads * each; ++i)
    std::this_thread::sleep_for(5ms);
  CHECK(fired == threads * each);
  CHECK(s.timers().size() == 0);
}
