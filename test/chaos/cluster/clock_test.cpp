// Wall clocks that jump.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/load.hpp>

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

using namespace troupe::chaos;

namespace {

/// The wall clock of one node, which can be set.
class wall_clock {
public:
  // The node starts its program by a script that preloads the shift.
  wall_clock(counter_node& of, const std::string& directory)
      : file_(directory + '/' + of.name + ".shift") {
    std::ofstream{file_}.close(); // it is there from now on
    set(0);
    auto script = directory + '/' + of.name + ".sh";
    std::ofstream{script} << "#!/bin/sh\nexec env TROUPE_WALL_SHIFT=" << file_
                          << " LD_PRELOAD=" << wall_shift_library() << ' '
                          << of.program << " \"$@\"\n";
    ::chmod(script.c_str(), 0755);
    of.program = script;
  }

  void set(std::int64_t shift_ms) {
    std::fstream{file_, std::ios::in | std::ios::out | std::ios::binary}.write(
        reinterpret_cast<const char*>(&shift_ms), sizeof shift_ms);
  }

private:
  std::string file_;
};

std::int64_t here_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch())
      .count();
}

void let_pass(milliseconds time) {
  auto from = clock::now();
  (void)eventually(seconds{60}, [&] { return ms_since(from) > time.count(); });
}

} // namespace

TEST_CASE("wall clocks that jump by five minutes either way change nothing but "
          "the times that people read [R-14]",
          "[chaos][cluster]") {
  if (wall_shift_library().empty()) {
    std::printf("skipped: nothing can be preloaded under sanitizers\n");
    return;
  }
  cluster c{{3, 12, {}}};
  std::vector<wall_clock> clocks;
  for (std::size_t i = 0; i < c.size(); ++i)
    clocks.emplace_back(c[i], c.directory());
  constexpr std::int64_t jump = 5 * 60 * 1000;
  clocks[0].set(-jump); // they need not agree when they start either
  c.start();
  auto* leader = c.leader();
  REQUIRE(leader);
  auto term = leader->status()["term"];
  auto before = leader->partitions();
  load l{{c[0].http, c[1].http, c[2].http}};
  REQUIRE(l.flows(100));
  for (int round = 0; round < 3; ++round)
    for (std::int64_t to : {jump, -jump, std::int64_t{0}}) {
      // One node, two nodes, all of them, the leader among them in turn.
      for (int i = 0; i <= round; ++i)
        clocks[std::size_t(round + i) % 3].set(to);
      let_pass(milliseconds{1300}); // longer than a lease
      REQUIRE(l.flows(20));
    }
  CHECK(c.leader() == leader);
  CHECK(leader->status()["term"] == term);
  CHECK(leader->partitions() == before);

  // What the leader writes down for people shows its clock: it did jump.
  for (auto& one : clocks)
    one.set(jump);
  let_pass(milliseconds{100}); // a few looks at the clock
  auto seen = leader->events().back()["seq"].get<std::uint64_t>();
  auto to = before[0].owner == "n1" ? "n2" : "n1";
  json move{{"region", "counter"}, {"partition", 0}, {"to", to}};
  REQUIRE(leader->post("/v1/moves", move.dump()).status == 202);
  REQUIRE(eventually(seconds{10}, [&] {
    auto now = leader->partitions().at(0);
    return now.owner == to && now.stage == "running";
  }));
  for (auto& e : leader->events(seen))
    CHECK(std::abs(e["time_ms"].get<std::int64_t>() - jump - here_ms())
          < 60'000);
  l.stop();
  l.verify(c[0].http);
  INFO(l.summary());
  CHECK(l.problems().empty());
  CHECK(l.failed() == 0);
  CHECK(l.unknown() == 0);
}
