// Disks without room, under nodes at work.
#include <test/catch.hpp>
#include <test/chaos/harness/small_disk.hpp>

#include "witnessed.hpp"

using namespace troupe::chaos;

namespace {

// A change of the map that needs a mebibyte in every log, and moves nothing: no
// node has such a label.
answer change(counter_node& node, char filling) {
  json body{
      {"strategy", "pinned"},
      {"strategy_options", {{"11", "zone=" + std::string(1u << 20, filling)}}}};
  return node.post("/v1/regions/counter", body.dump());
}

} // namespace

TEST_CASE(
    "a disk fills up: its node ends with a word, the others go on, and it "
    "comes back when there is room [HR-5]",
    "[chaos][disk]") {
  witnessed c;
  auto& full = c[2];
  // The log has a file of 16 MiB and has prepared the next one; the third finds
  // no room.
  small_disk disk{full.data, 40};
  if (disk.skipped())
    return;
  c.start();
  load_options crashing;
  crashing.crashes = true;
  load l{c.https(), crashing};
  REQUIRE(l.flows(100));
  auto id = full.status()["node"]["id"];

  unsigned changes = 0;
  unsigned acknowledged = 0;
  while (full.child.running() && changes < 200)
    acknowledged += change(c[0], 'a' + char(++changes % 2)).good();
  CHECK(acknowledged + 1 >= changes);
  measured("large changes until a disk was full", changes, "");
  auto said = full.child.output();
  CAPTURE(said.substr(said.size() - std::min<std::size_t>(said.size(), 2000)));
  CHECK(full.child.wait(seconds{5}) == 1);
  auto says = [&](const std::string& what) {
    return full.child.output().find(what) != std::string::npos;
  };
  CHECK(says("make room"));
  CHECK(says(full.data));

  // The others go on.
  CHECK(eventually(seconds{10}, [&] {
    for (auto& p : c[0].partitions())
      if (p.stage != "running" || p.owner == full.name)
        return false;
    return true;
  }));
  REQUIRE(l.flows(100));
  auto more = change(c[0], 'c');
  CAPTURE(more.text);
  CHECK(more.good());
  auto version = c[0].get("/v1/regions/counter").body()["version"];

  // Started without room it says so again.
  full.start();
  if (auto status = full.child.wait(seconds{4})) {
    CHECK(*status == 1);
  } else {
    full.child.kill();
  }

  REQUIRE(disk.resize(128));
  full.start();
  c.wait_settled(seconds{20});
  CHECK(full.status()["node"]["id"] == id);
  CHECK(full.get("/v1/regions/counter").body()["version"] >= version);
  c.wait_balanced(seconds{20});
  REQUIRE(l.flows(100));
  CHECK(c.unsound(l) == "");
}
