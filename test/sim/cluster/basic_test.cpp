#include <test/catch.hpp>

#include "world.hpp"

using namespace troupe;
using namespace troupe::sim;
using namespace std::chrono_literals;

TEST_CASE("a quiet cluster comes up", "[sim]") {
  world w{{1, 3, true, quick_settings()}};
  region_settings r;
  r.name = "a";
  r.partitions = 10;
  w.add_region(r);
  for (auto* n : w.nodes())
    n->start();
  bool calm = w.run_until_calm(20s);
  INFO(w.reg().broken());
  INFO(w.unrest());
  REQUIRE(calm);
}
