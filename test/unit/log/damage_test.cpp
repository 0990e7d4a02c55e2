#include <test/catch.hpp>

#include <map>

#include <troupe/runtime/log/bytes.hpp>

#include "small_settings.hpp"
#include "store_model.hpp"

using namespace troupe;
using namespace troupe::disk;
using namespace troupe::test;

namespace {

constexpr auto first_segment = "/data/raft/0000000001.log";
constexpr auto second_segment = "/data/raft/0000000002.log";

struct found {
  std::optional<refusal> why;
  raft::recovered state;
  std::vector<raft::entry> tail;
};

found recover(sim_fs& fs, store_settings settings = small_segments()) {
  auto lock = directory_lock::acquire(fs, "/data");
  if (!lock)
    return {lock.error(), {}, {}};
  auto opened = raft_store::open(*lock, settings);
  if (!opened)
    return {opened.error(), {}, {}};
  return {std::nullopt, std::move(opened->state), std::move(opened->tail)};
}

// Writes batches of one entry each, `bytes` long, numbered on.
void fill(sim_fs& fs, std::uint64_t first, std::uint64_t last,
          std::size_t bytes) {
  auto lock = directory_lock::acquire(fs, "/data");
  REQUIRE(lock);
  auto opened = raft_store::open(*lock, small_segments());
  REQUIRE(opened);
  for (auto i = first; i <= last; ++i) {
    auto batch = entries(i, i, bytes);
    batch.hard =
        raft::hard_state{raft::term{1}, node_id{1}, raft::log_index{i - 1}};
    REQUIRE(write(*opened->store, batch));
  }
}

} // namespace

TEST_CASE(
    "raft_store: any flipped bit is survived or named, never swallowed [HR-5]",
    "[unit][log]") {
  // Two segments and a half, a snapshot, and one made ahead.
  auto make = [](sim_fs& fs) {
    fs.crash();
    auto lock = directory_lock::acquire(fs, "/data");
    REQUIRE(lock);
    auto opened = raft_store::open(*lock, small_segments());
    REQUIRE(opened);
    for (std::uint64_t i = 1; i <= 12; ++i) {
      auto batch = entries(i, i, 1000);
      batch.hard =
          raft::hard_state{raft::term{1}, node_id{1}, raft::log_index{i - 1}};
      REQUIRE(write(*opened->store, batch));
      if (i == 6)
        REQUIRE(save(*opened->store, 3, std::string(600, 's'), 100));
    }
  };
  sim_fs clean{1};
  make(clean);
  REQUIRE(recover(clean).state.log.size() == 9);
  std::map<std::string, int> refused;
  std::map<std::string, int> survived;
  for (auto& path : clean.paths()) {
    if (path.ends_with("LOCK") || path.ends_with("reserve"))
      continue;
    auto size = clean.find(path)->bytes().size();
    for (std::uint64_t at = 0; at < size; at += 1) {
      INFO(path << ", byte " << at);
      sim_fs fs{1};
      make(fs);
      fs.end_process();
      auto mask = static_cast<std::uint8_t>(1u << (at % 8));
      fs.find(path)->flip(at, mask);
      auto got = recover(fs);
      if (got.why) {
        REQUIRE(got.why->code == errc::corrupt);
        REQUIRE(got.why->what.find("/data/raft/") != std::string::npos);
        ++refused[path];
        continue;
      }
      ++survived[path];
      // The newest batch is the torn-tail window.
      auto last = got.state.log.back().index.value;
      REQUIRE((last == 11 || last == 12));
      REQUIRE(got.state.log.front().index.value == 4);
      REQUIRE(got.state.hard.term.value == 1);
      REQUIRE(got.state.hard.commit.value == last - 1);
    }
  }
  REQUIRE(refused.size() >= 3);
  REQUIRE(refused.at("/data/raft/3-1-1.snap") > 600);
  REQUIRE(survived.at("/data/raft/0000000003.log") > 100);
}

