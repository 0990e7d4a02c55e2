#include <test/catch.hpp>

#include <troupe/runtime/log/crc32c.hpp>

#include "small_settings.hpp"
#include "store_model.hpp"

using namespace troupe;
using namespace troupe::disk;
using namespace troupe::test;

namespace {

struct bench {
  sim_fs fs{1};
  std::optional<directory_lock> lock;
  std::optional<opened_store> opened;

  bench() { reopen(); }
  void reopen() {
    opened.reset();
    lock.reset();
    lock.emplace(std::move(*directory_lock::acquire(fs, "/data")));
    opened.emplace(std::move(*raft_store::open(*lock, small_segments())));
  }
  raft_store& store() { return *opened->store; }
  raft::recovered& state() { return opened->state; }
};

raft::persist_batch vote(std::uint64_t term, std::uint64_t whom,
                         std::uint64_t commit, bool must_sync = true) {
  raft::persist_batch to;
  to.hard = raft::hard_state{raft::term{term}, node_id{whom},
                             raft::log_index{commit}};
  to.must_sync = must_sync;
  return to;
}

} // namespace

TEST_CASE("raft_store: a new directory is empty", "[unit][log]") {
  bench b;
  CHECK(b.state().hard == raft::hard_state{});
  CHECK(b.state().snapshot.index.value == 0);
  CHECK(b.state().log.empty());
  CHECK(b.store().open_snapshot().error().code == errc::not_found);
  b.reopen();
  CHECK(b.state().log.empty());
}

TEST_CASE("raft_store: entries of every kind come back as they were",
          "[unit][log]") {
  bench b;
  raft::persist_batch batch;
  batch.must_sync = true;
  raft::configuration_change change;
  change.how = raft::transition::explicit_joint;
  change.changes = {{raft::change_op::add_voter, node_id{2}},
                    {raft::change_op::remove, node_id{1}}};
  auto command = std::make_shared<const std::string>("a\0b", 3);
  batch.append = {{raft::term{1}, raft::log_index{1}, raft::noop{}},
                  {raft::term{1}, raft::log_index{2}, command},
                  {raft::term{2}, raft::log_index{3}, change}};
  REQUIRE(write(b.store(), batch));
  b.reopen();
  auto& log = b.state().log;
  REQUIRE(log.size() == 3);
  CHECK(std::holds_alternative<raft::noop>(log[0].body));
  CHECK(*std::get<raft::payload>(log[1].body) == *command);
  CHECK(std::get<raft::configuration_change>(log[2].body) == change);
  CHECK(log[2].term == raft::term{2});
}

TEST_CASE("raft_store: a group of batches costs one write and one sync",
          "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), entries(1, 1)));
  std::vector<raft::persist_batch> group;
  for (std::uint64_t i = 2; i < 10; ++i)
    group.push_back(entries(i, i));
  auto before = b.fs.calls();
  REQUIRE(b.store().write(group));
  CHECK(b.fs.calls() - before == 2);
  b.reopen();
  CHECK(b.state().log.size() == 9);
}

TEST_CASE("raft_store: a commit index alone waits for the next write",
          "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), entries(1, 3)));
  auto before = b.fs.calls();
  REQUIRE(write(b.store(), vote(0, 0, 2, false)));
  CHECK(b.fs.calls() == before);
  SECTION("and is lost with the power") {
    b.fs.crash();
    b.reopen();
    CHECK(b.state().hard.commit.value == 0);
  }
  SECTION("and goes along with it") {
    REQUIRE(write(b.store(), entries(4, 4)));
    b.fs.crash();
    b.reopen();
    CHECK(b.state().hard.commit.value == 2);
  }
  SECTION("and is written when the store is closed") {
    b.reopen();
    CHECK(b.state().hard.commit.value == 2);
  }
}

TEST_CASE("raft_store: a term or vote is never left to wait", "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), vote(3, 0, 0, false)));
  b.fs.crash();
  b.reopen();
  CHECK(b.state().hard.term.value == 3);
  REQUIRE(write(b.store(), vote(3, 2, 0, false)));
  b.fs.crash();
  b.reopen();
  CHECK(b.state().hard.vote.value == 2);
}

TEST_CASE("raft_store: the vote outlives the segment it was written to",
          "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), vote(5, 3, 0)));
  for (std::uint64_t i = 1; i < 40; ++i)
    REQUIRE(write(b.store(), entries(i, i, 900)));
  REQUIRE(save(b.store(), 35, "state"));
  REQUIRE(b.fs.find("/data/raft/0000000001.log") == nullptr);
  b.reopen();
  CHECK(b.state().hard.term.value == 5);
  CHECK(b.state().hard.vote.value == 3);
  CHECK(b.state().hard.commit.value == 35);
}

