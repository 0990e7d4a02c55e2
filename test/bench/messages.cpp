// How fast messages reach a partition: on the same node through the router and
// by a direct CAF send, on another node through troupe and through CAF's own
// remoting, all in one run. Reports; judges nothing.
//
//   bench_messages [--seconds 2] [--partitions 1000] [--only local]
//
// CPU is user + system of both processes for each message.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <google/protobuf/wrappers.pb.h>
#include <spdlog/spdlog.h>
#include <troupe/troupe.hpp>

namespace {

using google::protobuf::BytesValue;
using std::chrono::steady_clock;

constexpr std::size_t payload_bytes = 100;
double seconds_per_case = 2;
std::uint32_t partitions = 1000;
std::string only; // cases whose names hold it

// -- what is measured ---------------------------------------------------------

double cpu_of(pid_t pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(in, text);
  text = text.substr(text.rfind(')') + 2);
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < text.size();) {
    auto space = std::min(text.find(' ', at), text.size());
    fields.push_back(text.substr(at, space - at));
    at = space + 1;
  }
  auto ticks = std::stod(fields[11]) + std::stod(fields[12]);
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct meter {
  pid_t other;
  steady_clock::time_point start = steady_clock::now();
  double cpu = total();

  double total() const {
    return cpu_of(::getpid()) + (other > 0 ? cpu_of(other) : 0);
  }
  void report(const char* what, std::uint64_t messages,
              std::vector<double> latencies_us = {}) const {
    std::chrono::duration<double> wall = steady_clock::now() - start;
    auto used = total() - cpu;
    std::printf("%-44s %10.0f /s %8.2f us CPU", what,
                static_cast<double>(messages) / wall.count(),
                used * 1e6 / static_cast<double>(messages));
    if (!latencies_us.empty()) {
      std::sort(latencies_us.begin(), latencies_us.end());
      auto at = [&](double q) {
        auto i = static_cast<std::size_t>(
            q * static_cast<double>(latencies_us.size() - 1));
        return latencies_us[i];
      };
      std::printf("   p50 %7.0f  p99 %7.0f us", at(0.5), at(0.99));
    }
    std::printf("\n");
    std::fflush(stdout);
  }
};

bool time_left(const meter& m) {
  return std::chrono::duration<double>(steady_clock::now() - m.start).count()
         < seconds_per_case;
}

// -- the actors ---------------------------------------------------------------

// Answers requests with what they hold; takes plain messages in silence.
caf::behavior echo_partition(troupe::partition* self) {
  return {[=](const std::string&, BytesValue& msg) -> caf::result<BytesValue> {
    if (self->current_message_id().is_async())
      return caf::delegated<BytesValue>{};
    return std::move(msg);
  }};
}

caf::behavior echo_actor(caf::event_based_actor* self) {
  return {
      [=](const std::string&, BytesValue& msg) -> caf::result<BytesValue> {
        if (self->current_message_id().is_async())
          return caf::delegated<BytesValue>{};
        return std::move(msg);
      },
      [=](const std::string&, std::string& msg) -> caf::result<std::string> {
        if (self->current_message_id().is_async())
          return caf::delegated<std::string>{};
        return std::move(msg);
      },
  };
}

std::vector<std::string> make_keys() {
  std::vector<std::string> keys;
  for (int i = 0; i < 4096; ++i)
    keys.push_back("key-" + std::to_string(i));
  return keys;
}

const std::vector<std::string> keys = make_keys();

template <class Payload>
Payload make_payload() {
  if constexpr (std::is_same_v<Payload, std::string>) {
    return std::string(payload_bytes, 'x');
  } else {
    Payload out;
    out.set_value(std::string(payload_bytes - 3, 'x'));
    return out;
  }
}

// -- the cases ----------------------------------------------------------------

// Plain messages; every so often a request, so that what is under way stays
// bounded.
template <class Payload, class To>
void one_way(const char* what, caf::actor_system& sys, To to, pid_t other) {
  if (std::string{what}.find(only) == std::string::npos)
    return;
  caf::scoped_actor self{sys};
  auto payload = make_payload<Payload>();
  auto ask = [&](const std::string& key) {
    bool ok = false;
    self->request(to(0), std::chrono::seconds{20}, key, payload)
        .receive([&](const Payload&) { ok = true; },
                 [&](const caf::error& e) {
                   std::cerr << what << ": " << sys.render(e) << "\n";
                 });
    return ok;
  };
  if (!ask(keys[0]))
    return;
  meter m{other};
  std::uint64_t sent = 0;
  while (time_left(m)) {
    for (int i = 0; i < 10000; ++i) {
      self->send(to(sent), keys[sent % keys.size()], payload);
      ++sent;
    }
    if (!ask(keys[sent % keys.size()]))
      return;
  }
  m.report(what, sent);
}

auto always(caf::actor to) {
  return [to](std::uint64_t) { return to; };
}

struct requester_state {
  std::uint64_t done = 0;
  std::uint64_t sent = 0;
  std::vector<double> latencies;
};

template <class Payload>
caf::behavior requester(caf::stateful_actor<requester_state>* self,
                        caf::actor to, int window, meter m, caf::actor report) {
  auto one = std::make_shared<std::function<void()>>();
  *one = [=] {
    auto start = steady_clock::now();
    auto& key = keys[self->state.sent++ % keys.size()];
    self->request(to, caf::infinite, key, make_payload<Payload>())
        .then(
            [=](const Payload&) {
              auto& s = self->state;
              if (++s.done % 16 == 0 || window == 1)
                s.latencies.push_back(std::chrono::duration<double, std::micro>(
                                          steady_clock::now() - start)
                                          .count());
              if (time_left(m))
                (*one)();
              else if (s.done == s.sent)
                self->send(report, s.done, s.latencies);
            },
            [=](const caf::error& e) {
              std::cerr << self->system().render(e) << "\n";
              self->send(report, std::uint64_t{0}, std::vector<double>{});
            });
  };
  for (int i = 0; i < window; ++i)
    (*one)();
  return {[](int) {}};
}

template <class Payload>
void requests(const char* what, caf::actor_system& sys, const caf::actor& to,
              int window, pid_t other) {
  if (std::string{what}.find(only) == std::string::npos)
    return;
  caf::scoped_actor self{sys};
  meter m{other};
  auto asker = sys.spawn(requester<Payload>, to, window, m,
                         caf::actor_cast<caf::actor>(self));
  self->receive([&](std::uint64_t done, std::vector<double>& latencies) {
    if (done > 0)
      m.report(what, done, std::move(latencies));
  });
  caf::anon_send_exit(asker, caf::exit_reason::kill);
}

// -- two processes ------------------------------------------------------------

troupe::region_options region_options() {
  troupe::region_options out;
  out.partitions = partitions;
  return out;
}

[[noreturn]] void serve(int out) {
  troupe::node node;
  node.spawn_region("bench", echo_partition, region_options());
  if (auto why = node.start())
    std::_Exit(2);
  caf::actor_system_config cfg;
  cfg.load<caf::io::middleman>();
  cfg.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system sys{cfg};
  auto echo = sys.spawn(echo_actor);
  auto port = sys.middleman().publish(echo, 0, "127.0.0.1");
  auto text = node.address() + " " + std::to_string(*port) + "\n";
  if (::write(out, text.data(), text.size()) < 0)
    std::_Exit(3);
  for (;;)
    ::pause();
}

void across(pid_t other, const std::string& address, std::uint16_t port) {
  troupe::node_options options;
  options.join = {address};
  troupe::node node{options};
  auto region = node.proxy_region("bench", region_options());
  if (auto why = node.start()) {
    std::cerr << why.detail << "\n";
    return;
  }
  caf::actor_system_config cfg;
  cfg.load<caf::io::middleman>();
  cfg.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system sys{cfg};
  auto echo = sys.middleman().remote_actor("127.0.0.1", port);
  if (!echo) {
    std::cerr << sys.render(echo.error()) << "\n";
    return;
  }
  for (int round = 0; round < 2; ++round) {
    one_way<BytesValue>("remote one-way, troupe", node.system(),
                        always(region.router()), other);
    one_way<std::string>("remote one-way, CAF remoting", sys, always(*echo),
                         other);
    for (int window : {1, 64, 1024}) {
      auto name = "remote request, " + std::to_string(window) + " outstanding";
      requests<BytesValue>((name + ", troupe").c_str(), node.system(),
                           region.router(), window, other);
      requests<std::string>((name + ", CAF remoting").c_str(), sys, *echo,
                            window, other);
    }
  }
  node.stop(troupe::node::stop_kind::now);
}

void local() {
  troupe::node node;
  auto region = node.spawn_region("bench", echo_partition, region_options());
  if (auto why = node.start()) {
    std::cerr << why.detail << "\n";
    return;
  }
  auto plain = node.system().spawn(echo_actor);
  // The same number of actors, so that as many are run.
  std::vector<caf::actor> many;
  for (std::uint32_t i = 0; i < partitions; ++i)
    many.push_back(node.system().spawn(echo_actor));
  for (int round = 0; round < 2; ++round) {
    one_way<BytesValue>("local one-way, direct, one actor", node.system(),
                        always(plain), 0);
    one_way<BytesValue>(
        "local one-way, direct, as many actors", node.system(),
        [&](std::uint64_t i) { return many[i % many.size()]; }, 0);
    one_way<BytesValue>("local one-way, through the router", node.system(),
                        always(region.router()), 0);
    requests<BytesValue>("local request, 64 outstanding, direct", node.system(),
                         plain, 64, 0);
    requests<BytesValue>("local request, 64 outstanding, router", node.system(),
                         region.router(), 64, 0);
  }
  many.push_back(plain);
  for (auto& one : many)
    caf::anon_send_exit(one, caf::exit_reason::kill);
}

} // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::warn);
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--seconds"))
      seconds_per_case = std::stod(argv[i + 1]);
    else if (!std::strcmp(argv[i], "--only"))
      only = argv[i + 1];
    else if (!std::strcmp(argv[i], "--partitions"))
      partitions = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
  }
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0)
    return 1;
  auto child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(pipe_ends[1]);
  }
  char line[256] = {};
  if (::read(pipe_ends[0], line, sizeof line - 1) <= 0)
    return 1;
  std::string text{line};
  auto space = text.find(' ');
  local();
  across(child, text.substr(0, space),
         static_cast<std::uint16_t>(std::stoul(text.substr(space + 1))));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}