TEST_CASE("raft_store: a damaged batch names file, offset and entries [HR-5]",
          "[unit][log]") {
  sim_fs fs{1};
  fill(fs, 1, 5, 1000);
  // Batches begin at 512 and take 1536 or, the first, as much.
  fs.find(first_segment)->flip(512 + 1536 + 100, 1);
  auto got = recover(fs);
  REQUIRE(got.why);
  CHECK(got.why->code == errc::corrupt);
  CHECK(got.why->what.find(first_segment) != std::string::npos);
  CHECK(got.why->what.find("damaged at byte 2048") != std::string::npos);
  CHECK(got.why->what.find("entries 2 to 5") != std::string::npos);
}

TEST_CASE("raft_store: damage in an older segment names what it held",
          "[unit][log]") {
  sim_fs fs{1};
  fill(fs, 1, 8, 1000);
  REQUIRE(fs.find(second_segment) != nullptr);
  // The last batch of the first segment: a torn tail, were it the newest.
  auto& bytes = fs.find(first_segment)->bytes();
  auto end = bytes.find_last_not_of('\0');
  fs.find(first_segment)->flip(end - 40, 4);
  auto got = recover(fs);
  REQUIRE(got.why);
  CHECK(got.why->code == errc::corrupt);
  CHECK(got.why->what.find(first_segment) != std::string::npos);
  CHECK(got.why->what.find("entry 5") != std::string::npos);
}

TEST_CASE("raft_store: zeros where a batch was are not taken for the end",
          "[unit][log]") {
  sim_fs fs{1};
  fill(fs, 1, 8, 1000);
  auto* file = fs.find(first_segment);
  SECTION("in the middle") {
    file->write(2048, std::string(1536, '\0'));
  }
  SECTION("at the end of an older segment") {
    file->write(512 + 3 * 1536, std::string(8192 - 512 - 3 * 1536, '\0'));
  }
  SECTION("the file is too short") {
    file->truncate(512 + 3 * 1536);
  }
  file->sync();
  auto got = recover(fs);
  REQUIRE(got.why);
  CHECK(got.why->code == errc::corrupt);
}

TEST_CASE("raft_store: a missing file is refused by name", "[unit][log]") {
  sim_fs fs{1};
  fill(fs, 1, 12, 1000);
  SECTION("a segment in the middle") {
    REQUIRE(fs.unlink(second_segment) == 0);
    auto got = recover(fs);
    REQUIRE(got.why);
    CHECK(got.why->code == errc::corrupt);
    CHECK(got.why->what.find(second_segment) != std::string::npos);
  }
  SECTION("the oldest segment, without a snapshot that covers it") {
    REQUIRE(fs.unlink(first_segment) == 0);
    auto got = recover(fs);
    REQUIRE(got.why);
    CHECK(got.why->code == errc::corrupt);
    CHECK(got.why->what.find("entries 1 to 5 are missing")
          != std::string::npos);
  }
  SECTION("the snapshot") {
    {
      auto lock = directory_lock::acquire(fs, "/data");
      auto opened = raft_store::open(*lock, small_segments());
      REQUIRE(save(*opened->store, 10, "state"));
    }
    REQUIRE(fs.unlink("/data/raft/10-1-1.snap") == 0);
    auto got = recover(fs);
    REQUIRE(got.why);
    CHECK(got.why->code == errc::corrupt);
    CHECK(got.why->what.find("10-1-1.snap") != std::string::npos);
  }
}

TEST_CASE("raft_store: a commit index beyond the log is refused",
          "[unit][log]") {
  sim_fs fs{1};
  {
    auto lock = directory_lock::acquire(fs, "/data");
    auto opened = raft_store::open(*lock, small_segments());
    auto batch = entries(1, 3);
    batch.hard = raft::hard_state{raft::term{1}, {}, raft::log_index{9}};
    REQUIRE(write(*opened->store, batch));
  }
  auto got = recover(fs);
  REQUIRE(got.why);
  CHECK(got.why->what.find("entries 4 to 9") != std::string::npos);
}

