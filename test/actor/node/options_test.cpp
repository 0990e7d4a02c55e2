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
