#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr int senders = 4;
constexpr int per_sender = 3000;
constexpr int moves = 12;

// One direction of a link: frames arrive in order, in a thread of their own.
class wire_thread {
public:
  using sink = std::function<void(frame_kind, const std::string&)>;

  explicit wire_thread(sink to)
      : to_(std::move(to)), thread_([this] { run(); }) {}
  ~wire_thread() {
    {
      std::lock_guard guard{mutex_};
      over_ = true;
    }
    ready_.notify_all();
    thread_.join();
  }
  void push(frame_kind kind, std::string bytes) {
    {
      std::lock_guard guard{mutex_};
      frames_.emplace_back(kind, std::move(bytes));
    }
    ready_.notify_one();
  }

private:
  void run() {
    std::unique_lock guard{mutex_};
    for (;;) {
      ready_.wait(guard, [&] { return over_ || !frames_.empty(); });
      if (frames_.empty())
        return;
      auto frame = std::move(frames_.front());
      frames_.pop_front();
      guard.unlock();
      to_(frame.first, frame.second);
      guard.lock();
    }
  }

  sink to_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::pair<frame_kind, std::string>> frames_;
  bool over_ = false;
  std::thread thread_;
};

struct threaded_links final : link::transport {
  std::atomic<wire_thread*> out{nullptr};
  void set_identity(const link::identity&) override {}
  void set_peers(const std::vector<link::peer_address>&) override {}
  void expect(node_id, incarnation) override {}
  void drop_peer(node_id) override {}
  void introduce(const std::string&, std::string, std::chrono::milliseconds,
                 introduction_callback) override {}
  link::metrics metrics() const override { return {}; }
  link::send_result send_if(node_id, link::frame_class, std::uint8_t kind,
                            parts payload, predicate check) override {
    if (!check())
      return link::send_result::rejected;
    std::string bytes;
    for (auto part : payload)
      bytes += part;
    out.load()->push(static_cast<frame_kind>(kind), std::move(bytes));
    return link::send_result::accepted;
  }
};

struct side final : plane_listener {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t started_at = 0;
  std::uint64_t stopped_at = 0;
  std::atomic<int> lost{0};
  threaded_links net;
  std::shared_ptr<data_plane> plane;
  region_plane* region = nullptr;

  void partition_started(partition_key, epoch at) override {
    std::lock_guard guard{mutex};
    started_at = at.value;
    changed.notify_all();
  }
  void partition_stopped(partition_key, epoch at,
                         std::optional<partition_state>) override {
    std::lock_guard guard{mutex};
    stopped_at = at.value;
    changed.notify_all();
  }
  void partition_failed(partition_key, epoch, std::string) override {
    lost += 1000000;
  }
  void lost_message(dead_letter) override { ++lost; }

  bool wait_for(std::uint64_t side::*what, std::uint64_t at) {
    std::unique_lock guard{mutex};
    return changed.wait_for(guard, 60s, [&] { return this->*what == at; });
  }
};

} // namespace

TEST_CASE("threads: [R-10] senders on two nodes through moves: each message "
          "runs once, in order per sender",
          "[actor][threads]") {
  config cfg{true};
  caf::actor_system sys{cfg};
  side sides[2];
  cluster_settings settings;
  settings.hold_messages_max = senders * per_sender + 1;
  for (auto& one : sides) {
    one.plane = std::make_shared<data_plane>(sys, one);
    one.region = &one.plane->region("r", 1);
  }
  wire_thread to_second{[&](frame_kind kind, const std::string& bytes) {
    sides[1].plane->receive(node_id{1}, {}, kind, bytes);
  }};
  wire_thread to_first{[&](frame_kind kind, const std::string& bytes) {
    sides[0].plane->receive(node_id{2}, {}, kind, bytes);
  }};
  sides[0].net.out = &to_second;
  sides[1].net.out = &to_first;
  for (int i = 0; i < 2; ++i) {
    sides[i].plane->attach({node_id{static_cast<std::uint64_t>(i + 1)},
                            settings, [] { return boot_time{1s}; }},
                           sides[i].net);
    sides[i].plane->region_known(region_id{1}, "r", 1);
    sides[i].plane->lease_extended(3600s);
  }
  // Written by the one partition that lives, in turn on either node.
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> next(senders, 0);
  int wrong = 0;
  int processed = 0;
  partition_key key{region_id{1}, 0};
  std::uint64_t version = 0;
  auto route = [&](stage s, std::uint64_t owner, std::uint64_t at) {
    ++version;
    for (auto& one : sides) {
      one.plane->route_changed(
          key, {s, false, node_id{owner}, epoch{at}, log_index{version}});
      one.plane->flush_fences();
    }
  };
  auto start = [&](std::uint64_t owner, std::uint64_t at) {
    auto& one = sides[owner - 1];
    auto region = std::make_shared<region_context>();
    region->plane = one.plane.get();
    region->name = "r";
    region->stop_deadline = 10s;
    caf::actor_config c;
    c.init_fun = caf::actor_config::init_fun_type{
        [&](caf::local_actor*) -> caf::behavior {
          return {[&](const std::string&, int sender, int x) {
            std::lock_guard guard{mutex};
            wrong += next[static_cast<std::size_t>(sender)]++ != x;
            if (++processed == senders * per_sender)
              changed.notify_all();
            return x;
          }};
        }};
    auto actor = sys.spawn_impl<partition, caf::no_spawn_options>(
        c, partition_context{region, key, epoch{at}, {}});
    auto handle = caf::actor_cast<caf::strong_actor_ptr>(actor);
    static_cast<partition*>(handle->get())->begin();
    REQUIRE(one.wait_for(&side::started_at, at));
    one.plane->started(key, epoch{at}, handle);
    route(stage::running, owner, at);
  };
  start(1, 1);
  std::vector<std::thread> threads;
  std::atomic<int> sent{0};
  for (int s = 0; s < senders; ++s)
    threads.emplace_back([&, s] {
      auto& to = sides[s % 2].region->router;
      for (int i = 0; i < per_sender; ++i) {
        caf::anon_send(to, std::string{"k"}, s, i);
        ++sent;
      }
    });
  std::uint64_t owner = 1;
  std::uint64_t at = 1;
  for (int m = 0; m < moves; ++m) {
    auto goal = senders * per_sender * (m + 1) / (moves + 1);
    while (sent < goal)
      std::this_thread::yield();
    route(stage::pausing, owner, at);
    sides[owner - 1].plane->close(key, epoch{at});
    REQUIRE(sides[owner - 1].wait_for(&side::stopped_at, at));
    owner = 3 - owner;
    ++at;
    route(stage::starting, owner, at);
    start(owner, at);
  }
  for (auto& one : threads)
    one.join();
  {
    std::unique_lock guard{mutex};
    changed.wait_for(guard, 60s,
                     [&] { return processed == senders * per_sender; });
    CHECK(processed == senders * per_sender);
    CHECK(wrong == 0);
  }
  CHECK(sides[0].lost + sides[1].lost == 0);
  auto& a = sides[0].plane->counters();
  auto& b = sides[1].plane->counters();
  CHECK(a.accepted + b.accepted == senders * per_sender);
  CHECK(a.held + b.held == 0);
  CHECK(a.held_bytes + b.held_bytes == 0);
  route(stage::pausing, owner, at);
  sides[owner - 1].plane->close(key, epoch{at});
  REQUIRE(sides[owner - 1].wait_for(&side::stopped_at, at));
  sides[0].plane->stop();
  sides[1].plane->stop();
}
