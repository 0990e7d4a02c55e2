#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>

namespace compare {

using std::chrono::steady_clock;

/// Bytes that each message carries for its user, as a protobuf field.
inline constexpr std::size_t payload_bytes = 100;

/// What a program is to do, and `--name value` pairs. Without the first, it
/// ends; otherwise it will with its parent.
class arguments {
public:
  arguments(int argc, char** argv);

  const std::string& role() const { return role_; }

  std::string text(const std::string& name,
                   const std::string& standard = "") const;
  double number(const std::string& name, double standard) const;
  std::size_t count(const std::string& name, std::size_t standard) const {
    return static_cast<std::size_t>(
        number(name, static_cast<double>(standard)));
  }

private:
  std::string role_;
  std::map<std::string, std::string> values_;
};

/// How long requests took: 64 steps for each power of two, so values are exact
/// to 1.6 %.
///
/// Threads: one adds, any reads.
class histogram {
public:
  void add(std::chrono::nanoseconds x);
  void merge(const histogram& x);
  void subtract(const histogram& x);
  /// In microseconds; 0: there is none.
  double quantile(double q) const;

private:
  static constexpr std::size_t steps = 64;

  static std::size_t bucket_of(std::uint64_t ns);
  static double middle_of(std::size_t bucket);

  std::array<std::atomic<std::uint32_t>, steps * 40> buckets_{};
};

/// What one thread or actor of a client has had done.
///
/// Threads: one writes, any reads.
struct recorder {
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> failed{0};
  histogram times;

  void done(std::uint64_t n) {
    messages.store(messages.load(std::memory_order_relaxed) + n,
                   std::memory_order_relaxed);
  }
  void done_since(steady_clock::time_point sent) {
    done(1);
    times.add(steady_clock::now() - sent);
  }
};

/// One measurement of a client. The main thread calls `measure` or `run` and
/// sleeps; others ask until it is `over`.
class load {
public:
  using seconds = std::chrono::duration<double>;

  load(seconds warm, seconds measured) : warm_(warm), measured_(measured) {}
  explicit load(const arguments& args);

  /// Once all actors are made. Stays where it is.
  recorder& add_recorder();
  bool over() const { return over_.load(std::memory_order_relaxed); }

  struct result {
    std::uint64_t messages = 0;
    std::uint64_t failed = 0;
    seconds wall{0};
    seconds cpu{0}; // of this process
    histogram times;
  };
  /// What all recorders had done between `begin`, called once it is warm, and
  /// the end.
  void measure(result& to, void (*begin)());
  /// Prints `begin`, and `end` with a line of JSON.
  void run();

private:
  void sum_up(result& to);

  seconds warm_;
  seconds measured_;
  std::mutex mutex_; // guards the list
  std::list<recorder> recorders_;
  std::atomic<bool> over_{false};
};

/// Prints `ready` and what a client has to know.
void say_ready(const std::string& address = "");

[[noreturn]] void fail(const std::string& why);

} // namespace compare