TEST_CASE("raft_store: a file copied from elsewhere is refused",
          "[unit][log]") {
  sim_fs fs{1};
  fill(fs, 1, 12, 1000);
  auto copy = [&](const char* from, const char* to) {
    auto bytes = fs.find(from)->bytes();
    fs.find(to)->write(0, bytes);
    fs.find(to)->sync();
  };
  SECTION("another segment of this log") {
    copy(first_segment, second_segment);
    CHECK(recover(fs).why->code == errc::corrupt);
  }
  SECTION("the same segment of another history") {
    sim_fs other{1};
    auto lock = directory_lock::acquire(other, "/data");
    auto opened = raft_store::open(*lock, small_segments());
    for (std::uint64_t i = 1; i <= 12; ++i) {
      auto batch = entries(i, i, 1000, 2);
      batch.hard =
          raft::hard_state{raft::term{2}, node_id{1}, raft::log_index{i - 1}};
      REQUIRE(write(*opened->store, batch));
    }
    fs.find(second_segment)->write(0, other.find(second_segment)->bytes());
    CHECK(recover(fs).why->code == errc::corrupt);
  }
  SECTION("another cluster's log") {
    auto other = small_segments();
    other.cluster[3] = 9;
    auto got = recover(fs, other);
    CHECK(got.why->code == errc::foreign);
    CHECK(got.why->what.find("07000000") != std::string::npos);
    CHECK(got.why->what.find("07000009") != std::string::npos);
  }
  SECTION("another node's log") {
    auto other = small_segments();
    other.node = node_id{2};
    CHECK(recover(fs, other).why->code == errc::foreign);
  }
  SECTION("a log newer than the identity") {
    auto older = small_segments();
    older.self = incarnation{0};
    CHECK(recover(fs, older).why->code == errc::corrupt);
  }
}

TEST_CASE("raft_store: garbage behind the log is cut and reported",
          "[unit][log]") {
  sim_fs fs{1};
  fill(fs, 1, 3, 1000);
  auto* file = fs.find(first_segment);
  auto garbage = GENERATE(std::string(700, '\x5a'), std::string("\1"),
                          std::string(24, '\xff'));
  file->write(512 + 3 * 1536 + 8, garbage);
  file->sync();
  auto lock = directory_lock::acquire(fs, "/data");
  {
    auto opened = raft_store::open(*lock, small_segments());
    REQUIRE(opened);
    CHECK(opened->state.log.size() == 3);
    CHECK(opened->report.cut_bytes == garbage.size() + 8);
    CHECK(opened->report.cut_at == std::string{first_segment} + ", byte 5120");
    CHECK(write(*opened->store, entries(4, 4)));
  }
  auto again = raft_store::open(*lock, small_segments());
  REQUIRE(again);
  CHECK(again->state.log.size() == 4);
  CHECK(again->report.cut_at.empty());
}

TEST_CASE("raft_store: a torn command that holds a copy of a log is cut",
          "[unit][log]") {
  sim_fs source{1};
  fill(source, 1, 4, 100);
  auto copied = source.find(first_segment)->bytes().substr(1024, 1536);
  sim_fs fs{1};
  fill(fs, 1, 1, 1000);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    INFO(shift);
    {
      auto lock = directory_lock::acquire(fs, "/data");
      auto opened = raft_store::open(*lock, small_segments());
      REQUIRE(opened);
      REQUIRE(opened->state.log.size() == 1);
      auto batch = entries(2, 2);
      batch.append[0].body =
          std::make_shared<const std::string>(std::string(shift, 'x') + copied);
      REQUIRE(write(*opened->store, batch));
    }
    fs.find(first_segment)->flip(2048, 1);
  }
  auto got = recover(fs);
  CHECK_FALSE(got.why);
  CHECK(got.state.log.size() == 1);
}

TEST_CASE("scan_segment: any bytes are safe", "[unit][log]") {
  std::mt19937_64 random{1};
  sim_fs fs{1};
  fill(fs, 1, 4, 1000);
  auto good = fs.find(first_segment)->bytes();
  for (int i = 0; i < 3000; ++i) {
    auto bytes = good;
    for (auto n = 1 + random() % 8; n > 0; --n) {
      auto at = random() % bytes.size();
      auto length = std::min<std::size_t>(random() % 64, bytes.size() - at);
      for (std::size_t k = 0; k < length; ++k)
        bytes[at + k] = static_cast<char>(random());
    }
    bytes.resize(random() % 4 == 0 ? random() % bytes.size() : bytes.size());
    auto scan = scan_segment(bytes, 1, {});
    REQUIRE(scan.kept
            <= round_up(std::max<std::size_t>(bytes.size(), 512), 512));
    REQUIRE(scan.end.last_index <= 4);
    REQUIRE(scan.end.next_batch <= 5);
  }
}
