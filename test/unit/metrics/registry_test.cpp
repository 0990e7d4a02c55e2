#include <test/catch.hpp>

#include <troupe/runtime/metrics/registry.hpp>

#include <array>
#include <limits>
#include <thread>
#include <vector>

using namespace troupe::metrics;

TEST_CASE("metrics: the text is what Prometheus reads", "[unit][metrics]") {
  registry all;
  all.count("b_total", "Counts.", {{"kind", "x"}}).inc(3);
  all.count("b_total", "Counts.", {{"kind", "a"}}).inc();
  all.level("c", "Goes up\nand down, \\.").set(-2.5);
  std::array bounds{0.1, 1.0};
  auto& h = all.distribution("a_seconds", "Takes.", bounds, {{"op", "q"}});
  for (double x : {0.05, 0.1, 0.5, 7.0})
    h.observe(x);
  CHECK(all.text()
        == "# HELP a_seconds Takes.\n"
           "# TYPE a_seconds histogram\n"
           "a_seconds_bucket{op=\"q\",le=\"0.1\"} 2\n"
           "a_seconds_bucket{op=\"q\",le=\"1\"} 3\n"
           "a_seconds_bucket{op=\"q\",le=\"+Inf\"} 4\n"
           "a_seconds_sum{op=\"q\"} 7.65\n"
           "a_seconds_count{op=\"q\"} 4\n"
           "# HELP b_total Counts.\n"
           "# TYPE b_total counter\n"
           "b_total{kind=\"a\"} 1\n"
           "b_total{kind=\"x\"} 3\n"
           "# HELP c Goes up\\nand down, \\\\.\n"
           "# TYPE c gauge\n"
           "c -2.5\n");
}

TEST_CASE("metrics: label values are escaped", "[unit][metrics]") {
  registry all;
  all.count("x", "X.", {{"name", "a\"b\\c\nd"}});
  CHECK(all.text().find("x{name=\"a\\\"b\\\\c\\nd\"} 0\n")
        != std::string::npos);
}

TEST_CASE("metrics: the same name and labels are the same metric",
          "[unit][metrics]") {
  registry all;
  auto& x = all.count("x", "X.", {{"a", "1"}});
  CHECK(&x == &all.count("x", "X.", {{"a", "1"}}));
  CHECK(&x != &all.count("x", "X.", {{"a", "2"}}));
}

TEST_CASE("metrics: a computed gauge is read until its handle goes",
          "[unit][metrics]") {
  registry all;
  double value = std::numeric_limits<double>::infinity();
  auto handle = all.computed("x", "X.", [&] { return value; });
  CHECK(all.text().find("\nx +Inf\n") != std::string::npos);
  value = 2;
  CHECK(all.text().find("\nx 2\n") != std::string::npos);
  handle.reset();
  CHECK(all.text().find("\nx 2\n") == std::string::npos);
  handle = all.computed("x", "X.", [] { return 3.0; });
  CHECK(all.text().find("\nx 3\n") != std::string::npos);
}

TEST_CASE("metrics: a handle may outlive its registry", "[unit][metrics]") {
  std::shared_ptr<void> handle;
  {
    registry all;
    handle = all.computed("x", "X.", [] { return 1.0; });
  }
  handle.reset();
}

TEST_CASE("metrics: nothing is lost between threads", "[unit][metrics]") {
  registry all;
  auto& sum = all.level("sum", "Sum.");
  auto& h = all.distribution("h", "H.", latency_bounds_s());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      auto& x = all.count("x", "X.");
      for (int i = 0; i < 10'000; ++i) {
        x.inc();
        sum.add(1);
        h.observe(0.5);
        if (i % 1000 == 0)
          all.text();
      }
    });
  for (auto& t : threads)
    t.join();
  CHECK(all.count("x", "X.").value() == 40'000);
  CHECK(sum.value() == 40'000);
  CHECK(h.sum() == 20'000);
  std::uint64_t observed = 0;
  for (auto n : h.counts())
    observed += n;
  CHECK(observed == 40'000);
}
