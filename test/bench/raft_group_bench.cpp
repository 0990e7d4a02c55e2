// One member of a group of three, for test/bench/raft_compare; every write is
// synced on all three, and the load runs inside the member that is asked.
//
//   bench_raft_group NUMBER DIRECTORY PORT,PORT,PORT [fast] [keep] [single]
//
// NUMBER: which of the ports is its own, from 0. fast: short timeouts. keep:
// no snapshots, the log keeps everything. single: an entry for each command.
//
// Prints "up", then answers lines of standard input with a line each:
//
//   leader                 1 or 0
//   write N SECONDS        "warm" after a second of load with N outstanding,
//   linearizable, lease    "over" at its end, then: a second, p50 us, p99 us,
//                          failed
//   load N                 begins writes, N outstanding, without an end
//   fill COUNT             writes that many, 1,024 outstanding: a second
//   probe T                one write, again until it is done: ms since T, which
//                          is CLOCK_MONOTONIC in ns
//   applied                the index that this member has applied

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <iostream>
#include <list>
#include <memory>
#include <semaphore>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <google/protobuf/wrappers.pb.h>

#include <troupe/runtime/group/group.hpp>

namespace {

using namespace troupe;
using namespace troupe::raft;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

// Keeps what was written last.
struct bench_machine {
  using command = google::protobuf::BytesValue;
  using result = google::protobuf::UInt64Value;

  applied_result<result> apply(log_index at, const command& x) {
    value = x.value();
    index = at.value;
    result out;
    out.set_value(index);
    return out;
  }
  bench_machine freeze() { return *this; }
  bool save(byte_sink& to) const { return to.write(value); }
  bool restore(byte_source& from) {
    char text[64];
    auto n = from.read(text);
    value.assign(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    return n >= 0;
  }

  std::string value;
  std::uint64_t index = 0;
};

using bench_group = group<bench_machine>;

google::protobuf::BytesValue a_command() {
  google::protobuf::BytesValue out;
  out.set_value(std::string(34, 'x')); // 36 bytes, encoded
  return out;
}

/// Keeps a number of operations under way.
///
/// Threads: callbacks of the group, one at a time; `begin`, `measure` and `end`
///          from another.
class load {
public:
  load(bench_group& group, std::string what, int outstanding)
      : group_(group), what_(std::move(what)), outstanding_(outstanding) {}

  void begin() {
    for (int i = 0; i < outstanding_; ++i)
      next(clock_type::now());
  }

  std::string measure(seconds time) {
    us_.reserve(1u << 24);
    begin();
    std::this_thread::sleep_for(1s);
    std::cout << "warm" << std::endl;
    warm_ = true;
    auto from = clock_type::now();
    std::this_thread::sleep_for(time);
    warm_ = false;
    auto taken = seconds{clock_type::now() - from}.count();
    std::cout << "over" << std::endl;
    end();
    std::sort(us_.begin(), us_.end());
    std::ostringstream out;
    out << static_cast<double>(us_.size()) / taken << " " << at(50) << " "
        << at(99) << " " << failed_;
    return out.str();
  }

  void end() {
    stopping_ = true;
    over_.acquire();
  }

  std::uint64_t count() const { return count_; }

private:
  double at(std::size_t percent) const {
    return us_.empty() ? 0 : us_[us_.size() * percent / 100];
  }

  void next(clock_type::time_point from) {
    if (what_ == "write")
      return group_.propose(command_, [this, from](auto x) { done(from, x); });
    auto how = what_ == "lease" ? read_mode::lease : read_mode::linearizable;
    group_.read(
        how, [](const bench_machine& m) { return m.index; },
        [this, from](auto x) { done(from, x); });
  }

  template <class T>
  void done(clock_type::time_point from, outcome<T>& x) {
    auto now = clock_type::now();
    if (!x)
      ++failed_;
    else
      ++count_;
    if (x && warm_)
      us_.push_back(
          std::chrono::duration<float, std::micro>(now - from).count());
    bool goes_on = x || x.error().why != group_code::stopped;
    if (goes_on && !stopping_)
      next(now);
    else if (++ended_ == outstanding_)
      over_.release();
  }

  bench_group& group_;
  std::string what_;
  int outstanding_;
  google::protobuf::BytesValue command_ = a_command();
  std::vector<float> us_;
  int ended_ = 0;
  std::uint64_t failed_ = 0;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<bool> warm_{false};
  std::atomic<bool> stopping_{false};
  std::binary_semaphore over_{0};
};

/// Answers the lines of standard input.
class member {
public:
  explicit member(bench_group& group) : group_(group) {}

  std::string answer(const std::string& line) {
    std::istringstream in{line};
    std::string word;
    in >> word;
    if (word == "leader")
      return group_.view().leader.here ? "1" : "0";
    if (word == "applied")
      return std::to_string(group_.view().applied.value);
    if (word == "probe") {
      std::int64_t from = 0;
      in >> from;
      return probe(from);
    }
    if (word == "fill") {
      std::uint64_t count = 0;
      in >> count;
      return fill(count);
    }
    int outstanding = 0;
    double time = 0;
    in >> outstanding >> time;
    if (outstanding < 1)
      return "?";
    if (word == "load") {
      loads_.emplace_back(group_, "write", outstanding).begin();
      return "going";
    }
    return load{group_, word, outstanding}.measure(seconds{time});
  }

private:
  std::string probe(std::int64_t from_ns) {
    std::promise<bool> done;
    try_write(done);
    if (!done.get_future().get())
      return "?";
    auto now = clock_type::now().time_since_epoch();
    return std::to_string(std::chrono::duration<double, std::milli>(
                              now - std::chrono::nanoseconds{from_ns})
                              .count());
  }

  void try_write(std::promise<bool>& done) {
    group_.propose(a_command(), [this, &done](auto x) {
      if (x || x.error().why == group_code::stopped)
        done.set_value(bool(x));
      else
        try_write(done);
    });
  }

  std::string fill(std::uint64_t count) {
    load x{group_, "write", 1024};
    auto from = clock_type::now();
    x.begin();
    while (x.count() < count)
      std::this_thread::sleep_for(10ms);
    x.end();
    return std::to_string(static_cast<double>(x.count())
                          / seconds{clock_type::now() - from}.count());
  }

  bench_group& group_;
  std::list<load> loads_; // without an end
};

} // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: " << argv[0]
              << " NUMBER DIRECTORY PORT,PORT,PORT [fast] [keep] [single]"
              << std::endl;
    return 2;
  }
  std::string number = argv[1];
  group_options options;
  options.data = argv[2];
  std::istringstream ports{argv[3]};
  for (std::string port; std::getline(ports, port, ',');) {
    auto address = "127.0.0.1:" + port;
    if (number == std::to_string(options.members.size()))
      options.listen = address;
    options.members.push_back({address, true});
  }
  options.settings.snapshots = snapshot_policy::every_changes(2'000'000);
  for (int i = 4; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "fast") {
      options.settings.tick = 7500us;
      options.settings.heartbeat = 15ms;
      options.settings.election = 100ms;
    } else if (word == "keep") {
      options.settings.snapshots = snapshot_policy::never();
    } else if (word == "single") {
      options.settings.batch_bytes_max = 1;
    } else {
      std::cerr << "unknown: " << word << std::endl;
      return 2;
    }
  }
  bench_group g{std::move(options)};
  if (auto why = g.start()) {
    std::cerr << why->text() << std::endl;
    return 1;
  }
  std::cout << "up" << std::endl;
  member self{g};
  for (std::string line; std::getline(std::cin, line);)
    std::cout << self.answer(line) << std::endl;
  g.stop();
}
