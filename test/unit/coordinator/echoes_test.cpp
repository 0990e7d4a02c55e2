// Echoes that wait, for a round or for an index.
#include <test/catch.hpp>

#include <troupe/cluster/coordinator/failure_detector.hpp>
#include <troupe/cluster/coordinator/lease.hpp>

using namespace troupe;
using namespace std::chrono_literals;

TEST_CASE("lease: of echoes that wait the first and the last count, so that a "
          "busy log starves none",
          "[unit][coordinator]") {
  lease l{cluster_settings{}};
  CHECK_FALSE(l.echoed(1000ms, log_index{9}, log_index{8}));
  CHECK_FALSE(l.echoed(1050ms, log_index{11}, log_index{8}));
  CHECK_FALSE(l.echoed(1100ms, log_index{12}, log_index{8}));
  CHECK(l.applied(log_index{9}));
  CHECK(l.end() == boot_time{2000ms});
  CHECK_FALSE(l.applied(log_index{11}));
  CHECK(l.applied(log_index{12}));
  CHECK(l.end() == boot_time{2100ms});
  CHECK_FALSE(l.echoed(1050ms, log_index{1}, log_index{12})); // never shorter
  CHECK(l.end() == boot_time{2100ms});
}

TEST_CASE("lease: a heartbeat is due each interval, or when it is to hurry",
          "[unit][coordinator]") {
  lease l{cluster_settings{}};
  CHECK(l.due(10s));
  CHECK_FALSE(l.due(10049ms));
  CHECK(l.due(10050ms));
  l.hurry();
  CHECK(l.due(10051ms));
  CHECK_FALSE(l.due(10052ms));
}

TEST_CASE("lease: news goes at once, and much of it together",
          "[unit][coordinator]") {
  cluster_settings settings;
  lease l{settings};
  CHECK_FALSE(l.due_with_news(1s)); // the first heartbeat is due anyway
  CHECK(l.due(1s));
  CHECK_FALSE(l.due_with_news(1s + 3ms)); // so close: more may come
  CHECK_FALSE(l.due_with_news(1s + 8ms));
  CHECK(l.due(1s + 10ms)); // goes with all of it
  CHECK(l.due_with_news(1s + 14ms));
  CHECK_FALSE(l.due(1s + 14ms + settings.heartbeat - 1ms)); // it counts
  CHECK(l.due(1s + 14ms + settings.heartbeat));
}

TEST_CASE("echo: one round at a time, and one for all that came meanwhile",
          "[unit][coordinator]") {
  echo_queue q;
  auto arrive = [&](std::uint64_t from) {
    return q.arrived({node_id{from}, incarnation{1}, 1ms, log_index{1}});
  };
  CHECK_FALSE(q.wants_round());
  CHECK(arrive(1));
  CHECK(q.wants_round());
  q.round_started(5);
  CHECK_FALSE(arrive(2));
  CHECK_FALSE(arrive(3));
  CHECK_FALSE(q.wants_round());
  CHECK(q.confirmed(4).empty());
  CHECK(q.confirmed(5).size() == 1);
  CHECK(q.confirmed(5).empty());
  CHECK(q.wants_round());
  q.round_started(6);
  CHECK(q.confirmed(6).size() == 2);
  CHECK_FALSE(q.wants_round());
  CHECK(arrive(1));
  q.clear(); // another leader
  CHECK_FALSE(q.wants_round());
}

TEST_CASE("detector: who begins nothing more needs no waiting, until it speaks "
          "or another leads",
          "[unit][coordinator]") {
  failure_detector d{cluster_settings{}};
  d.lead(5s, 5s);
  d.heard(node_id{1}, 5s);
  CHECK_FALSE(d.expired(node_id{1}, 5s));
  d.released(node_id{1});
  CHECK(d.expired(node_id{1}, 5s));
  CHECK_FALSE(d.expired(node_id{2}, 5s));
  SECTION("it speaks") {
    d.heard(node_id{1}, 5s);
  }
  SECTION("another leads") {
    d.lead(5s, 5s);
  }
  CHECK_FALSE(d.expired(node_id{1}, 5s));
}
