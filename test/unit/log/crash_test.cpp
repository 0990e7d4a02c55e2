#include <test/catch.hpp>

#include "small_settings.hpp"
#include "store_model.hpp"

using namespace troupe;
using namespace troupe::disk;
using namespace troupe::test;

namespace {

// Runs until the disk dies. What the run expects of it is in `run` then.
void run_until_dead(sim_fs& fs, store_run& run, int operations) {
  if (run.try_open(fs, "/data"))
    return;
  for (int i = 0; i < operations; ++i)
    if (!run.step())
      return;
}

// Every other seed begins writes, too.
store_settings some_begun(std::uint64_t seed) {
  auto to = small_segments();
  to.event = seed % 2 == 0 ? 0 : -1;
  return to;
}

} // namespace

TEST_CASE(
    "raft_store: a power cut at any call loses nothing acknowledged [HR-5]",
    "[unit][log]") {
  constexpr std::uint64_t seed = 1;
  constexpr int operations = 300;
  std::uint64_t calls = 0;
  auto settings = small_segments();
  settings.event = GENERATE(-1, 0); // 0: writes are begun, too
  {
    sim_fs fs{seed};
    store_run run{seed, settings};
    REQUIRE(run.open(fs, "/data") == "");
    for (int i = 0; i < operations; ++i)
      REQUIRE(run.step());
    calls = fs.calls();
    REQUIRE((run.begun() > 100) == (settings.event == 0));
    run.close();
    REQUIRE(run.open(fs, "/data") == "");
  }
  REQUIRE(calls > 900);
  for (std::uint64_t n = 1; n <= calls; ++n) {
    INFO("dies at call " << n << " of " << calls);
    sim_fs fs{seed + n};
    store_run run{seed, settings};
    fs.faults.dies_at = n;
    run_until_dead(fs, run, operations);
    REQUIRE(fs.dead());
    run.close();
    fs.crash();
    if (n % 2 == 0) {
      // And again while it recovers.
      fs.faults.dies_at = fs.calls() + 1 + n % 13;
      run_until_dead(fs, run, 0);
      run.close();
      fs.crash();
    }
    REQUIRE(run.open(fs, "/data") == "");
    for (int i = 0; i < 3; ++i)
      REQUIRE(run.step());
    run.close();
    fs.crash();
    REQUIRE(run.open(fs, "/data") == "");
  }
}

TEST_CASE("raft_store: power cuts at random calls, many seeds and small writes "
          "[HR-5]",
          "[unit][log]") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    sim_fs fs{seed};
    std::mt19937_64 random{seed};
    store_run run{seed, some_begun(seed)};
    run.entries_max = 2;
    run.command_bytes_max = 1 + random() % 900;
    for (int life = 0; life < 12; ++life) {
      REQUIRE(run.open(fs, "/data") == "");
      fs.faults.short_per_mille = 100;
      fs.faults.interrupted_per_mille = 100;
      fs.faults.dies_at = fs.calls() + 1 + random() % 120;
      while (run.step()) {
      }
      REQUIRE(fs.dead());
      run.close();
      fs.crash();
    }
  }
}

TEST_CASE("raft_store: the end of the process alone loses nothing acknowledged",
          "[unit][log]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    sim_fs fs{seed};
    std::mt19937_64 random{seed};
    store_run run{seed, some_begun(seed)};
    for (int life = 0; life < 8; ++life) {
      REQUIRE(run.open(fs, "/data") == "");
      fs.faults.dies_at = fs.calls() + 1 + random() % 120;
      while (run.step()) {
      }
      run.close();
      fs.end_process();
      REQUIRE(run.open(fs, "/data") == "");
      // What this start found, it acknowledges and builds on: so it must be
      // durable, and its name too.
      for (std::uint64_t i = random() % 4; i > 0; --i)
        REQUIRE(run.step());
      run.close();
      fs.crash();
    }
  }
}

TEST_CASE("raft_store: names that a dead process left are made durable",
          "[unit][log]") {
  for (std::uint64_t n = 1; n <= 120; ++n) {
    INFO("dies at call " << n);
    sim_fs fs{n};
    std::uint64_t last = 0;
    auto live = [&](std::uint64_t until) {
      auto lock = directory_lock::acquire(fs, "/data");
      auto opened = lock ? raft_store::open(*lock, small_segments())
                         : result<opened_store>{lock.error()};
      if (!opened)
        return;
      REQUIRE(opened->state.log.size() >= last);
      last = opened->state.log.size();
      while (last < until
             && write(*opened->store, entries(last + 1, last + 1, 1000)))
        ++last;
    };
    fs.faults.dies_at = n;
    live(40);
    fs.end_process();
    // A full disk, so that no later file makes the directory durable.
    fs.set_capacity(fs.used());
    live(last + 5);
    fs.crash();
    fs.set_capacity(0);
    live(last + 6);
    REQUIRE(last >= 6);
  }
}

TEST_CASE("raft_store: a failed sync ends all acknowledging", "[unit][log]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    sim_fs fs{seed};
    std::mt19937_64 random{seed};
    store_run run{seed, some_begun(seed)};
    for (int life = 0; life < 6; ++life) {
      REQUIRE(run.open(fs, "/data") == "");
      fs.faults.sync_fails_at = fs.calls() + 1 + random() % 60;
      for (int i = 0; i < 500 && run.step(); ++i) {
      }
      REQUIRE(run.failure().code == errc::io);
      REQUIRE(run.store().failure());
      raft::persist_batch batch;
      batch.must_sync = true;
      batch.hard = raft::hard_state{raft::term{1000}, {}, {}};
      auto again = run.store().write({&batch, 1});
      REQUIRE(!again);
      REQUIRE(again.error().what == run.failure().what);
      run.close();
      // The cache still holds what the disk has lost: the next start must not
      // build on it.
      fs.end_process();
      REQUIRE(run.open(fs, "/data") == "");
      for (int i = 0; i < 3; ++i)
        REQUIRE(run.step());
      run.close();
      fs.crash();
    }
  }
}

TEST_CASE("raft_store: any other failed call ends all acknowledging too",
          "[unit][log]") {
  for (std::uint64_t n = 1; n <= 300; ++n) {
    INFO("call " << n);
    sim_fs fs{n};
    store_run run{5, some_begun(n)};
    fs.faults.call_fails_at = n;
    run_until_dead(fs, run, 120);
    REQUIRE(fs.calls() >= n);
    run.close();
    fs.crash();
    REQUIRE(run.open(fs, "/data") == "");
  }
}
