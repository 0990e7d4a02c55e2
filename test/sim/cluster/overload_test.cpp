// More than a partition can take.
#include "cluster.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

TEST_CASE("[R-22] ten times the load that a partition can take: senders are "
          "told, what is under way stays bounded, and the cluster is on time",
          "[sim][scenario][overload]") {
  cluster_options options;
  options.settings.stream_messages_max = 64;
  cluster c{options};
  auto* lead = c.w.leader();
  auto& owner = c.other_than(lead->id());
  auto p = c.owned_by(owner.id());
  owner.slow_handlers(10ms);
  auto& flood = c.other_than(owner.id(), lead->id());
  c.keep_sending(flood, p, 500us, 8000); // ten times too much, for 4 s
  auto term = lead->core().leadership().term;
  std::size_t most = 0;
  for (int i = 0; i < 8; ++i) {
    // Map changes go on meanwhile.
    auto other = c.owned_by(i % 2 == 0 ? lead->id() : flood.id());
    auto to = i % 2 == 0 ? flood.id() : lead->id();
    c.w.move("a", other, c.node(to).name());
    c.reach([&] { return c.runs(other, to); }, 400ms);
    c.w.run_for(400ms);
    most = std::max(most, c.w.reg().open_of(flood.process()));
    CHECK(owner.lease_end() > owner.now() + 500ms);
  }
  CHECK(most <= 64 + 8);
  CHECK(c.w.leader() == lead);
  CHECK(lead->core().leadership().term == term);
  CHECK(c.w.reg().count().dropped > 1000);
  CHECK(c.runs(p, owner.id()));
  owner.slow_handlers(0ms);
  c.w.expect_uneven();
  c.calm(30s);
}
