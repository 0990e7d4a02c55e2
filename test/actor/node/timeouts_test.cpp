// Timeouts of requests through a router.
#include <chrono>

#include <caf/all.hpp>
#include <test/catch.hpp>

#include <troupe/actors/scheduling/actor_timers.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr int many = 200;

/// Answers requests when it is told to, by a text.
caf::behavior late(partition* self) {
  auto kept = std::make_shared<std::vector<caf::response_promise>>();
  return {[=](const std::string&, int) {
            kept->push_back(self->make_response_promise());
            return kept->back();
          },
          [=](const std::string&, const std::string&) {
            for (auto& one : *kept)
              one.deliver(1);
            kept->clear();
          }};
}

} // namespace

TEST_CASE("node: what answers a request ends its timeout", "[actor][node]") {
  node host;
  region_options one;
  one.partitions = 1;
  auto here = host.spawn_region("late", late, one);
  REQUIRE_FALSE(host.start());
  node_options options;
  options.join = {host.address()};
  options.weight = 0;
  node client{options};
  auto there = client.proxy_region("late", one);
  REQUIRE_FALSE(client.start());
  bool local = GENERATE(true, false);
  auto& asks = local ? host : client;
  auto& to = local ? here : there;
  auto* timers = actor_timers::of(asks.system());
  REQUIRE(timers);
  caf::scoped_actor self{asks.system()};
  std::vector<decltype(self->request(to.router(), 60min, std::string{}, 1))>
      open;
  for (int i = 0; i < many; ++i)
    open.push_back(self->request(to.router(), 60min, std::string{"k"}, i));
  CHECK(timers->size() >= many);
  CHECK(to.send("k", std::string{"now"}) == errc::none);
  for (auto& one : open)
    one.receive([](int) {},
                [&](const caf::error& e) { FAIL(asks.system().render(e)); });
  CHECK(timers->size() < many / 2); // those of the node itself
}

TEST_CASE("node: a request that nobody answers in time fails with "
          "request_timeout",
          "[actor][node]") {
  node n;
  auto r = n.spawn_region("late", late);
  REQUIRE_FALSE(n.start());
  caf::scoped_actor self{n.system()};
  caf::error why;
  self->request(r.router(), 20ms, std::string{"k"}, 1)
      .receive([](int) {}, [&](const caf::error& e) { why = e; });
  CHECK(why == caf::sec::request_timeout);
  CHECK(r.send("k", std::string{"now"}) == errc::none);
}
