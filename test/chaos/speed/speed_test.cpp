// What must hold at full speed, from a client of a cluster of real processes.
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <unistd.h>

#include <caf/scoped_actor.hpp>
#include <google/protobuf/wrappers.pb.h>

#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/waiting.hpp>

#include <troupe/troupe.hpp>

namespace troupe::chaos {
namespace {

using google::protobuf::Int32Value;
using google::protobuf::StringValue;
using google::protobuf::UInt64Value;

cluster_options numbers(std::size_t nodes, unsigned partitions) {
  cluster_options out{nodes, partitions, {}};
  out.program = numbers_program();
  return out;
}

/// A node of this process that owns nothing.
class client {
public:
  client(cluster& c, unsigned partitions, std::size_t under_way_max)
      : node_(options(c, under_way_max)), partitions_(partitions) {
    region_options what;
    what.partitions = partitions;
    region_ = node_.proxy_region("counter", what);
    auto why = node_.start();
    INFO(why.detail);
    REQUIRE_FALSE(why);
  }

  const region& to() const { return region_; }

  /// What the partition took, and how much of that came at the wrong place.
  /// Zeros: it has too much to do to be asked.
  std::pair<std::uint64_t, std::uint64_t> ask(partition_id p) {
    caf::scoped_actor self{node_.system()};
    std::pair<std::uint64_t, std::uint64_t> out;
    self->request(region_.router(), caf::infinite, to_partition{p, "?"},
                  StringValue{})
        .receive(
            [&](const StringValue& x) {
              std::istringstream{x.value()} >> out.first >> out.second;
            },
            [&](const caf::error& e) {
              INFO(node_.system().render(e));
              REQUIRE(code_of(e) == errc::overloaded);
            });
    return out;
  }
  std::pair<std::uint64_t, std::uint64_t> ask_all() {
    std::pair<std::uint64_t, std::uint64_t> sum;
    for (partition_id p = 0; p < partitions_; ++p) {
      auto [taken, wrong] = ask(p);
      sum.first += taken;
      sum.second += wrong;
    }
    return sum;
  }

private:
  static node_options options(cluster& c, std::size_t under_way_max) {
    node_options out;
    for (std::size_t i = 0; i < c.size(); ++i)
      out.join.push_back(c[i].address);
    out.name = "client";
    out.weight = 0;
    out.settings.stream_messages_max = under_way_max;
    return out;
  }

  node node_;
  region region_;
  unsigned partitions_;
};

/// Each sender numbers what it sends to a partition.
class flood {
public:
  flood(const region& to, unsigned senders, unsigned partitions) {
    for (unsigned i = 0; i < senders; ++i)
      threads_.emplace_back([this, to, i, partitions] {
        std::vector<UInt64Value> next(partitions);
        auto key = "s" + std::to_string(i);
        for (partition_id p = i; !enough_; p = (p + 1) % partitions) {
          auto& n = next[p % partitions];
          auto result = to.send_within(std::chrono::seconds{30},
                                       to_partition{p % partitions, key}, n);
          if (result != errc::none) {
            why_ = result;
            break;
          }
          n.set_value(n.value() + 1);
          sent_.fetch_add(1, std::memory_order_relaxed);
        }
      });
  }
  ~flood() { stop(); }

