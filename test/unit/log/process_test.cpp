#include <test/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <troupe/runtime/log/crc32c.hpp>

#include "small_settings.hpp"
#include "store_model.hpp"

using namespace troupe;
using namespace troupe::disk;
using namespace troupe::test;

namespace {

// A directory of its own, gone at the end.
struct scratch {
  std::string path;

  scratch() {
    std::string form =
        (std::filesystem::temp_directory_path() / "troupe-log-XXXXXX").string();
    path = ::mkdtemp(form.data());
  }
  ~scratch() { std::filesystem::remove_all(path); }
};

struct child {
  pid_t pid = 0;
  int from = -1; // what it writes

  template <class Body>
  explicit child(Body body) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid = ::fork();
    if (pid == 0) {
      ::close(ends[0]);
      body(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    from = ends[0];
  }
  child(const child&) = delete;
  ~child() {
    end();
    ::close(from);
  }

  bool read(void* to, std::size_t bytes) const {
    return ::read(from, to, bytes) == static_cast<ssize_t>(bytes);
  }
  void end() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    pid = 0;
  }
};

// Every other start begins its writes and waits for their events.
store_settings real_settings(std::uint64_t self) {
  auto to = small_segments();
  if (self % 2 == 0)
    to.event = ::eventfd(0, EFD_CLOEXEC); // for the life of the process
  to.self = incarnation{self};
  to.segment_bytes = 64u << 10;
  to.background = true;
  return to;
}

std::string command(std::uint64_t index) {
  return std::to_string(index) + std::string(index % 700, 'c');
}

struct acked {
  std::uint64_t term = 0;
  std::uint64_t last = 0;
  std::uint64_t snapshot = 0;
};

bool write_somehow(raft_store& store, const raft::persist_batch& batch,
                   int event) {
  auto begun = store.begin_write({&batch, 1});
  if (begun == begun_write::refused)
    return bool(store.write({&batch, 1}));
  while (begun == begun_write::under_way) {
    std::uint64_t ends = 0;
    if (::read(event, &ends, sizeof(ends)) != sizeof(ends))
      return false;
    begun = store.poll_write();
  }
  return bool(store.complete_write());
}

// Appends and tells of each acknowledged write, until it is killed.
void append_for_ever(const std::string& directory, std::uint64_t self,
                     int tell) {
  auto lock = directory_lock::acquire(posix_file_system(), directory);
  auto settings = real_settings(self);
  auto opened = lock ? raft_store::open(*lock, settings)
                     : result<opened_store>{lock.error()};
  if (!opened)
    ::_exit(1);
  auto& store = *opened->store;
  auto hard = opened->state.hard;
  auto snapshot = opened->state.snapshot.index.value;
  auto last = opened->state.log.empty() ? snapshot
                                        : opened->state.log.back().index.value;
  std::mt19937_64 random{self};
  for (;;) {
    raft::persist_batch batch;
    batch.must_sync = true;
    if (random() % 4 == 0)
      ++hard.term.value;
    hard.commit.value = last;
    batch.hard = hard;
    for (auto n = 1 + random() % 8; n > 0; --n)
      batch.append.push_back(
          {raft::term{1}, raft::log_index{++last},
           std::make_shared<const std::string>(command(last))});
    if (!write_somehow(store, batch, settings.event))
      ::_exit(2);
    if (random() % 16 == 0 && last > snapshot + 20) {
      snapshot = last - 10;
      if (!save(store, snapshot, "state " + std::to_string(snapshot), 5))
        ::_exit(3);
    }
    acked now{hard.term.value, last, snapshot};
    if (::write(tell, &now, sizeof(now)) != sizeof(now))
      ::_exit(4);
  }
}

} // namespace

