#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <troupe/runtime/link/asio_transport.hpp>

// One-way frames from one process to another over loopback: how many a second,
// and what they cost.
//
//     link_bench [frames] [bytes] [sending threads]

using namespace troupe;
using namespace troupe::link;

namespace {

double cpu_seconds() {
  rusage x{};
  getrusage(RUSAGE_SELF, &x);
  auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec)
           + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return of(x.ru_utime) + of(x.ru_stime);
}

identity who(std::uint64_t id) {
  identity x;
  x.node = node_id{id};
  x.incarnation = incarnation{1};
  x.boot = id;
  return x;
}

struct counter : transport_handler {
  void on_frame(node_id, lane, std::uint8_t, std::string_view x) override {
    if (++frames == expected)
      done.set_value(std::string{x});
  }
  void on_connected(const identity&) override {}
  void on_disconnected(node_id, close_reason) override {}
  void on_session_ended(const session_end&) override {}
  std::optional<refusal> on_hello(const hello&) override {
    return std::nullopt;
  }
  void on_refused(const refused_link& x) override {
    std::fprintf(stderr, "refused: %s\n", x.what.text.c_str());
  }
  void on_malformed(std::string_view, malformed_reason) override {}
  void on_introduction(std::string, std::string, introduction_reply) override {}

  std::uint64_t expected = 0;
  std::uint64_t frames = 0;
  std::promise<std::string> done;
};

int receive(std::uint64_t frames, int to_parent) {
  counter handler;
  handler.expected = frames;
  asio_transport x{settings{}, "127.0.0.1:0", handler};
  if (auto no = x.start()) {
    std::fprintf(stderr, "%s\n", no->text.c_str());
    return 1;
  }
  x.set_identity(who(2));
  auto address = x.local_address();
  if (write(to_parent, address.data(), address.size()) < 0)
    return 1;
  close(to_parent);
  handler.done.get_future().wait();
  auto cost = std::to_string(cpu_seconds());
  std::string_view parts[] = {cost};
  x.send(node_id{1}, frame_class::data, 1, parts);
  x.stop(std::chrono::seconds{10});
  return 0;
}

int run(std::uint64_t frames, std::size_t bytes, unsigned threads,
        const std::string& address) {
  counter handler;
  handler.expected = 1; // the receiver's cost
  asio_transport x{settings{}, "127.0.0.1:0", handler};
  if (auto no = x.start()) {
    std::fprintf(stderr, "%s\n", no->text.c_str());
    return 1;
  }
  x.set_identity(who(1));
  x.set_peers({{node_id{2}, incarnation{1}, address}});
  auto begin = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> overloaded{0};
  std::vector<std::thread> senders;
  for (unsigned i = 0; i < threads; ++i)
    senders.emplace_back(
        [&, mine = frames / threads + (i < frames % threads ? 1 : 0)] {
          std::string payload(bytes, 'x');
          std::string_view parts[] = {payload};
          for (std::uint64_t k = 0; k < mine;) {
            if (x.send(node_id{2}, frame_class::data, 1, parts)
                == send_result::accepted) {
              ++k;
            } else {
              ++overloaded;
              std::this_thread::yield();
            }
          }
        });
  for (auto& t : senders)
    t.join();
  auto receiver_cpu = std::stod(handler.done.get_future().get());
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  auto n = static_cast<double>(frames);
  auto m = x.metrics();
  std::printf("%llu frames of %zu bytes, %u senders: %.0f frames/s, %.1f MB/s; "
              "CPU per frame: sender %.0f ns, receiver %.0f ns; %.0f frames a "
              "write, %llu times overloaded\n",
              static_cast<unsigned long long>(frames), bytes, threads,
              n / took.count(),
              n * static_cast<double>(bytes) / took.count() / 1e6,
              1e9 * cpu_seconds() / n, 1e9 * receiver_cpu / n,
              n / static_cast<double>(m.writes),
              static_cast<unsigned long long>(overloaded.load()));
  x.stop(std::chrono::seconds{10});
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  auto number = [&](int i, std::uint64_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  auto frames = number(1, 5'000'000);
  auto bytes = number(2, 100);
  auto threads = static_cast<unsigned>(number(3, 1));
  if (frames == 0 || threads == 0) {
    std::fprintf(stderr, "usage: link_bench [frames] [bytes] [threads]\n");
    return 1;
  }
  int channel[2];
  if (pipe(channel) != 0)
    return 1;
  auto child = fork();
  if (child < 0)
    return 1;
  if (child == 0) {
    close(channel[0]);
    return receive(frames, channel[1]);
  }
  close(channel[1]);
  std::string address(64, '\0');
  auto n = read(channel[0], address.data(), address.size());
  address.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  auto result = address.empty() ? 1 : run(frames, bytes, threads, address);
  int status = 0;
  waitpid(child, &status, 0);
  return result;
}
