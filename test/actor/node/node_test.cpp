#include <test/catch.hpp>

#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <caf/scoped_actor.hpp>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

caf::behavior doubler(partition* self) {
  return {
      [](const std::string&, int x) { return x * 2; },
      [self](const std::string&, caf::atom_value) {
        return static_cast<int>(self->number());
      },
  };
}

struct count {
  int total = 0;
};

caf::behavior counter(stateful_partition<count>* self) {
  return {[self](const std::string&, int x) { return self->state.total += x; }};
}

class adder : public partition {
public:
  adder(caf::actor_config& cfg, partition_context where, int add)
      : partition(cfg, std::move(where)), add_(add) {}

  caf::behavior make_behavior() override {
    return {[this](const std::string&, int x) { return x + add_; }};
  }

private:
  int add_;
};

// The answer, or -(code of the error).
template <class... Ts>
int ask(node& by, const region& to, Ts... xs) {
  caf::scoped_actor self{by.system()};
  int out = 0;
  self->request(to.router(), 10s, std::move(xs)...)
      .receive([&](int x) { out = x; },
               [&](const caf::error& why) {
                 out = -static_cast<int>(code_of(why));
               });
  return out;
}

class directory {
public:
  directory() {
    auto form =
        (std::filesystem::temp_directory_path() / "node-test-XXXXXX").string();
    path_ = ::mkdtemp(form.data());
  }
  ~directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }

private:
  std::string path_;
};

node_options named(const std::string& name) {
  node_options out;
  out.name = name;
  return out;
}

} // namespace

TEST_CASE("node: one process with no option at all", "[actor][node]") {
  node n;
  auto doubled = n.spawn_region("doubler", doubler);
  auto counted = n.spawn_region("counter", counter);
  auto added = n.spawn_region<adder>("adder", {}, 5);
  CHECK(ask(n, doubled, std::string{"k"}, 1)
        == -static_cast<int>(errc::wrong_state));
  REQUIRE_FALSE(n.start());
  CHECK(ask(n, doubled, std::string{"k"}, 21) == 42);
  CHECK(ask(n, counted, std::string{"k"}, 3) == 3);
  CHECK(ask(n, counted, std::string{"k"}, 4) == 7);
  CHECK(ask(n, added, std::string{"k"}, 4) == 9);
  CHECK(ask(n, doubled, to_partition{17, "k"}, caf::atom("which")) == 17);
  auto late = n.spawn_region("late", doubler); // after the start
  CHECK(ask(n, late, std::string{"k"}, 8) == 16);
  n.stop();
  CHECK(ask(n, doubled, std::string{"k"}, 1)
        == -static_cast<int>(errc::stopping));
}

TEST_CASE("node: [AR-10] it starts once and stops as often as one likes",
          "[actor][node]") {
  node n;
  REQUIRE_FALSE(n.start());
  CHECK(n.start().code == errc::wrong_state);
  n.stop();
  n.stop(node::stop_kind::now);
  CHECK(n.start().code == errc::wrong_state);
}

TEST_CASE("node: stops without a start, and ends without a stop",
          "[actor][node]") {
  node never;
  never.stop();
  node left;
  auto r = left.spawn_region("r", doubler);
  REQUIRE_FALSE(left.start());
  CHECK(ask(left, r, std::string{"k"}, 1) == 2);
}

TEST_CASE("node: [AR-10] a start that fails leaves directory and port free",
          "[actor][node]") {
  directory dir;
  node_options first = named("first");
  first.data = dir / "one";
  node owner{first};
  REQUIRE_FALSE(owner.start());
  SECTION("the directory is in use") {
    node second{first};
    auto why = second.start();
    CHECK(why.code == errc::data_directory);
    CHECK_FALSE(why.detail.empty());
  }
  SECTION("the port is in use") {
    node_options other = named("second");
    other.data = dir / "two";
    other.listen = owner.address();
    {
      node second{other};
      CHECK(second.start().code == errc::address_in_use);
    }
    owner.stop(node::stop_kind::now);
    node second{other};
    CHECK_FALSE(second.start());
  }
  SECTION("the HTTP port is in use") {
    node_options other = named("second");
    other.data = dir / "two";
    other.http = owner.address();
    {
      node second{other};
      CHECK(second.start().code == errc::address_in_use);
    }
    other.http.clear();
    node second{other};
    CHECK_FALSE(second.start());
  }
  SECTION("a setting is out of range") {
    node_options other = named("second");
    other.data = dir / "two";
    other.settings.lease = 1ms;
    CHECK(node{other}.start().code == errc::invalid_setting);
    other.settings = {};
    node second{other};
    CHECK_FALSE(second.start());
  }
  SECTION("it is asked to stop meanwhile") {
    node_options other = named("second");
    other.data = dir / "two";
    other.join = {"127.0.0.1:1"}; // nobody there
    {
      node second{other};
      std::thread stopper{[&] { second.request_stop(); }};
      CHECK(second.start().code == errc::stopping);
      stopper.join();
    }
    node second{other};
    second.request_stop();
    CHECK(second.start().code == errc::stopping);
  }
}