TEST_CASE(
    "raft_store: kill -9 at random points loses nothing acknowledged [HR-5]",
    "[unit][log]") {
  scratch dir;
  std::mt19937_64 random{std::random_device{}()};
  acked told;
  // Fewer rounds where a sync takes long.
  auto enough = std::chrono::steady_clock::now() + std::chrono::seconds{6};
  for (std::uint64_t round = 1;
       round <= 10
       || (round <= 60 && std::chrono::steady_clock::now() < enough);
       ++round) {
    {
      child writer{
          [&](int tell) { append_for_ever(dir.path, 2 * round, tell); }};
      auto acks = 1 + random() % 25;
      acked now;
      while (acks-- > 0 && writer.read(&now, sizeof(now)))
        told = now;
      ::usleep(static_cast<useconds_t>(random() % 2000));
      writer.end();
      // What it told before it died counts as well.
      while (writer.read(&now, sizeof(now)))
        told = now;
    }
    INFO("round " << round << ", acknowledged up to " << told.last);
    REQUIRE(told.last > 0);
    auto lock = directory_lock::acquire(posix_file_system(), dir.path);
    REQUIRE(lock);
    auto opened = raft_store::open(*lock, real_settings(2 * round + 1));
    if (!opened)
      FAIL(opened.error().what);
    auto& state = opened->state;
    REQUIRE(state.hard.term.value >= told.term);
    REQUIRE(state.snapshot.index.value >= told.snapshot);
    auto next = state.snapshot.index.value;
    for (auto& e : state.log) {
      REQUIRE(e.index.value == ++next);
      REQUIRE(*std::get<raft::payload>(e.body) == command(next));
    }
    REQUIRE(next >= told.last);
    if (state.snapshot.index.value != 0)
      REQUIRE(*opened->store->open_snapshot()->read_all()
              == "state " + std::to_string(state.snapshot.index.value));
  }
}

TEST_CASE("directory_lock: another process's directory is refused by its id",
          "[unit][log]") {
  scratch dir;
  auto path = dir.path + "/data";
  child holder{[&](int tell) {
    auto lock = directory_lock::acquire(posix_file_system(), path);
    char yes = lock ? 'y' : 'n';
    if (::write(tell, &yes, 1) == 1)
      ::pause();
  }};
  char yes = 0;
  REQUIRE(holder.read(&yes, 1));
  REQUIRE(yes == 'y');
  auto lock = directory_lock::acquire(posix_file_system(), path);
  REQUIRE(!lock);
  CHECK(lock.error().code == errc::locked);
  CHECK(lock.error().what.find(std::to_string(holder.pid))
        != std::string::npos);
  CHECK(lock.error().what.find(path) != std::string::npos);
  holder.end();
  CHECK(directory_lock::acquire(posix_file_system(), path));
}

TEST_CASE("raft_store: segments made ahead are used, on real files",
          "[unit][log]") {
  scratch dir;
  for (auto life = 0u; life < 3; ++life) {
    auto lock = directory_lock::acquire(posix_file_system(), dir.path);
    REQUIRE(lock);
    auto opened = raft_store::open(*lock, real_settings(life + 1));
    REQUIRE(opened);
    CHECK(opened->state.log.size() == life * 100);
    for (auto i = life * 100 + 1; i <= (life + 1) * 100; ++i)
      if (auto ok = write(*opened->store, entries(i, i, 1000)); !ok)
        FAIL(ok.error().what);
    CHECK_FALSE(opened->store->space_low());
  }
}

TEST_CASE("posix_file_system: errors are those of the system", "[unit][log]") {
  scratch dir;
  auto& fs = posix_file_system();
  CHECK(fs.open(dir.path + "/none", open_mode::read).error == -ENOENT);
  CHECK(fs.mkdir(dir.path) == -EEXIST);
  CHECK(fs.rename(dir.path + "/none", dir.path + "/other") == -ENOENT);
  CHECK(fs.unlink(dir.path + "/none") == -ENOENT);
  CHECK(fs.sync_directory(dir.path + "/none") == -ENOENT);
  std::vector<std::string> names;
  CHECK(fs.list(dir.path + "/none", names) == -ENOENT);
  CHECK(read_file(fs, dir.path + "/none").error().code == errc::not_found);
  REQUIRE(replace_file(fs, dir.path + "/b", "bytes"));
  REQUIRE(replace_file(fs, dir.path + "/a", ""));
  REQUIRE(fs.list(dir.path, names) == 0);
  CHECK(names == std::vector<std::string>{"a", "b"});
  CHECK(*read_file(fs, dir.path + "/b") == "bytes");
  auto file = fs.open(dir.path + "/b", open_mode::write);
  CHECK(file.handle->truncate(2) == 0);
  CHECK(file.handle->size() == 2);
  iovec part{names.data(), 1};
  CHECK(fs.open(dir.path + "/b", open_mode::read).handle->pwritev({&part, 1}, 0)
        == -EBADF);
}
