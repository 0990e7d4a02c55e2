#include <string>
#include <vector>

#include <test/catch.hpp>

#include <troupe/runtime/node_options.hpp>

using namespace troupe;

TEST_CASE("node options: presets are sound, and the death of a leader stops no "
          "known route with any",
          "[actor][node]") {
  for (auto name : {"normal", "fast", "wan"}) {
    CAPTURE(name);
    auto found = settings_preset(name);
    REQUIRE(found);
    node_options options;
    options.settings = *found;
    auto why = check(options);
    INFO(why.detail);
    CHECK_FALSE(why);
    auto& s = *found;
    // A lease outlasts the longest election and the heartbeats around it.
    CHECK(s.lease - s.handler_budget > s.election_max + 2 * s.heartbeat);
    // Two clocks whose rates differ by 2 %, and the timers' steps.
    CHECK(s.margin >= s.lease / 25 + 2 * s.tick);
    // What is held outlasts a failover, and the wait for a fence's answer.
    CHECK(s.held_message > 2 * (s.lease + s.margin));
    CHECK(s.held_message > s.fence_deadline);
    CHECK(s.move_step > 2 * (s.lease + s.margin));
  }
  CHECK_FALSE(settings_preset("slow"));
  CHECK_FALSE(settings_preset(""));
}

TEST_CASE("node options: a preset is printed, and single settings change it",
          "[actor][node]") {
  node_options options;
  options.settings = *settings_preset("fast");
  REQUIRE_FALSE(set_setting(options, "margin=45"));
  auto value = [&](const std::string& name) {
    for (auto& row : settings_of(options))
      if (row.name == name)
        return row.value + " not " + row.standard + ' ' + row.unit;
    return std::string{};
  };
  CHECK(value("heartbeat") == "15 not 50 ms");
  CHECK(value("election_min") == "100 not 350 ms");
  CHECK(value("election_max") == "200 not 700 ms");
  CHECK(value("lease") == "300 not 1000 ms");
  CHECK(value("margin") == "45 not 100 ms");
  CHECK(value("drain") == "60000 not 60000 ms");
}

TEST_CASE("node options: times that do not fit together are refused with what "
          "to do",
          "[actor][node]") {
  auto refused = [](std::vector<std::string> changes) {
    node_options options;
    for (auto& one : changes)
      REQUIRE_FALSE(set_setting(options, one));
    return check(options).detail;
  };
  auto says = [&](std::vector<std::string> changes, const char* text) {
    auto got = refused(std::move(changes));
    CAPTURE(got, text);
    CHECK(got.find(text) != std::string::npos);
  };
  CHECK(refused({}).empty());
  says({"heartbeat=5", "tick=10"}, "shorter than a tick");
  says({"election_max=600"}, "not twice election_min");
  says({"election_min=100", "election_max=200"}, "three heartbeats");
  says({"lease=100"}, "lease is not longer");
  says({"margin=9"}, "hundredth of the lease");
  CHECK(refused({"margin=10"}).empty());
}
