#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

#include <stdexcept>

#include <troupe/actors/coordinator/coordinator_actor.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

// One node of a cluster of one, on the test scheduler's clock.
struct lone_node final : coordinator_ports, plane_listener {
  config cfg;
  caf::actor_system sys{cfg};
  boot_time now = 100s;
  std::shared_ptr<data_plane> plane;
  caf::actor coordinator;
  lines calls;
  std::vector<proto::Event> events;
  std::optional<failure> stopped;
  node_core* core = nullptr;

  struct silent_links final : link::transport {
    void set_identity(const link::identity&) override {}
    void set_peers(const std::vector<link::peer_address>&) override {}
    void expect(node_id, incarnation) override {}
    void drop_peer(node_id) override {}
    void introduce(const std::string&, std::string, std::chrono::milliseconds,
                   introduction_callback) override {}
    link::metrics metrics() const override { return {}; }
    link::send_result send_if(node_id, link::frame_class, std::uint8_t, parts,
                              predicate) override {
      return link::send_result::unknown_peer;
    }
  } silent;

  lone_node() {
    plane = std::make_shared<data_plane>(sys, *this);
    cluster_settings settings;
    plane->attach({node_id{1}, settings, [this] { return now; }}, silent);
    std::string uuid(16, 'u');
    proto::MapSnapshot first;
    shard_map::found(std::string(16, 'c'), {{node_id{1}, uuid, "one", "a:1"}},
                     log_index{1})
        .save(first);
    node_recovered disk;
    disk.log.snapshot = {log_index{1}, raft::term{1}, {}};
    disk.log.snapshot.conf.voters = {node_id{1}};
    disk.log.hard = {raft::term{1}, {}, log_index{1}};
    disk.snapshot =
        std::make_shared<const std::string>(first.SerializeAsString());
    node_config what;
    what.self = node_id{1};
    what.started = incarnation{1};
    what.boot_id = 7;
    what.seed = 7;
    what.name = "one";
    what.address = "a:1";
    what.settings = settings;
    auto made =
        std::make_unique<node_core>(std::move(what), std::move(disk), now);
    core = made.get();
    coordinator = sys.spawn<coordinator_actor>(
        std::move(made), static_cast<coordinator_ports&>(*this), *plane,
        static_cast<link::transport&>(silent),
        coordinator_clock{[this] { return now; }, [] { return 1u; }});
  }

  ~lone_node() {
    plane->stop();
    if (coordinator)
      shut_down();
    run();
  }

  caf::scheduler::test_coordinator& jobs() {
    return static_cast<caf::scheduler::test_coordinator&>(sys.scheduler());
  }
  void run() {
    while (jobs().try_run_once())
      ;
  }
  void pass(std::chrono::milliseconds time) {
    for (auto until = now + time; now < until;) {
      now += 10ms;
      jobs().advance_time(10ms);
      run();
    }
  }
  void task(std::function<void(coordinator_actor&)> f) {
    caf::anon_send(coordinator, coordinator_task{std::move(f)});
    run();
  }
  void shut_down() {
    task([](coordinator_actor& c) { c.shut_down(); });
    coordinator = nullptr;
  }
  void host(const std::string& name, partition_factory make,
            std::uint32_t partitions = 4) {
    plane->region(name, partitions);
    hosted_region region;
    region.settings.name = name;
    region.settings.partitions = partitions;
    region.hosts = true;
    region.make = std::move(make);
    task([region](coordinator_actor& c) { c.host(region); });
  }
  partition_factory factory(std::function<void(partition*)> f = {}) {
    return [f](caf::actor_system& sys, partition_context context) {
      caf::actor_config c;
      c.init_fun = caf::actor_config::init_fun_type{
          [f](caf::local_actor* self) -> caf::behavior {
            if (f)
              f(static_cast<partition*>(self));
            return {[](const std::string&, int x) { return x; }};
          }};
      return caf::actor{sys.spawn_impl<partition, caf::no_spawn_options>(
          c, std::move(context))};
    };
  }
  std::size_t actors() {
    std::size_t out = 0;
    task([&](coordinator_actor& c) { out = c.actors(); });
    return out;
  }
  bool all(stage s, std::uint32_t partitions = 4) {
    for (partition_id p = 0; p < partitions; ++p)
      if (auto* a = core->map().find({region_id{1}, p}); !a || a->stage != s)
        return false;
    return true;
  }

