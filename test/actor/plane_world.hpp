#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/router/router.hpp>

namespace troupe::test {

using namespace std::chrono_literals;

/// An answer or a message as one line.
inline std::string show(const caf::message& x) {
  if (x.size() == 1 && x.match_element<caf::error>(0)) {
    auto& why = x.get_as<caf::error>(0);
    if (code_of(why) != errc::none)
      return "error " + std::string{to_string(code_of(why))};
    return "error of " + to_string(why.category()) + " "
           + std::to_string(why.code());
  }
  return x.empty() ? "nothing" : caf::deep_to_string(x);
}

struct config : caf::actor_system_config {
  explicit config(bool threads = false) {
    set("scheduler.policy", caf::atom(threads ? "sharing" : "testing"));
    if (threads)
      set("scheduler.max-threads", 4);
    add_error_category(error_category, [](std::uint8_t code, caf::atom_value,
                                          const caf::message&) {
      return std::string{to_string(static_cast<errc>(code))};
    });
  }
};

/// Several nodes' data planes in one actor system, one thread and on one clock,
/// linked by queues; the test plays the coordinator.
class world {
public:
  struct host;
  using behavior_function = std::function<caf::behavior(partition*)>;

  struct frame {
    node_id from;
    node_id to;
    frame_kind kind{};
    std::string bytes;
  };

  struct links final : link::transport {
    world* all = nullptr;
    node_id self;
    std::map<node_id, link::send_result> refuse; // data frames to this node
    std::size_t bytes_max = 1 << 20;

    void set_identity(const link::identity&) override {}
    void set_peers(const std::vector<link::peer_address>&) override {}
    void expect(node_id, incarnation) override {}
    void drop_peer(node_id) override {}
    void introduce(const std::string&, std::string, std::chrono::milliseconds,
                   introduction_callback) override {}
    link::metrics metrics() const override { return {}; }
    link::send_result send_if(node_id to, link::frame_class how,
                              std::uint8_t kind, parts payload,
                              predicate check) override {
      if (!check())
        return link::send_result::rejected;
      std::string bytes;
      for (auto part : payload)
        bytes += part;
      if (bytes.size() > bytes_max)
        return link::send_result::too_large;
      if (how == link::frame_class::data)
        if (auto i = refuse.find(to); i != refuse.end())
          return i->second;
      all->wire[{self, to}].push_back(
          {self, to, static_cast<frame_kind>(kind), std::move(bytes)});
      return link::send_result::accepted;
    }
  };

  struct host final : plane_listener {
    host(world& w, node_id id) : all(w), self(id) {
      net.all = &w;
      net.self = id;
      plane = std::make_shared<data_plane>(*w.sys, *this);
      region = &plane->region("r", w.partitions);
    }
    void attach() {
      cluster_settings settings = all.settings;
      plane->attach({self, settings, [w = &all] { return w->now; }, started},
                    net);
      plane->region_known(region_id{1}, "r", all.partitions);
      plane->lease_extended(all.now + 3600s);
    }
    void partition_started(partition_key key, epoch at) override {
      reports.push_back("started " + std::to_string(at.value));
      plane->started(key, at, actors.at(at));
    }
    void partition_stopped(partition_key, epoch at,
                           std::optional<partition_state> state) override {
      reports.push_back("stopped " + std::to_string(at.value));
      if (state && state->present)
        saved = *state->bytes;
    }
    void partition_failed(partition_key, epoch at, std::string why) override {
      reports.push_back("failed " + std::to_string(at.value) + ": " + why);
    }
    void lost_message(dead_letter x) override { letters.push_back(x); }

    world& all;
    node_id self;
    incarnation started{1};
    links net;
    std::shared_ptr<data_plane> plane;
    region_plane* region = nullptr;
    std::map<epoch, caf::strong_actor_ptr> actors;
    std::vector<std::string> reports;
    std::vector<dead_letter> letters;
    std::string saved;
  };

  explicit world(std::size_t nodes = 1, std::uint32_t parts = 1)
      : partitions(parts) {
    sys = std::make_unique<caf::actor_system>(cfg);
    for (std::size_t i = 1; i <= nodes; ++i)
      hosts.push_back(std::make_unique<host>(*this, node_id{i}));
    for (auto& one : hosts)
      one->attach();
  }

  ~world() {
    for (auto& one : hosts) {
      one->plane->stop();
      for (auto& [at, actor] : one->actors)
        caf::anon_send_exit(caf::actor_cast<caf::actor>(actor),
                            caf::exit_reason::kill);
    }
    for (auto& one : clients)
      caf::anon_send_exit(one, caf::exit_reason::kill);
    clients.clear();
    run();
    for (auto& one : hosts)
      one->actors.clear();
    sys.reset();
  }

  host& on(std::size_t node) { return *hosts[node - 1]; }
  caf::actor router(std::size_t node) { return on(node).region->router; }

  caf::scheduler::test_coordinator& jobs() {
    return static_cast<caf::scheduler::test_coordinator&>(sys->scheduler());
  }

  // -- time and the wire ------------------------------------------------------

