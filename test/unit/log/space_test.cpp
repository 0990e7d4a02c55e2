#include <test/catch.hpp>

#include "small_settings.hpp"
#include "store_model.hpp"

using namespace troupe;
using namespace troupe::disk;
using namespace troupe::test;

TEST_CASE("raft_store: a full disk stops it cleanly and it returns when there "
          "is room [HR-5]",
          "[unit][log]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    sim_fs fs{seed};
    std::mt19937_64 random{seed};
    store_run run{seed, small_segments()};
    REQUIRE(run.open(fs, "/data") == "");
    for (int life = 0; life < 4; ++life) {
      fs.set_capacity(fs.used() + random() % 60000);
      auto stopped = false;
      for (int i = 0; i < 3000 && !stopped; ++i) {
        if (run.step())
          continue;
        REQUIRE(run.failure().code == errc::no_space);
        // A snapshot that finds no room fails alone.
        stopped = run.store().failure().has_value();
      }
      run.close();
      if (random() % 2 == 0)
        fs.crash();
      fs.end_process();
      // Still full: it may come up, and must tell the truth if it does.
      if (auto why = run.try_open(fs, "/data"))
        REQUIRE(why->code == errc::no_space);
      else
        REQUIRE(run.compare() == "");
      fs.set_capacity(0);
      REQUIRE(run.open(fs, "/data") == "");
      for (int i = 0; i < 5; ++i)
        REQUIRE(run.step());
    }
  }
}

TEST_CASE("raft_store: the first start on a full disk names it",
          "[unit][log]") {
  sim_fs fs{1};
  fs.set_capacity(100);
  auto lock = directory_lock::acquire(fs, "/data");
  REQUIRE(lock);
  auto opened = raft_store::open(*lock, small_segments());
  REQUIRE(opened);
  CHECK(opened->store->space_low());
  auto written = write(*opened->store, entries(1, 1));
  REQUIRE(!written);
  CHECK(written.error().code == errc::no_space);
  CHECK(written.error().what.find("0000000001.log.tmp") != std::string::npos);
  CHECK(written.error().what.find("make room") != std::string::npos);
}

TEST_CASE("raft_store: it says that space is low a segment before the end",
          "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  auto opened = raft_store::open(*lock, small_segments());
  auto& store = *opened->store;
  REQUIRE(write(store, entries(1, 1)));
  CHECK_FALSE(store.space_low());
  fs.set_capacity(fs.used());
  std::uint64_t index = 2;
  for (; !store.space_low(); ++index)
    REQUIRE(write(store, entries(index, index, 400)));
  auto warned_at = index;
  while (write(store, entries(index, index, 400)))
    ++index;
  CHECK(index - warned_at >= 5);
  REQUIRE(store.failure());
  CHECK(store.failure()->code == errc::no_space);
  // The reserve was given back, for what the next start has to write.
  CHECK(fs.find("/data/raft/reserve") == nullptr);
  CHECK(identity_file{*lock}.store(identity{}));
}

TEST_CASE("raft_store: a snapshot that finds no room leaves the log at work",
          "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  auto opened = raft_store::open(*lock, small_segments());
  auto& store = *opened->store;
  REQUIRE(write(store, entries(1, 3)));
  fs.set_capacity(fs.used() + 1000);
  SECTION("its own") {
    auto saved = save(store, 2, std::string(5000, 's'));
    REQUIRE(!saved);
    CHECK(saved.error().code == errc::no_space);
  }
  SECTION("received") {
    std::string bytes(1u << 20, 's');
    snapshot_digest digest{bytes.size(), 1};
    REQUIRE(store.begin_incoming(snapshot_at(9), digest));
    auto next = store.append_incoming(0, bytes);
    REQUIRE(!next);
    CHECK(next.error().code == errc::no_space);
  }
  CHECK_FALSE(store.failure());
  CHECK(write(store, entries(4, 4)));
  for (auto& path : fs.paths())
    CHECK(path.find(".snap") == std::string::npos);
  fs.set_capacity(0);
  CHECK(save(store, 2, std::string(5000, 's')));
}