TEST_CASE("node: [AR-8] one that comes back on its directory and port is the "
          "same, and keeps what its partitions saved",
          "[actor][node]") {
  directory dir;
  auto keeper = [](stateful_partition<count>* self) -> caf::behavior {
    self->on_save([self] { return std::to_string(self->state.total); });
    self->on_load([self](std::string_view x) {
      self->state.total = std::stoi(std::string{x});
    });
    return {
        [self](const std::string&, int x) { return self->state.total += x; }};
  };
  node_options options = named("one");
  options.data = dir / "one";
  options.listen = "127.0.0.2:0"; // no client's own port, once it is let go
  for (int round = 1; round <= 2; ++round) {
    node n{options};
    region_options few;
    few.partitions = 4;
    auto r = n.spawn_region("keeper", keeper, few);
    REQUIRE_FALSE(n.start());
    CHECK(n.name() == "one");
    CHECK(ask(n, r, std::string{"k"}, 5) == 5 * round);
    options.listen = n.address();
    n.stop(node::stop_kind::restart);
  }
}

TEST_CASE("node: two nodes share a region, and one takes all when the other "
          "leaves",
          "[actor][node]") {
  region_options few;
  few.partitions = 8;
  node_options a = named("a");
  a.settings.stabilisation = 100ms;
  node_options b = named("b");
  b.settings = a.settings;
  node first{a};
  auto at_first = first.spawn_region("r", counter, few);
  REQUIRE_FALSE(first.start());
  b.join = {first.address()};
  node second{b};
  auto at_second = second.spawn_region("r", counter, few);
  auto unknown = second.proxy_region("r", few);
  REQUIRE_FALSE(second.start());
  for (int i = 0; i < 32; ++i) {
    auto key = "k" + std::to_string(i);
    CHECK(ask(second, at_second, key, 0) == ask(first, at_first, key, 0));
  }
  second.stop();
  for (int i = 0; i < 32; ++i)
    CHECK(ask(first, at_first, "k" + std::to_string(i), 0) >= 0);
}

TEST_CASE("node: [R-15] other settings of a region stop the newcomer, which "
          "says what differs",
          "[actor][node]") {
  node first{named("a")};
  first.spawn_region("r", doubler);
  REQUIRE_FALSE(first.start());
  node_options b = named("b");
  b.join = {first.address()};
  node second{b};
  region_options other;
  other.partitions = 32;
  second.spawn_region("r", doubler, other);
  auto why = second.start();
  if (!why)
    why = second.wait().why;
  CHECK(why);
  CHECK(why.detail.find("partitions") != std::string::npos);
  CHECK(why.detail.find("32") != std::string::npos);
  CHECK(why.detail.find("64") != std::string::npos);
}

TEST_CASE("node: subscribers get the cluster's events without gaps",
          "[actor][node]") {
  node n;
  region_options few;
  few.partitions = 16;
  n.spawn_region("r", doubler, few);
  caf::scoped_actor self{n.system()};
  n.subscribe(caf::actor_cast<caf::actor>(self->ctrl()));
  REQUIRE_FALSE(n.start());
  int running = 0;
  std::map<bool, std::vector<std::uint64_t>> seen;
  while (running < 16) {
    bool late = false;
    self->receive(
        [&](const event& e) {
          seen[e.local()].push_back(e.seq());
          running += e.kind() == proto::EVENT_KIND_PARTITION_STARTED;
        },
        caf::after(10s) >> [&] { late = true; });
    REQUIRE_FALSE(late);
  }
  for (auto& [local, numbers] : seen)
    for (std::size_t i = 1; i < numbers.size(); ++i)
      CHECK(numbers[i] == numbers[i - 1] + 1);
}