TEST_CASE("raft_store: what was truncated does not come back", "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), entries(1, 20, 900)));
  auto batch = entries(11, 12, 10, 2);
  batch.truncate_from = raft::log_index{11};
  REQUIRE(write(b.store(), batch));
  b.reopen();
  REQUIRE(b.state().log.size() == 12);
  CHECK(b.state().log[10].term.value == 2);
  raft::persist_batch all;
  all.must_sync = true;
  all.truncate_from = raft::log_index{1};
  REQUIRE(write(b.store(), all));
  b.reopen();
  CHECK(b.state().log.empty());
  REQUIRE(write(b.store(), entries(1, 1)));
}

TEST_CASE("raft_store: a batch larger than a segment is one batch",
          "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), entries(1, 1)));
  REQUIRE(write(b.store(), entries(2, 40, 1000)));
  REQUIRE(write(b.store(), entries(41, 41)));
  b.reopen();
  CHECK(b.state().log.size() == 41);
}

TEST_CASE("raft_store: a snapshot takes the log before it away",
          "[unit][log]") {
  bench b;
  for (std::uint64_t i = 1; i <= 60; ++i)
    REQUIRE(write(b.store(), entries(i, i, 900)));
  auto before = b.fs.used();
  REQUIRE(save(b.store(), 50, "fifty", 10));
  CHECK(b.fs.used() < before * 2 / 3);
  b.reopen();
  CHECK(b.state().snapshot == snapshot_at(50));
  REQUIRE(b.state().log.size() == 10);
  CHECK(b.state().log.front().index.value == 51);
  REQUIRE(b.opened->tail.size() == 10);
  CHECK(b.opened->tail.front().index.value == 41);
  auto reader = b.store().open_snapshot();
  REQUIRE(reader);
  CHECK(*reader->read_all() == "fifty");
  CHECK(*reader->read(2, 2) == "ft");
  CHECK(*reader->read(5, 9) == "");
  CHECK(reader->digest() == snapshot_digest{5, crc32c(0, "fifty")});
  // It is read on even when a newer one has taken its place.
  REQUIRE(save(b.store(), 55, "fifty-five"));
  CHECK(*reader->read_all() == "fifty");
  CHECK(b.fs.find("/data/raft/50-1-1.snap") == nullptr);
  CHECK(*b.store().open_snapshot()->read_all() == "fifty-five");
}

TEST_CASE("raft_store: a snapshot out of date or ahead of the log is refused",
          "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), entries(1, 20)));
  REQUIRE(save(b.store(), 10, "ten"));
  CHECK(save(b.store(), 10, "ten").error().code == errc::invalid);
  CHECK(save(b.store(), 9, "nine").error().code == errc::invalid);
  CHECK(save(b.store(), 21, "more").error().code == errc::invalid);
  CHECK(b.store().begin_incoming(snapshot_at(10), {3, 0}).error().code
        == errc::invalid);
  CHECK_FALSE(b.store().failure());
  b.reopen();
  CHECK(b.state().snapshot.index.value == 10);
}

TEST_CASE("raft_store: a snapshot may be written on another thread's time",
          "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), entries(1, 20)));
  auto writer = b.store().begin_snapshot(snapshot_at(10));
  REQUIRE(writer);
  REQUIRE(writer->append("te"));
  REQUIRE(write(b.store(), entries(21, 30)));
  REQUIRE(writer->append("n"));
  auto finished = writer->finish();
  REQUIRE(finished);
  REQUIRE(b.store().record_snapshot(*finished, 0));
  b.reopen();
  CHECK(b.state().snapshot.index.value == 10);
  CHECK(b.state().log.size() == 20);
}

TEST_CASE("raft_store: a snapshot given up leaves no file", "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), entries(1, 2)));
  auto files = b.fs.paths();
  {
    auto writer = b.store().begin_snapshot(snapshot_at(2));
    REQUIRE(writer->append("half"));
    CHECK(b.fs.paths() != files);
  }
  CHECK(b.fs.paths() == files);
}

TEST_CASE("raft_store: a received snapshot goes on after an interruption and "
          "replaces the log [HR-3]",
          "[unit][log]") {
  bench b;
  for (std::uint64_t i = 1; i <= 30; ++i)
    REQUIRE(write(b.store(), entries(i, i, 900)));
  REQUIRE(save(b.store(), 3, "own"));
  std::string bytes(3000, 'r');
  snapshot_digest digest{bytes.size(), crc32c(0, bytes)};
  auto meta = snapshot_at(100, 4);
  auto chunk = [&](std::uint64_t offset) {
    return b.store().append_incoming(offset, bytes.substr(offset, 1000));
  };
  REQUIRE(*b.store().begin_incoming(meta, digest) == 0);
  CHECK(*chunk(0) == 1000);
  CHECK(*chunk(0) == 1000);
  CHECK(chunk(2000).error().code == errc::invalid);
  // Interrupted: the same one goes on, and does not disturb the log.
  REQUIRE(write(b.store(), entries(31, 31)));
  CHECK(*b.store().begin_incoming(meta, digest) == 1000);
  CHECK(*chunk(1000) == 2000);
  CHECK(*chunk(2000) == 3000);
  REQUIRE(b.store().finish_incoming());
  CHECK(*b.store().begin_incoming(meta, digest) == 3000);
  raft::persist_batch batch = entries(101, 102, 10, 4);
  batch.install = meta;
  batch.hard = raft::hard_state{raft::term{4}, {}, raft::log_index{100}};
  REQUIRE(write(b.store(), batch));
  CHECK(b.fs.find("/data/raft/0000000001.log") == nullptr);
  CHECK(b.fs.find("/data/raft/3-1-1.snap") == nullptr);
  b.reopen();
  CHECK(b.state().snapshot == meta);
  CHECK(b.state().log.size() == 2);
  CHECK(b.opened->tail.empty());
  CHECK(*b.store().open_snapshot()->read_all() == bytes);
}

