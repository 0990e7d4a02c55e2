#include "shrink.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace troupe::sim {

std::string kind_of(const std::string& broken) {
  if (broken.starts_with("no calm"))
    return "no calm";
  auto text = broken.substr(0, broken.find('\n'));
  std::string out;
  for (unsigned char c : text)
    if (!std::isdigit(c))
      out += static_cast<char>(c);
  return out;
}

namespace {

std::string read_all(int from) {
  std::string out;
  char buf[4096];
  for (ssize_t n; (n = ::read(from, buf, sizeof buf)) > 0;)
    out.append(buf, static_cast<std::size_t>(n));
  return out;
}

[[noreturn]] void perform_and_end(const plan& what, int to) {
  ::alarm(60); // a run that hangs fails too
  ::dup2(to, STDOUT_FILENO);
  ::dup2(to, STDERR_FILENO);
  auto broken = perform(what).broken;
  std::string_view rest{broken};
  while (!rest.empty()) {
    auto n = ::write(to, rest.data(), rest.size());
    if (n <= 0)
      break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  ::_exit(0);
}

} // namespace

std::string perform_apart(const plan& what) {
  int ends[2];
  if (::pipe(ends) != 0)
    return "no pipe";
  auto child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    perform_and_end(what, ends[1]);
  }
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return "no process";
  }
  auto out = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    out = "ended by signal " + std::to_string(WTERMSIG(status)) + ": " + out;
  return out;
}

namespace {

constexpr std::uint64_t seeds_each = 4;

class shrinker {
public:
  shrinker(const plan& from, const std::function<std::string(const plan&)>& run,
           const std::function<bool()>& more)
      : run_(run), more_(more) {
    best_.smallest = from;
    best_.broken = this->run(from);
    kind_ = kind_of(best_.broken);
  }

  shrunk work() {
    if (kind_.empty())
      return best_;
    for (bool again = true; again && more_();) {
      again = fewer_deeds();
      again = less_else() || again;
    }
    return best_;
  }

private:
  std::string run(const plan& what) {
    ++best_.runs;
    return run_(what);
  }

  // Takes the smaller plan if it fails alike.
  bool try_one(plan smaller) {
    if (smaller == best_.smallest)
      return false;
    for (std::uint64_t i = 0; i < seeds_each && more_(); ++i) {
      auto broken = run(smaller);
      if (kind_of(broken) == kind_) {
        best_.smallest = std::move(smaller);
        best_.broken = std::move(broken);
        return true;
      }
      ++smaller.seed;
    }
    return false;
  }

  // Delta debugging: without each half, each quarter, ... each one.
  bool fewer_deeds() {
    bool any = false;
    auto size = best_.smallest.deeds.size();
    for (auto part = size; part > 0; part /= 2) {
      for (std::size_t at = 0; at < best_.smallest.deeds.size() && more_();) {
        auto smaller = best_.smallest;
        auto& deeds = smaller.deeds;
        auto first = deeds.begin() + static_cast<std::ptrdiff_t>(at);
        auto count = std::min(part, deeds.size() - at);
        deeds.erase(first, first + static_cast<std::ptrdiff_t>(count));
        if (try_one(std::move(smaller)))
          any = true;
        else
          at += part;
      }
    }
    return any;
  }

  template <class F>
  bool change(F f) {
    auto smaller = best_.smallest;
    f(smaller);
    return try_one(std::move(smaller));
  }

  bool less_else() {
    using namespace std::chrono_literals;
    bool any = false;
    auto less = [&](auto f) { any = change(f) || any; };
    less([](plan& x) { x.partitions.resize(1); });
    less([](plan& x) {
      for (auto& n : x.partitions)
        n = (n + 1) / 2;
    });
    less([](plan& x) { x.nodes = std::min(x.nodes, 3u); });
    less([](plan& x) { x.nodes = std::max(x.nodes - 1, 3u); });
    less([](plan& x) { x.senders = 1; });
    less(
        [](plan& x) { x.send_every = std::max(x.send_every, boot_time{4ms}); });
    less([](plan& x) { x.patience = 0ms; });
    less([](plan& x) { x.hold_max = 4096; });
    less([](plan& x) { x.keep_running = false; });
    less([](plan& x) { x.overrun = overrun_policy::wait; });
    less(
        [](plan& x) { x.clock_error_ppm = std::min(x.clock_error_ppm, 100l); });
    less([](plan& x) {
      x.length = x.deeds.empty() ? 1s : x.deeds.back().at + 100ms;
    });
    return any;
  }

  const std::function<std::string(const plan&)>& run_;
  const std::function<bool()>& more_;
  shrunk best_;
  std::string kind_;
};

} // namespace

shrunk shrink(const plan& from,
              const std::function<std::string(const plan&)>& run,
              const std::function<bool()>& more) {
  return shrinker{from, run, more}.work();
}

} // namespace troupe::sim
