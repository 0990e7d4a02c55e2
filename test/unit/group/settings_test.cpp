#include <string>

#include <test/catch.hpp>

#include <troupe/cluster/group/settings.hpp>

using namespace troupe;
using namespace troupe::raft;
using namespace std::chrono_literals;

namespace {

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != text.npos;
}

} // namespace

TEST_CASE("group settings: a flaw names the setting, its value with the unit "
          "and what to do",
          "[unit][group]") {
  group_settings cfg;
  CHECK(find_flaw(cfg) == "");
  std::string want;
  SECTION("heartbeat below the tick") {
    cfg.heartbeat = 7500us;
    want = "heartbeat is 7.5 ms, below the tick of 25 ms: make it one tick";
  }
  SECTION("election below two heartbeats") {
    cfg.election = 99ms;
    want = "election is 99 ms: make it at least 100 ms";
  }
  SECTION("no time at all") {
    cfg.tick = 0ms;
    want = "tick is 0 ms: it takes 1 to 10000 ms";
  }
  SECTION("timeouts below zero") {
    cfg.propose_timeout = -1500ms;
    want = "propose_timeout is -1500 ms: it takes 1 to 3600000 ms";
  }
  SECTION("no voters") {
    cfg.voters_min = 0;
    want = "voters_min is 0 members: it takes 1 to 1024 members";
  }
  SECTION("a maximum below the minimum") {
    cfg.voters_min = 3;
    cfg.members_max = 2;
    want = "members_max is 2, below voters_min, which is 3: raise it";
  }
  SECTION("clocks without any rate") {
    cfg.clock_error_percent = 100;
    want = "clock_error_percent is 100 percent: it takes 0 to 99 percent";
  }
  SECTION("a priority beyond all others") {
    cfg.priority = -2000;
    want = "priority is -2000: it takes -1024 to 1024";
  }
  SECTION("commands beyond a frame") {
    cfg.command_bytes_max = 64 << 20;
    want = "command_bytes_max is 67108864 bytes: it takes 1 to 8388608 bytes";
  }
  SECTION("less room than one command needs") {
    cfg.pending_bytes_max = 100;
    want = "pending_bytes_max is 100 bytes, below command_bytes_max of 1048576 "
           "bytes: raise it";
  }
  SECTION("pieces of no bytes") {
    cfg.chunk_bytes = 0;
    want = "chunk_bytes is 0 bytes: it takes 1 to 8388608 bytes";
  }
  if (!want.empty()) {
    INFO(find_flaw(cfg));
    CHECK(find_flaw(cfg).starts_with(want));
  }
}

TEST_CASE("group settings: presets are sound, and known by name",
          "[unit][group]") {
  for (auto name : {"normal", "fast", "wan"}) {
    auto x = group_settings::preset(name);
    REQUIRE(x);
    CHECK(find_flaw(*x) == "");
    // A command outlives an election in which the vote is split once.
    CHECK(x->leader_wait >= 4 * x->election);
    CHECK(x->propose_timeout > x->leader_wait);
    CHECK(lease_length(*x) < x->election);
    CHECK(lease_length(*x) > 2 * x->heartbeat);
    CHECK(core_settings(*x, member_id{1}, 1).heartbeat_ticks * x->tick
          == x->heartbeat);
    CHECK(core_settings(*x, member_id{1}, 1).election_ticks * x->tick
          == x->election);
  }
  CHECK(group_settings::fast().heartbeat == 15ms);
  CHECK(group_settings::fast().election == 100ms);
  CHECK(group_settings::wan().election > group_settings{}.election);
  CHECK_FALSE(group_settings::preset("slow"));
}

TEST_CASE("group settings: all can be printed, and set by what was printed",
          "[unit][group]") {
  auto fast = group_settings::fast();
  fast.snapshots = *parse_snapshot_policy("900s:1,60s:10000");
  fast.priority = -3;
  fast.tick = 7500us;
  group_settings copy;
  for (auto& x : settings_of(fast)) {
    CHECK_FALSE(x.description.empty());
    CHECK(set_setting(copy, x.name + "=" + x.value) == "");
  }
  auto want = settings_of(fast);
  auto got = settings_of(copy);
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    CHECK(got[i].value == want[i].value);
  CHECK(copy.tick == 7500us);
  CHECK(copy.election == 100ms);
  CHECK(got[0].name == "tick");
  CHECK(got[0].unit == "ms");
  CHECK(got[0].value == "7.5");
  CHECK(got[0].standard == "25");
}

TEST_CASE("group settings: what cannot be set says what can", "[unit][group]") {
  group_settings x;
  CHECK(says(set_setting(x, "election"), "is not NAME=VALUE"));
  CHECK(says(set_setting(x, "elections=5"), "there are tick, heartbeat,"));
  for (auto bad : {"election=", "election=5x", "election=-1", "election=1e99",
                   "election=nan", "election=3"})
    CHECK(says(set_setting(x, bad), "it takes 4 to 600000 ms"));
  CHECK(says(set_setting(x, "log_tail=1.5"), "entries"));
  CHECK(says(set_setting(x, "snapshots=sometimes"), "write never"));
  CHECK(x.election == group_settings{}.election);
}

TEST_CASE("[HR-3] snapshot policy: never, every so many changes or seconds, "
          "and lists of both",
          "[unit][group]") {
  auto due = [](const std::string& text, boot_time since, std::uint64_t n) {
    auto x = parse_snapshot_policy(text);
    REQUIRE(x);
    CHECK(to_string(*x) == text);
    return x->due(since, n);
  };
  CHECK_FALSE(due("never", 1000h, 1'000'000));
  CHECK_FALSE(due("100", 1000h, 99));
  CHECK(due("100", 0s, 100));
  CHECK_FALSE(due("60s", 59s, 1'000'000));
  CHECK_FALSE(due("60s", 1000h, 0)); // nothing new
  CHECK(due("60s", 60s, 1));
  CHECK_FALSE(due("900s,60s:10000", 899s, 9999));
  CHECK(due("900s,60s:10000", 60s, 10000));
  CHECK(due("900s,60s:10000", 900s, 1));
  CHECK(to_string(snapshot_policy::every(30s)) == "30s");
  CHECK(to_string(*parse_snapshot_policy("900s:1")) == "900s");
  CHECK(to_string(snapshot_policy::every_changes(7)) == "7");
  for (auto bad : {"", "x", "0", "-1", "1.5", "s", "0s", "60s:", "60s:0",
                   "60:10", "60s,", ",", "60s;10", "99999999999s"})
    CHECK_FALSE(parse_snapshot_policy(bad));
}