TEST_CASE("raft_store: another snapshot to receive starts at its beginning",
          "[unit][log]") {
  bench b;
  REQUIRE(*b.store().begin_incoming(snapshot_at(5), {4, 1}) == 0);
  REQUIRE(*b.store().append_incoming(0, "ab") == 2);
  CHECK(*b.store().begin_incoming(snapshot_at(6), {4, 1}) == 0);
  CHECK(*b.store().append_incoming(0, "abc") == 3);
  // Longer than said.
  CHECK(b.store().append_incoming(3, "de").error().code == errc::invalid);
  CHECK(b.store().finish_incoming().error().code == errc::invalid);
  // Not the bytes that were said.
  CHECK(*b.store().begin_incoming(snapshot_at(6), {4, 1}) == 0);
  CHECK(*b.store().append_incoming(0, "abcd") == 4);
  CHECK(b.store().finish_incoming().error().code == errc::corrupt);
  CHECK_FALSE(b.store().failure());
  for (auto& path : b.fs.paths())
    CHECK(path.find(".snap") == std::string::npos);
}

TEST_CASE("raft_store: a snapshot received but not installed has no effect",
          "[unit][log]") {
  bench b;
  REQUIRE(write(b.store(), entries(1, 2)));
  REQUIRE(*b.store().begin_incoming(snapshot_at(9), {2, crc32c(0, "ab")}) == 0);
  REQUIRE(*b.store().append_incoming(0, "ab") == 2);
  REQUIRE(b.store().finish_incoming());
  REQUIRE(b.fs.find("/data/raft/9-1-1.snap") != nullptr);
  b.reopen();
  CHECK(b.state().snapshot.index.value == 0);
  CHECK(b.state().log.size() == 2);
  CHECK(b.fs.find("/data/raft/9-1-1.snap") == nullptr);
}

TEST_CASE("raft_store: a snapshot that was never received cannot be installed",
          "[unit][log]") {
  bench b;
  raft::persist_batch batch;
  batch.install = snapshot_at(9);
  batch.must_sync = true;
  auto written = write(b.store(), batch);
  REQUIRE(!written);
  CHECK(written.error().code == errc::not_found);
  CHECK(b.store().failure());
}

TEST_CASE("raft_store: a log written with other sizes is read on",
          "[unit][log]") {
  bench b;
  for (std::uint64_t i = 1; i <= 30; ++i)
    REQUIRE(write(b.store(), entries(i, i, 900)));
  b.opened.reset();
  auto larger = small_segments();
  larger.segment_bytes = 65536;
  {
    auto opened = raft_store::open(*b.lock, larger);
    REQUIRE(opened);
    CHECK(opened->state.log.size() == 30);
    for (std::uint64_t i = 31; i <= 200; ++i)
      REQUIRE(write(*opened->store, entries(i, i, 900)));
  }
  b.reopen();
  CHECK(b.state().log.size() == 200);
}

TEST_CASE("raft_store: a log that was begun is missed when it is gone",
          "[unit][log]") {
  for (std::uint64_t n = 1; n < 40; ++n) {
    INFO("dies at call " << n);
    sim_fs fs{n};
    auto start = [&] {
      auto lock = directory_lock::acquire(fs, "/data");
      if (!lock)
        return result<opened_store>{lock.error()};
      identity_file file{*lock};
      auto known = file.load();
      if (known && !*known) {
        identity who;
        who.node = node_id{1};
        if (auto ok = file.store(who); !ok)
          return result<opened_store>{ok.error()};
      }
      auto who = file.start();
      if (!who)
        return result<opened_store>{who.error()};
      auto settings = small_segments();
      return raft_store::open(*lock, settings, *who);
    };
    fs.faults.dies_at = n;
    (void)bool(start());
    fs.crash();
    {
      auto opened = start(); // however far the first came
      REQUIRE(opened);
      CHECK(opened->state.hard == raft::hard_state{});
      REQUIRE(write(*opened->store, entries(1, 3)));
    }
    {
      auto opened = start();
      REQUIRE(opened);
      CHECK(opened->state.log.size() == 3);
    }
    for (auto& path : fs.paths())
      if (path.ends_with(".log"))
        REQUIRE(fs.unlink(path) == 0);
    auto opened = start();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::corrupt);
    CHECK(opened.error().what.find("/data/raft: the log is missing") == 0);
  }
}
