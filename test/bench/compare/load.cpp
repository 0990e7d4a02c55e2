#include "load.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace compare {

static void end_with_parent() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

arguments::arguments(int argc, char** argv) {
  if (argc < 2)
    std::_Exit(2);
  end_with_parent();
  role_ = argv[1];
  for (int i = 2; i + 1 < argc; i += 2)
    values_[std::string{argv[i]}.substr(2)] = argv[i + 1];
}

std::string arguments::text(const std::string& name,
                            const std::string& standard) const {
  auto i = values_.find(name);
  return i == values_.end() ? standard : i->second;
}

double arguments::number(const std::string& name, double standard) const {
  auto i = values_.find(name);
  return i == values_.end() ? standard : std::stod(i->second);
}

// -- times --------------------------------------------------------------------

std::size_t histogram::bucket_of(std::uint64_t ns) {
  if (ns < 2 * steps)
    return ns;
  auto shift = static_cast<std::size_t>(std::bit_width(ns)) - 7;
  return shift * steps + (ns >> shift);
}

double histogram::middle_of(std::size_t bucket) {
  if (bucket < 2 * steps)
    return static_cast<double>(bucket);
  auto shift = bucket / steps - 1;
  return static_cast<double>((bucket - shift * steps) << shift)
         + static_cast<double>(1ull << shift) / 2;
}

void histogram::add(std::chrono::nanoseconds x) {
  auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(x.count(), 0));
  auto& to = buckets_[std::min(bucket_of(ns), buckets_.size() - 1)];
  to.store(to.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void histogram::merge(const histogram& x) {
  for (std::size_t i = 0; i < buckets_.size(); ++i)
    buckets_[i] += x.buckets_[i];
}

void histogram::subtract(const histogram& x) {
  for (std::size_t i = 0; i < buckets_.size(); ++i)
    buckets_[i] -= x.buckets_[i];
}

double histogram::quantile(double q) const {
  std::uint64_t sum = 0;
  for (auto& x : buckets_)
    sum += x;
  auto rank = q * static_cast<double>(sum);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen > 0 && static_cast<double>(seen) >= rank)
      return middle_of(i) / 1000;
  }
  return 0;
}

// -- a measurement ------------------------------------------------------------

static load::seconds cpu_time() {
  rusage x{};
  ::getrusage(RUSAGE_SELF, &x);
  auto of = [](const timeval& t) {
    return load::seconds{static_cast<double>(t.tv_sec)
                         + static_cast<double>(t.tv_usec) / 1e6};
  };
  return of(x.ru_utime) + of(x.ru_stime);
}

load::load(const arguments& args)
    : warm_(args.number("warm", 0.5)), measured_(args.number("seconds", 2)) {
}

recorder& load::add_recorder() {
  std::lock_guard guard{mutex_};
  return recorders_.emplace_back();
}

void load::sum_up(result& to) {
  std::lock_guard guard{mutex_};
  for (auto& x : recorders_) {
    to.messages += x.messages.load(std::memory_order_relaxed);
    to.failed += x.failed.load(std::memory_order_relaxed);
    to.times.merge(x.times);
  }
}

void load::measure(result& to, void (*begin)()) {
  std::this_thread::sleep_for(warm_);
  result before;
  sum_up(before);
  begin();
  auto start = steady_clock::now();
  before.cpu = cpu_time();
  std::this_thread::sleep_for(measured_);
  sum_up(to);
  to.wall = steady_clock::now() - start;
  to.cpu = cpu_time() - before.cpu;
  to.messages -= before.messages;
  to.failed -= before.failed;
  to.times.subtract(before.times);
  over_ = true;
}

void load::run() {
  result x;
  measure(x, [] {
    std::puts("begin");
    std::fflush(stdout);
  });
  std::printf("end {\"messages\": %llu, \"failed\": %llu, \"seconds\": %.6f, "
              "\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f}\n",
              static_cast<unsigned long long>(x.messages),
              static_cast<unsigned long long>(x.failed), x.wall.count(),
              x.times.quantile(0.5), x.times.quantile(0.99),
              x.times.quantile(0.999));
  std::fflush(stdout);
}

// -- processes ----------------------------------------------------------------

void say_ready(const std::string& address) {
  std::printf("ready %s\n", address.c_str());
  std::fflush(stdout);
}

void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::_Exit(1);
}

} // namespace compare