  void run_actors() {
    while (jobs().try_run_once())
      ;
  }
  bool deliver_one(std::size_t from, std::size_t to) {
    auto& queue = wire[{node_id{from}, node_id{to}}];
    if (queue.empty())
      return false;
    auto f = std::move(queue.front());
    queue.pop_front();
    on(to).plane->receive(f.from, on(from).started, f.kind, f.bytes);
    return true;
  }
  /// The session of `to` with `from` ends in order: what `from` has not taken
  /// comes back.
  void goodbye(std::size_t from, std::size_t to) {
    link::session_end end;
    end.peer = node_id{from};
    end.incarnation = on(from).started;
    end.reason = link::end_reason::goodbye;
    for (auto& f : wire[{node_id{to}, node_id{from}}])
      end.untaken.push_back({static_cast<std::uint8_t>(f.kind), f.bytes});
    wire[{node_id{to}, node_id{from}}].clear();
    on(to).plane->session_ended(end);
  }
  void run() {
    for (bool again = true; again;) {
      run_actors();
      again = false;
      for (std::size_t a = 1; a <= hosts.size(); ++a)
        for (std::size_t b = 1; b <= hosts.size(); ++b)
          again = deliver_one(a, b) || again;
    }
  }
  void pass(std::chrono::nanoseconds time) {
    now += time;
    jobs().advance_time(time);
    for (auto& one : hosts)
      one->plane->tick();
  }
  void lease(std::size_t node, std::chrono::nanoseconds left) {
    on(node).plane->lease_extended(now + left);
  }

  // -- the coordinator's part -------------------------------------------------

  partition_key key(partition_id p = 0) { return {region_id{1}, p}; }

  void route_at(std::size_t node, stage s, std::size_t owner, epoch e,
                log_index version, partition_id p = 0, bool sick = false) {
    on(node).plane->route_changed(
        key(p), {s, sick, node_id{owner}, e, version,
                 owner > 0 ? on(owner).started : incarnation{}});
    on(node).plane->flush_fences();
  }
  void route(stage s, std::size_t owner, epoch e, partition_id p = 0,
             bool sick = false) {
    log_index at{++version};
    for (std::size_t n = 1; n <= hosts.size(); ++n)
      route_at(n, s, owner, e, at, p, sick);
  }
  void spawn(std::size_t node, epoch e, behavior_function f, partition_id p = 0,
             partition_state state = {}, bool keep_running = false) {
    auto region = std::make_shared<region_context>();
    region->plane = on(node).plane.get();
    region->name = "r";
    region->keep_running = keep_running;
    region->stop_deadline = settings.stop_deadline;
    caf::actor_config c;
    c.init_fun = caf::actor_config::init_fun_type{
        [f](caf::local_actor* self) -> caf::behavior {
          return f(static_cast<partition*>(self));
        }};
    auto actor = sys->spawn_impl<partition, caf::no_spawn_options>(
        c, partition_context{region, key(p), e, std::move(state)});
    auto handle = caf::actor_cast<caf::strong_actor_ptr>(actor);
    on(node).actors[e] = handle;
    static_cast<partition*>(handle->get())->begin();
  }
  partition& actor(std::size_t node, epoch e) {
    return *static_cast<partition*>(on(node).actors.at(e)->get());
  }
  /// Starts it and says so to all nodes.
  void place(std::size_t node, epoch e, behavior_function f, partition_id p = 0,
             partition_state state = {}, bool keep_running = false) {
    route(stage::starting, node, e, p);
    spawn(node, e, std::move(f), p, std::move(state), keep_running);
    run_actors();
    route(stage::running, node, e, p);
  }
  /// The owner is told to stop, and everybody to hold.
  void pause(std::size_t node, epoch e, partition_id p = 0) {
    route(stage::pausing, node, e, p);
    on(node).plane->close(key(p), e);
  }

  // -- users ------------------------------------------------------------------

  /// A request; its answer is appended to `answers`, in order of arrival.
  template <class... Ts>
  void ask(std::size_t node, Ts... xs) {
    ask_message(node, caf::make_message(std::move(xs)...));
  }
  void ask_message(std::size_t node, caf::message what) {
    auto to = router(node);
    clients.push_back(
        sys->spawn([this, to, what](caf::event_based_actor* self) {
          auto add = [this](std::string x) { answers.push_back(std::move(x)); };
          auto mid = self->new_request_id(caf::message_priority::normal);
          caf::behavior on_answer{
              [=](int x) { add(std::to_string(x)); },
              [=](const std::string& x) { add(x); },
              [=](caf::error& x) { add(show(caf::make_message(x))); },
          };
          self->add_multiplexed_response_handler(mid.response_id(),
                                                 std::move(on_answer));
          to->enqueue(self->ctrl(), mid, what, self->context());
        }));
    run_actors();
  }
  /// A plain message from an actor that logs what comes back.
  template <class... Ts>
  void tell(std::size_t node, Ts... xs) {
    if (!teller) {
      teller = sys->spawn([this](caf::event_based_actor* self) {
        self->set_error_handler([this](caf::scheduled_actor*, caf::error& x) {
          answers.push_back(show(caf::make_message(x)));
        });
        self->set_default_handler(
            [this](caf::scheduled_actor*,
                   caf::message_view& x) -> caf::result<caf::message> {
              answers.push_back(show(x.move_content_to_message()));
              return caf::message{};
            });
        return caf::behavior{[](caf::unit_t) {}};
      });
      clients.push_back(teller);
      run_actors();
    }
    caf::send_as(teller, router(node), std::move(xs)...);
  }

  cluster_settings settings;
  std::uint32_t partitions;
  boot_time now = 1000s;
  std::uint64_t version = 0;
  config cfg;
  std::unique_ptr<caf::actor_system> sys;
  std::map<std::pair<node_id, node_id>, std::deque<frame>> wire;
  std::vector<std::unique_ptr<host>> hosts;
  std::vector<caf::actor> clients;
  caf::actor teller;
  std::vector<std::string> answers;
};

using lines = std::vector<std::string>;

} // namespace troupe::test