  void stop() {
    enough_ = true;
    for (auto& one : threads_)
      one.join();
    threads_.clear();
  }
  std::uint64_t sent() const { return sent_; }
  errc why() const { return why_; }

private:
  std::atomic<bool> enough_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<errc> why_{errc::none};
  std::vector<std::thread> threads_;
};

double resident_mib(pid_t pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/statm"};
  double pages = 0;
  in >> pages >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

/// How long the move of a partition takes, in milliseconds.
double move(cluster& c, partition_id p, const std::string& to) {
  auto begun = clock::now();
  auto asked = c[0].post(
      "/v1/moves",
      json{{"region", "counter"}, {"partition", p}, {"to", to}}.dump());
  INFO(asked.text);
  REQUIRE(asked.status == 202);
  INFO(c.picture());
  REQUIRE(eventually(seconds{20}, [&] {
    auto now = c[0].partitions().at(p);
    return now.owner == to && now.stage == "running";
  }));
  return ms_since(begun);
}

} // namespace

TEST_CASE("eight senders at full speed through twenty moves: nothing is lost "
          "or doubled, and the order is kept [R-10] [SF-7]",
          "[chaos][speed]") {
  constexpr unsigned partitions = 16;
  cluster c{numbers(2, partitions)};
  c.start();
  client from{c, partitions, 4096};
  flood all{from.to(), 8, partitions};
  REQUIRE(eventually(seconds{20}, [&] { return all.sent() > 20000; }));
  auto begun = clock::now();
  auto before = all.sent();
  double longest = 0;
  for (unsigned i = 0; i < 20; ++i) {
    partition_id p = i % 4;
    auto to = c[0].partitions().at(p).owner == "n1" ? "n2" : "n1";
    longest = std::max(longest, move(c, p, to));
    CHECK(all.why() == errc::none);
  }
  measured("sent while partitions move",
           static_cast<double>(all.sent() - before) / ms_since(begun),
           "messages a ms");
  measured("longest of 20 moves at full speed", longest, "ms");
  all.stop();
  CHECK(all.why() == errc::none);
  auto [taken, wrong] = from.ask_all();
  CHECK(taken == all.sent());
  CHECK(wrong == 0);
}

TEST_CASE("ten times the load that a partition can take: memory stays flat, "
          "leases and moves are on time, and senders are told [R-22]",
          "[chaos][speed]") {
  constexpr unsigned partitions = 12;
  constexpr std::size_t under_way_max = 3000;
  cluster c{numbers(3, partitions)};
  c.start();
  client from{c, partitions, under_way_max};
  REQUIRE(from.ask_all().first == 0);
  auto owner = c[0].partitions().at(0).owner;
  auto since = c[0].events().size();
  // It takes one a millisecond, and is sent ten.
  std::atomic<bool> enough{false};
  std::uint64_t accepted = 0, refused = 0, other = 0;
  std::thread sender{[&] {
    Int32Value us;
    us.set_value(1000);
    auto next = clock::now();
    while (!enough) {
      for (int i = 0; i < 100; ++i) {
        auto result = from.to().send(to_partition{0, "k"}, us);
        ++(result == errc::none         ? accepted
           : result == errc::overloaded ? refused
                                        : other);
      }
      next += milliseconds{10};
      std::this_thread::sleep_until(next);
    }
  }};
  // Until its queue is full, and then as long again.
  std::this_thread::sleep_for(seconds{2});
  auto begin = resident_mib(c.node(owner).child.id());
  auto begin_here = resident_mib(::getpid());
  double longest = 0;
  for (unsigned i = 0; i < 6; ++i) {
    partition_id p = 1 + i % 3;
    auto now = c[0].partitions().at(p).owner;
    longest = std::max(longest, move(c, p,
                                     now == "n1"   ? "n2"
                                     : now == "n2" ? "n3"
                                                   : "n1"));
    std::this_thread::sleep_for(milliseconds{300});
  }
  auto grown = resident_mib(c.node(owner).child.id()) - begin;
  auto grown_here = resident_mib(::getpid()) - begin_here;
  enough = true;
  sender.join();
  measured("growth of the overloaded owner", grown, "MiB");
  measured("growth of who sends to it", grown_here, "MiB");
  measured("longest of 6 moves beside it", longest, "ms");
  // A second of the load alone would be 10,000 messages, 5 MiB and more.
  CHECK(grown < 16);
  CHECK(grown_here < 16);
  CHECK(other == 0);
  CHECK(refused > 4 * accepted);
  CHECK(longest < 2000);
  for (auto& e : c[0].events(since)) {
    INFO(e.dump());
    CHECK(e["event"] != "node_down");
    CHECK(e["event"] != "leader_changed");
  }
  // Each is told the truth: what was accepted is done, and nothing else.
  CHECK(eventually(seconds{30}, [&] { return from.ask(0).first >= accepted; }));
  CHECK(from.ask(0).first == accepted);
}

} // namespace troupe::chaos
