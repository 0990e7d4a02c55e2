// What the pure core costs: entries of 36 bytes through propose, replicate,
// commit and apply on three cores in memory, whose disks take no time.
//
//   bench_raft_core [ENTRIES] [AT A TIME]      1,000,000 entries, 1 and 64
//
//   valgrind --tool=callgrind bench_raft_core 20000 64
//
// Counts of instructions repeat; the difference of two runs of other lengths,
// divided by the difference of their entries, leaves the start out.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <troupe/cluster/raft/core.hpp>

namespace {

using namespace troupe;
using namespace troupe::raft;

class trio {
public:
  trio() {
    recovered disk;
    disk.snapshot.index = log_index{1};
    disk.snapshot.term = term{1};
    disk.snapshot.conf.voters = {member_id{1}, member_id{2}, member_id{3}};
    disk.hard = {term{1}, {}, log_index{1}};
    for (std::uint64_t id = 1; id <= 3; ++id) {
      settings cfg;
      cfg.self = member_id{id};
      cfg.seed = id;
      cfg.commit_rides = true; // as in a group
      cores_.emplace_back(cfg, disk);
    }
    (void)cores_[0].campaign();
    settle();
    cores_[0].push_commit();
    settle();
  }

  /// Of `count` commands, until all three have applied them.
  void replicate(std::size_t count, const payload& what) {
    if (!cores_[0].propose(std::vector<payload>(count, what)))
      std::abort();
    settle();
  }

  std::uint64_t applied() const { return applied_; }

  /// The log does not grow without end.
  void compact() {
    for (auto& x : cores_)
      x.compact(log_index{UINT64_MAX}); // as far as it may
  }

private:
  void settle() {
    for (bool more = true; more;) {
      more = false;
      for (auto& x : cores_)
        while (x.ready()) {
          work(x);
          more = true;
        }
    }
  }

  void work(core& x) {
    auto out = x.take();
    deliver(out.now);
    if (out.persist)
      x.persisted(out.persist->id);
    deliver(out.after_persist);
    if (out.committed.empty())
      return;
    applied_ += out.committed.size();
    x.applied(out.committed.back().index);
  }

  void deliver(std::vector<message>& what) {
    for (auto& msg : what)
      cores_[msg.to.value - 1].receive(std::move(msg));
  }

  std::vector<core> cores_;
  std::uint64_t applied_ = 0; // by all three
};

void run(std::uint64_t entries, std::uint64_t at_a_time) {
  trio all;
  auto what = std::make_shared<const std::string>(36, 'x');
  auto before = all.applied();
  auto from = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < entries; i += at_a_time) {
    all.replicate(at_a_time, what);
    if (i / 4096 != (i + at_a_time) / 4096)
      all.compact();
  }
  std::chrono::duration<double, std::nano> took =
      std::chrono::steady_clock::now() - from;
  auto count = (all.applied() - before) / 3;
  std::printf("%llu entries, %llu at a time: %.0f ns each\n",
              static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(at_a_time),
              took.count() / static_cast<double>(count));
}

} // namespace

int main(int argc, char** argv) {
  auto number = [&](int i, std::uint64_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  auto entries = number(1, 1'000'000);
  if (entries == 0 || (argc > 2 && number(2, 0) == 0)) {
    std::fputs("bench_raft_core [ENTRIES] [AT A TIME]\n", stderr);
    return 2;
  }
  if (argc > 2) {
    run(entries, number(2, 1));
  } else {
    run(entries, 1);
    run(entries, 64);
  }
}
