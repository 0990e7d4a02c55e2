// What a local send through a router costs, against a direct one, and what an
// idle partition takes.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <new>
#include <vector>

#include <caf/scoped_actor.hpp>

#include <troupe/troupe.hpp>

static std::atomic<std::uint64_t> allocations{0};

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (auto* p = std::malloc(size))
    return p;
  throw std::bad_alloc{};
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

namespace {

constexpr int messages = 400000;
constexpr int window = 20000; // on the way at a time
std::atomic<int> received{0};

template <class F>
void measure(const char* what, F send) {
  received = 0;
  auto before = allocations.load();
  auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < messages; ++i) {
    while (i - received > window)
      std::this_thread::yield();
    send(i);
  }
  while (received < messages)
    std::this_thread::yield();
  auto time = std::chrono::steady_clock::now() - began;
  std::printf("%-28s %7.0f ns, %5.2f allocations a message\n", what,
              std::chrono::duration<double, std::nano>(time).count() / messages,
              double(allocations - before) / messages);
}

std::size_t resident() {
  std::ifstream in{"/proc/self/statm"};
  std::size_t pages = 0;
  in >> pages >> pages;
  return pages * 4096;
}

caf::behavior direct(caf::event_based_actor*) {
  return {[](const std::string&, int) { ++received; }};
}

caf::behavior routed(troupe::partition*) {
  return {[](const std::string&, int) { ++received; }};
}

} // namespace

int main() {
  troupe::node node;
  auto region = node.spawn_region("r", routed);
  if (auto why = node.start()) {
    std::puts(why.detail.c_str());
    return 1;
  }
  {
    caf::scoped_actor self{node.system()};
    self->request(region.router(), std::chrono::seconds{10}, "k", 1)
        .receive([] {}, [](const caf::error&) { std::abort(); });
    auto actor = node.system().spawn(direct);
    for (int round = 0; round < 3; ++round) {
      measure("direct send", [&](int i) { caf::anon_send(actor, "k", i); });
      measure("through the router",
              [&](int i) { caf::anon_send(region.router(), "k", i); });
    }
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  }
  constexpr std::uint32_t many = 20000;
  troupe::region_options large;
  large.partitions = many;
  auto before = resident();
  auto idle = node.spawn_region("idle", routed, large);
  caf::scoped_actor self{node.system()};
  for (std::uint32_t p = 0; p < many; ++p)
    self->request(idle.router(), std::chrono::seconds{120},
                  troupe::to_partition{p, "k"}, 1)
        .receive([] {}, [](const caf::error&) { std::abort(); });
  std::printf("an idle partition: %zu bytes of memory, its row in the map and "
              "the log included\n",
              (resident() - before) / many);
  node.stop();
}
