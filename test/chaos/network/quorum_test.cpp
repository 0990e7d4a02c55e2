// Nodes that the network cuts off from the quorum.
#include <test/catch.hpp>

#include <algorithm>
#include <sstream>

#include "witnessed.hpp"

using namespace troupe::chaos;

namespace {

constexpr std::int64_t ms = 1'000'000; // in ns
constexpr std::int64_t lease = 1000 * ms;

// What is local to the node, of that kind.
std::vector<json> local_events(counter_node& node, const std::string& kind) {
  std::vector<json> out;
  std::istringstream lines{
      node.get("/v1/events?local=true&follow=false&since=0").text};
  for (std::string line; std::getline(lines, line);)
    if (auto event = json::parse(line); event["event"] == kind)
      out.push_back(event);
  return out;
}

answer ask(counter_node& node, const std::string& region, unsigned partition) {
  return node.post("/v1/regions/" + region
                       + "/send?partition=" + std::to_string(partition),
                   R"({"type":"counter.Get","message":{},"timeout_ms":200})");
}

// Of those since then, when the last began; 0: none did.
std::int64_t last_begun(witnessed& c, const std::string& region,
                        std::int64_t from, std::int64_t to) {
  std::int64_t out = 0;
  for (auto& x : c.runs())
    if (x.region == region && x.begun_ns > from && x.begun_ns < to)
      out = std::max(out, x.begun_ns);
  return out;
}

unsigned owned(counter_node& node, const std::string& region) {
  auto map = node.partitions(region);
  for (unsigned p = 0; p < map.size(); ++p)
    if (map[p].owner == node.name)
      return p;
  throw std::runtime_error{node.name + " owns nothing of " + region};
}

} // namespace

TEST_CASE("no node hears another: a strict region ends with its lease, one "
          "that keeps running says for how long; healed, the map is the same "
          "[AR-11]",
          "[chaos][network]") {
  witnessed c{{3, 6}};
  c.start();
  REQUIRE(eventually(seconds{10}, [&] {
    auto map = c[0].partitions("loose");
    return std::all_of(map.begin(), map.end(),
                       [](auto& p) { return p.stage == "running"; });
  }));
  auto strict = c[0].partitions();
  auto loose = c[0].partitions("loose");
  std::vector<std::pair<counter_node*, std::pair<unsigned, unsigned>>> own;
  for (auto* one : c.running())
    own.push_back({one, {owned(*one, "counter"), owned(*one, "loose")}});

  for (auto* one : c.running())
    c.isolate(*one);
  auto cut = boot_ns();
  unsigned loose_answers = 0;
  CHECK(always(milliseconds{3000}, [&] {
    for (auto& [node, p] : own) {
      ask(*node, "counter", p.first);
      auto got = ask(*node, "loose", p.second);
      if (!got.good())
        return false;
      ++loose_answers;
    }
    return true;
  }));
  auto healed = boot_ns();
  for (auto* one : c.running()) {
    CAPTURE(one->name);
    CHECK_FALSE(one->ready());
    CHECK(one->metric("troupe_lease_seconds") == 0);
    CHECK(one->metric("troupe_degraded_seconds") > 1);
    auto said = local_events(*one, "degraded");
    REQUIRE(said.size() == 1);
    CHECK(said[0]["region"] == "loose");
    CHECK(local_events(*one, "restored").empty());
  }
  auto took = c.healed_ms();
  REQUIRE(took);
  measured("all nodes alone, healed, until all answer", *took, "ms");
  c.wait_settled(seconds{5});

  // Not one began later than a lease that was sent for before the cut allows.
  auto last = last_begun(c, "counter", cut, healed);
  CHECK(last > cut);
  CHECK(last < cut + lease);
  measured("cut off, until the last strict message began",
           static_cast<double>((last - cut) / ms), "ms");
  CHECK(loose_answers > 20);
  CHECK(last_begun(c, "loose", cut, healed) > healed - 500 * ms);

  CHECK(c[0].partitions() == strict);
  CHECK(c[0].partitions("loose") == loose);
  for (auto* one : c.running()) {
    CAPTURE(one->name);
    std::vector<json> over;
    CHECK(eventually(seconds{5}, [&] {
      over = local_events(*one, "restored");
      return over.size() == 1 && one->metric("troupe_degraded_seconds") == 0;
    }));
    REQUIRE(over.size() == 1);
    CHECK(over[0]["region"] == "loose");
    CHECK(over[0]["cause"] == "lease again");
    // From the end of the lease to the first lease after healing.
    auto lasted = over[0]["duration_ms"].get<double>();
    auto apart = static_cast<double>((healed - cut) / ms);
    CHECK(lasted > apart - 1000);
    CHECK(lasted < apart + 5000);
  }
  CHECK(overlaps(c.runs()).empty());
}

TEST_CASE(
    "a node is cut off and its partitions are given away: the strict ones "
    "begin elsewhere after they ended, those that keep running end when "
    "it hears of it [AR-11]",
    "[chaos][network]") {
  witnessed c{{3, 6}};
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  REQUIRE(eventually(seconds{10}, [&] {
    auto map = leader->partitions("loose");
    return std::all_of(map.begin(), map.end(),
                       [](auto& p) { return p.stage == "running"; });
  }));
  auto& alone = c.other_than({leader});
  auto& rest = c.other_than({leader, &alone});
  auto strict = owned(alone, "counter");
  auto loose = owned(alone, "loose");
  auto old = alone.partitions("loose").at(loose).epoch;

  c.isolate(alone);
  auto cut = boot_ns();
  // Both sides ask their own owner, until well after both have one.
  auto until = clock::now() + seconds{10};
  bool replaced = false;
  unsigned both = 0;
  while (clock::now() < until && both < 20) {
    ask(alone, "counter", strict);
    ask(rest, "counter", strict);
    bool here = ask(alone, "loose", loose).good();
    auto there = ask(rest, "loose", loose);
    replaced = there.good() && there.body()["epoch"] > old;
    CHECK(here);
    both += here && replaced;
  }
  CHECK(both == 20);
  CHECK(local_events(alone, "degraded").size() == 1);
  auto healed = boot_ns();
  auto took = c.healed_ms();
  REQUIRE(took);
  measured("one node alone, healed, until all answer", *took, "ms");
  c.wait_balanced(seconds{10});

  std::vector<json> over;
  CHECK(eventually(seconds{5}, [&] {
    over = local_events(alone, "restored");
    return over.size() == 1;
  }));
  REQUIRE(over.size() == 1);
  CHECK(over[0]["region"] == "loose");
  CHECK(over[0]["duration_ms"].get<double>()
        > static_cast<double>((healed - cut) / ms) - 1000);

  auto all = c.runs();
  std::int64_t last_old = 0;
  for (auto& x : all)
    if (x.region == "loose" && x.partition == loose && x.epoch == old)
      last_old = std::max(last_old, x.begun_ns);
  CHECK(last_old > cut + lease);
  CHECK(last_old < healed + 5 * lease);
  // Two owners at once, which is what that region gives up, and only that one.
  CHECK_FALSE(overlaps(all).empty());
  std::erase_if(all, [](auto& x) { return x.region == "loose"; });
  CHECK(overlaps(all).empty());
  // The next owner of the strict one was at work meanwhile.
  CHECK(last_begun(c, "counter", cut + lease, healed) > 0);
}