  // -- ports ----------------------------------------------------------------
  void persist(raft::persist_batch batch) override {
    caf::anon_send(coordinator,
                   disk_done{disk_done::kind::persisted, batch.id, {}, {}});
  }
  void save_snapshot(raft::snapshot_meta meta,
                     std::shared_ptr<const std::string>) override {
    caf::anon_send(
        coordinator,
        disk_done{disk_done::kind::snapshot_saved, meta.index.value, {}, {}});
  }
  void store_snapshot(raft::snapshot_meta,
                      std::shared_ptr<const std::string>) override {}
  void keep_state(partition_key, std::string, epoch, partition_state) override {
  }
  void drop_state(partition_key, std::string) override {}
  std::optional<partition_state> find_state(partition_key, const std::string&,
                                            epoch) override {
    return std::nullopt;
  }
  void ticked(const node_core&) override {}
  void region_changed(const region_record& r) override {
    calls.push_back("region " + r.settings.name);
  }
  void partition_changed(partition_key key, const assignment& a) override {
    calls.push_back(std::to_string(key.partition) + " "
                    + std::string{to_string(a.stage)});
  }
  void nodes_changed(const node_core&) override {}
  void happened(const proto::Event& e) override { events.push_back(e); }
  void command_done(const proto::CommandReply&) override {}
  void stop_process(const failure& why) override { stopped = why; }
  void goes_on_leaving(const departing&) override {}

  // -- partitions -----------------------------------------------------------
  void report(partition_report r) {
    if (coordinator)
      caf::anon_send(coordinator, std::move(r));
  }
  void partition_started(partition_key key, epoch at) override {
    report({partition_report::kind::started, key, at, std::nullopt, {}});
  }
  void partition_stopped(partition_key key, epoch at,
                         std::optional<partition_state> s) override {
    report({partition_report::kind::stopped, key, at, std::move(s), {}});
  }
  void partition_failed(partition_key key, epoch at, std::string why) override {
    calls.push_back("failed: " + why);
    report({partition_report::kind::failed, key, at, std::nullopt,
            std::move(why)});
  }
  void lost_message(dead_letter) override {}
};

} // namespace

TEST_CASE("coordinator: a region is known before its partitions, and they run",
          "[actor][coordinator]") {
  lone_node n;
  n.pass(3s);
  n.host("r", n.factory());
  n.pass(3s);
  REQUIRE(!n.calls.empty());
  CHECK(n.calls.front() == "region r");
  CHECK(n.actors() == 4);
  CHECK(n.all(stage::running));
  auto at = [&](const std::string& what) {
    return std::find(n.calls.begin(), n.calls.end(), what) - n.calls.begin();
  };
  CHECK(at("2 starting") < at("2 running"));
  CHECK_FALSE(n.stopped);
}

TEST_CASE("coordinator: reports of another epoch or partition are ignored",
          "[actor][coordinator]") {
  lone_node n;
  n.pass(3s);
  n.host("r", n.factory());
  n.pass(3s);
  using kind = partition_report::kind;
  for (auto what : {kind::started, kind::stopped, kind::failed}) {
    n.report({what, {region_id{1}, 0}, epoch{1}, std::nullopt, "old"});
    n.report({what, {region_id{1}, 77}, epoch{1}, std::nullopt, "none"});
    n.report({what, {region_id{8}, 0}, epoch{1}, std::nullopt, "none"});
  }
  n.pass(1s);
  CHECK(n.actors() == 4);
  CHECK(n.all(stage::running));
}

TEST_CASE("coordinator: [R-9] a factory or function that throws ends in "
          "quarantine, with the reason, and the node lives",
          "[actor][coordinator]") {
  auto in_factory = GENERATE(true, false);
  lone_node n;
  n.pass(3s);
  if (in_factory)
    n.host("r", [](caf::actor_system&, auto) -> caf::actor {
      throw std::runtime_error("no licence");
    });
  else
    n.host("r", n.factory([](partition*) {
      throw std::runtime_error("no licence");
    }));
  n.pass(10s);
  CHECK_FALSE(n.stopped);
  CHECK(n.actors() == 0);
  auto* a = n.core->map().find({region_id{1}, 0});
  REQUIRE(a);
  CHECK(a->quarantined);
  CHECK(a->failure == "no licence");
}

TEST_CASE("coordinator: a partition that dies is started again",
          "[actor][coordinator]") {
  lone_node n;
  n.pass(3s);
  int dies = 1;
  n.host("r", n.factory([&](partition* self) {
    if (self->number() == 2 && dies-- > 0)
      self->delayed_send(self, 500ms, 1);
  }));
  n.pass(5s);
  CHECK(n.actors() == 4);
  CHECK(n.all(stage::running));
}

TEST_CASE("coordinator: shut_down ends it and every partition, even one that "
          "awaits an answer for ever",
          "[actor][coordinator]") {
  lone_node n;
  n.pass(3s);
  auto deaf = n.sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[self](int) {
      self->make_response_promise();
      return caf::delegated<int>{};
    }};
  });
  n.host("r", n.factory([&](partition* self) {
    self->request(deaf, caf::infinite, 1).await([](int) {});
  }));
  n.pass(3s);
  CHECK(n.actors() == 4);
  auto before = n.sys.registry().running();
  n.shut_down();
  n.run();
  CHECK(n.sys.registry().running() == before - 5);
  caf::anon_send_exit(deaf, caf::exit_reason::kill);
  n.run();
}

TEST_CASE("coordinator: what it throws stops the process, and says why",
          "[actor][coordinator]") {
  lone_node n;
  n.task([](coordinator_actor&) { throw std::runtime_error("odd"); });
  REQUIRE(n.stopped);
  CHECK(n.stopped->detail.find("odd") != std::string::npos);
}