TEST_CASE("node: subscribers hear of messages that reached nobody",
          "[actor][node]") {
  node n;
  auto r = n.spawn_region("r", doubler);
  caf::scoped_actor self{n.system()};
  REQUIRE_FALSE(n.start());
  n.subscribe(caf::actor_cast<caf::actor>(self->ctrl()));
  caf::anon_send(r.router(), std::string(70'000, 'k'), std::int32_t{1});
  bool heard = false, late = false;
  while (!heard && !late)
    self->receive(
        [&](const event& e) {
          if (e.kind() != proto::EVENT_KIND_DEAD_LETTER)
            return;
          heard = true;
          CHECK(e.local());
          CHECK(e.region() == "r");
          CHECK(e.cause() == "key_too_long");
          CHECK(e.message_type() == "@i32");
          CHECK(e.text() == std::string(256, 'k'));
        },
        caf::after(10s) >> [&] { late = true; });
  CHECK(heard);
}

TEST_CASE(
    "node: [R-8] a process whose handler hangs ends itself, if its region "
    "says so",
    "[actor][node]") {
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    node_options options = named("a");
    options.settings.stop_deadline = 100ms;
    options.settings.move_step = 100ms;
    region_options one;
    one.partitions = 1;
    one.overrun = overrun_policy::exit;
    static std::atomic<bool> begun{false};
    node n{options};
    auto r = n.spawn_region(
        "r",
        [](partition*) -> caf::behavior {
          return {[](const std::string&, int) {
            begun = true;
            for (;;)
              ::pause();
          }};
        },
        one);
    if (n.start())
      ::_exit(1);
    caf::anon_send(r.router(), std::string{"k"}, 1);
    while (!begun)
      std::this_thread::yield();
    n.stop(node::stop_kind::restart);
    ::_exit(2);
  }
  int status = 0;
  auto until = std::chrono::steady_clock::now() + 30s;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > until) {
      ::kill(child, SIGKILL);
      FAIL("it did not end");
    }
    std::this_thread::yield();
  }
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == exit_overrun);
}

TEST_CASE("node: a strategy of the user's own places partitions",
          "[actor][node]") {
  std::atomic<int> asked{0};
  node n;
  n.add_strategy("first", [&](const placement_input& in) {
    ++asked;
    return std::vector<node_id>(in.partitions.size(), node_id{1});
  });
  region_options few;
  few.partitions = 4;
  few.strategy = "first";
  auto r = n.spawn_region("r", doubler, few);
  REQUIRE_FALSE(n.start());
  CHECK(ask(n, r, std::string{"k"}, 4) == 8);
  CHECK(asked > 0);
}

TEST_CASE("node: [R-22] who sends more than a partition can take is told, or "
          "waits for room",
          "[actor][node]") {
  node_options options;
  options.settings.mailbox_messages_max = 64;
  node n{options};
  std::atomic<int> done{0};
  auto slow = n.spawn_region("slow", [&done](partition*) -> caf::behavior {
    return {[&done](const std::string&, int) {
      std::this_thread::sleep_for(100us);
      ++done;
    }};
  });
  CHECK(slow.send("k", 1) == errc::wrong_state);
  REQUIRE_FALSE(n.start());
  CHECK(ask(n, slow, std::string{"k"}, 1) == 0); // its owner is known
  int accepted = done, refused = 0;
  for (int i = 0; i < 2000; ++i)
    ++(slow.send("k", i) == errc::none ? accepted : refused);
  CHECK(accepted > 64);
  CHECK(refused > 0);
  CHECK(slow.send_within(0ms, "k", 1) == errc::overloaded);
  CHECK(retry_after(errc::overloaded) == 100ms);
  int waited = 0;
  for (int i = 0; i < 500; ++i)
    waited += slow.send_within(30s, "k", i) == errc::none;
  CHECK(waited == 500);
  accepted += waited;
  for (int i = 0; i < 3000 && done < accepted; ++i)
    std::this_thread::sleep_for(10ms);
  CHECK(done == accepted); // what waited was not counted as refused
  CHECK(slow.send(std::string(1 << 20, 'k'), 1) == errc::key_too_long);
}
