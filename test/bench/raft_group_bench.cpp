// Three members of a group as three processes on loopback, each with its own
// log, every write synced on all three; the load runs inside the leader.
//
//   bench_raft_group DIRECTORY [SECONDS]
//
// Prints a line for each load: operations a second, latencies, processor time
// of all three processes for each operation, and beside them what one
// fdatasync takes on that disk in the same minute.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <semaphore>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <google/protobuf/wrappers.pb.h>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/group/group.hpp>

namespace {

using namespace troupe;
using namespace troupe::raft;
using clock_type = std::chrono::steady_clock;

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

// -- the load, in the leader --------------------------------------------------

class load {
public:
  load(bench_group& group, std::string what, int outstanding)
      : group_(group), what_(std::move(what)), outstanding_(outstanding) {
    us_.reserve(1 << 22);
    command_.set_value(std::string(34, 'x')); // 36 bytes, encoded
  }

  std::string run(std::chrono::duration<double> time) {
    open_ = outstanding_;
    for (int i = 0; i < outstanding_; ++i)
      next();
    std::this_thread::sleep_for(std::chrono::seconds{1});
    warm_ = true;
    auto from = clock_type::now();
    std::this_thread::sleep_for(time);
    warm_ = false;
    auto taken =
        std::chrono::duration<double>(clock_type::now() - from).count();
    stopping_ = true;
    over_.acquire();
    std::sort(us_.begin(), us_.end());
    std::ostringstream out;
    out << us_.size() << " " << static_cast<double>(us_.size()) / taken << " "
        << at(50) << " " << at(99) << " " << failed_;
    return out.str();
  }

private:
  double at(std::size_t percent) const {
    return us_.empty() ? 0 : us_[us_.size() * percent / 100];
  }

  void next() {
    auto from = clock_type::now();
    if (what_ == "write")
      return group_.propose(command_, [this, from](auto x) { done(from, x); });
    auto how = what_ == "lease" ? read_mode::lease : read_mode::linearizable;
    group_.read(
        how, [](const bench_machine& m) { return m.index; },
        [this, from](auto x) { done(from, x); });
  }

  template <class T>
  void done(clock_type::time_point from, outcome<T>& x) {
    if (!x)
      ++failed_;
    else if (warm_)
      us_.push_back(static_cast<float>(
          std::chrono::duration<double, std::micro>(clock_type::now() - from)
              .count()));
    if (!stopping_)
      next();
    else if (--open_ == 0)
      over_.release();
  }

  bench_group& group_;
  std::string what_;
  int outstanding_;
  google::protobuf::BytesValue command_;
  std::vector<float> us_;
  int open_ = 0;
  std::uint64_t failed_ = 0;
  std::atomic<bool> warm_{false};
  std::atomic<bool> stopping_{false};
  std::binary_semaphore over_{0};
};

// -- a member -----------------------------------------------------------------

int member(const std::string& directory, int port, int base) {
  group_options options;
  options.data = directory;
  options.listen = "127.0.0.1:" + std::to_string(port);
  for (int i = 0; i < 3; ++i)
    options.members.push_back({"127.0.0.1:" + std::to_string(base + i), true});
  options.settings.snapshots = snapshot_policy::every_changes(2'000'000);
  bench_group g{std::move(options)};
  if (auto why = g.start()) {
    std::cerr << why->text() << std::endl;
    return 1;
  }
  std::cout << "up" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in{line};
    std::string word;
    in >> word;
    if (word == "leader") {
      std::cout << g.view().leader.here << std::endl;
    } else {
      int outstanding = 0;
      double seconds = 0;
      in >> outstanding >> seconds;
      load x{g, word, outstanding};
      std::cout << x.run(std::chrono::duration<double>(seconds)) << std::endl;
    }
  }
  g.stop();
  return 0;
}

// -- the parent ---------------------------------------------------------------

struct child {
  pid_t pid = 0;
  FILE* to = nullptr;
  FILE* from = nullptr;

  std::string ask(const std::string& line) {
    std::fprintf(to, "%s\n", line.c_str());
    std::fflush(to);
    return answer();
  }
  std::string answer() {
    char text[256] = "";
    return std::fgets(text, sizeof text, from) ? text : "";
  }
  // Seconds of processor time so far.
  double cpu() const {
    std::string stat;
    std::ifstream all{"/proc/" + std::to_string(pid) + "/stat"};
    std::getline(all, stat);
    std::istringstream fields{stat.substr(stat.rfind(')') + 2)};
    std::string skipped;
    for (int i = 0; i < 11; ++i)
      fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
};

child start(const std::string& self, const std::string& directory, int port,
            int base) {
  int down[2];
  int up[2];
  if (::pipe2(down, O_CLOEXEC) != 0 || ::pipe2(up, O_CLOEXEC) != 0)
    std::exit(1);
  child out;
  out.pid = ::fork();
  if (out.pid == 0) {
    ::dup2(down[0], 0);
    ::dup2(up[1], 1);
    auto p = std::to_string(port);
    auto b = std::to_string(base);
    ::execl(self.c_str(), self.c_str(), "--member", directory.c_str(),
            p.c_str(), b.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(down[0]);
  ::close(up[1]);
  out.to = ::fdopen(down[1], "w");
  out.from = ::fdopen(up[0], "r");
  return out;
}

// What the disk takes for a write of 512 bytes into a file of zeros, and its
// sync: the median, in us.
double sync_us(const std::string& directory) {
  auto path = directory + "/sync";
  auto fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0666);
  std::string zeros(1u << 20, '\0');
  if (fd < 0 || ::pwrite(fd, zeros.data(), zeros.size(), 0) < 0
      || ::fsync(fd) != 0)
    return 0;
  std::vector<double> us;
  std::string row(512, 'r');
  for (int i = 0; i < 1000; ++i) {
    auto from = clock_type::now();
    if (::pwrite(fd, row.data(), row.size(), 512 * i) < 0
        || ::fdatasync(fd) != 0)
      return 0;
    us.push_back(
        std::chrono::duration<double, std::micro>(clock_type::now() - from)
            .count());
  }
  ::close(fd);
  std::sort(us.begin(), us.end());
  return us[us.size() / 2];
}

void measure(std::array<child, 3>& members, child& leader,
             const std::string& directory, const std::string& what,
             int outstanding, double seconds) {
  auto sync = sync_us(directory);
  double before = 0;
  for (auto& x : members)
    before += x.cpu();
  std::istringstream in{leader.ask(what + " " + std::to_string(outstanding)
                                   + " " + std::to_string(seconds))};
  double after = 0;
  for (auto& x : members)
    after += x.cpu();
  double count = 0;
  double rate = 0;
  double p50 = 0;
  double p99 = 0;
  std::uint64_t failed = 0;
  in >> count >> rate >> p50 >> p99 >> failed;
  // The warm-up of a second is in the processor time, and in proportion.
  auto operations = rate * (seconds + 1);
  std::printf("%-12s %5d outstanding: %9.0f/s  p50 %7.0f us  p99 %7.0f us  "
              "%6.2f us CPU each  failed %llu  fdatasync p50 %4.0f us"
              "  p50/fdatasync %.2f\n",
              what.c_str(), outstanding, rate, p50, p99,
              operations > 0 ? (after - before) * 1e6 / operations : 0,
              static_cast<unsigned long long>(failed), sync,
              sync > 0 ? p50 / sync : 0);
  std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::string{argv[1]} == "--member")
    return member(argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY [SECONDS]\n", argv[0]);
    return 1;
  }
  std::string directory = argv[1];
  auto seconds = argc > 2 ? std::atof(argv[2]) : 4;
  std::filesystem::create_directories(directory);
  std::array<child, 3> members;
  constexpr int base = 17611;
  for (int i = 0; i < 3; ++i) {
    auto path = directory + "/m" + std::to_string(i);
    std::filesystem::remove_all(path);
    members[static_cast<std::size_t>(i)] = start(
        std::filesystem::canonical("/proc/self/exe"), path, base + i, base);
  }
  for (auto& x : members)
    if (x.answer() != "up\n")
      return 1;
  child* leader = nullptr;
  for (int i = 0; i < 100 && leader == nullptr; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    for (auto& x : members)
      if (x.ask("leader") == "1\n")
        leader = &x;
  }
  if (leader == nullptr)
    return 1;
  for (int n : {1, 64, 256, 1024})
    measure(members, *leader, directory, "write", n, seconds);
  for (auto* what : {"linearizable", "lease"})
    for (int n : {256, 1024})
      measure(members, *leader, directory, what, n, seconds);
  for (auto& x : members) {
    std::fclose(x.to);
    ::waitpid(x.pid, nullptr, 0);
  }
}
