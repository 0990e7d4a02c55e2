#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include <test/catch.hpp>

#include <troupe/runtime/group/member_directory.hpp>

using namespace troupe;
using namespace troupe::raft;

namespace {

// A member's directory with a few entries behind its founding.
struct place {
  place() {
    char name[] = "/tmp/troupe-inspect-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    root = name;
    auto dir =
        member_directory::open(disk::posix_file_system(), root + "/data");
    REQUIRE(dir);
    REQUIRE(dir->found({{"a:1", true}, {"b:1", true}}, "a:1"));
    auto opened = dir->start(8192, false);
    REQUIRE(opened);
    command_buffer commands;
    commands.add("one");
    commands.add("two");
    persist_batch batch;
    batch.must_sync = true;
    batch.hard = hard_state{term{4}, member_id{2}, log_index{2}};
    batch.append.push_back({term{4}, log_index{2}, noop{}});
    batch.append.push_back({term{4}, log_index{3},
                            std::make_shared<const std::string>(
                                encode_entry({1, 9, 1}, commands))});
    REQUIRE(opened->store->write({&batch, 1}));
  }
  ~place() { std::filesystem::remove_all(root); }

  std::string root;
};

struct ended {
  int code = 0;
  std::string text;
};

ended inspect(const std::string& arguments) {
  auto line =
      std::string{TROUPECTL_PATH} + " raft inspect " + arguments + " 2>&1";
  auto* pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  ended out;
  std::array<char, 512> piece;
  while (auto n = std::fread(piece.data(), 1, piece.size(), pipe))
    out.text.append(piece.data(), n);
  out.code = WEXITSTATUS(::pclose(pipe));
  return out;
}

bool says(const ended& x, const std::string& what) {
  return x.text.find(what) != x.text.npos;
}

std::string log_of(const place& x) {
  return x.root + "/data/raft/0000000001.log";
}

std::string bytes_of(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

TEST_CASE("inspect: it shows what a start would find, and changes nothing",
          "[unit][group]") {
  place x;
  auto before = bytes_of(log_of(x));
  auto got = inspect(x.root + "/data --verify --entries 5");
  INFO(got.text);
  CHECK(got.code == 0);
  CHECK(says(got, "member       1 (a:1)"));
  CHECK(says(got, "term         4"));
  CHECK(says(got, "vote         2"));
  CHECK(says(got, "commit       2"));
  CHECK(says(got, "log          2 to 3"));
  CHECK(says(got, "member 2 at b:1, votes"));
  CHECK(says(got, "2  term 4  begins the term"));
  CHECK(says(got, "3  term 4  2 commands of member 1, batch 1"));
  CHECK(says(got, "verified"));
  CHECK(bytes_of(log_of(x)) == before);
}

TEST_CASE("[HR-5] inspect: a flipped bit in the middle is found and named",
          "[unit][group]") {
  place x;
  auto bytes = bytes_of(log_of(x));
  bytes[1112] = static_cast<char>(bytes[1112] ^ 4);
  std::ofstream{log_of(x), std::ios::binary} << bytes;
  auto got = inspect(x.root + "/data --verify");
  INFO(got.text);
  CHECK(got.code == 1);
  CHECK(says(got, "0000000001.log"));
  CHECK_FALSE(says(got, "verified"));
}

TEST_CASE("[HR-5] inspect: a torn tail is shown, as what a start cuts off",
          "[unit][group]") {
  place x;
  auto bytes = bytes_of(log_of(x));
  auto end = bytes.find_last_not_of('\0') + 1;
  SECTION("its end is not written") {
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(end) - 9, bytes.end(),
              '\0');
  }
  SECTION("the file ends there") {
    bytes.resize(end - 9);
  }
  std::ofstream{log_of(x), std::ios::binary} << bytes;
  auto got = inspect(x.root + "/data --verify");
  INFO(got.text);
  CHECK(got.code == 0);
  CHECK(says(got, "torn"));
  CHECK(says(got, "0000000001.log, byte "));
  CHECK(says(got, "a start cuts them off"));
  CHECK(bytes_of(log_of(x)) == bytes);
}

TEST_CASE("[HR-5] inspect: a snapshot that was cut, changed or deleted is "
          "named, with what to do",
          "[unit][group]") {
  place x;
  auto path = x.root + "/data/raft/1-1-1.snap";
  auto bytes = bytes_of(path);
  REQUIRE(bytes.size() > 40);
  SECTION("cut") {
    std::ofstream{path, std::ios::binary} << bytes.substr(0, bytes.size() - 9);
  }
  SECTION("changed") {
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    std::ofstream{path, std::ios::binary} << bytes;
  }
  SECTION("deleted") {
    std::filesystem::remove(path);
  }
  auto got = inspect(x.root + "/data --verify");
  INFO(got.text);
  CHECK(got.code == 1);
  CHECK(says(got, "raft/1-1-1.snap: "));
  CHECK(says(got, "restore"));
}

TEST_CASE("inspect: a log that is gone is pointed out", "[unit][group]") {
  place x;
  for (auto& file : std::filesystem::directory_iterator{x.root + "/data/raft"})
    if (file.path().extension() == ".log")
      std::filesystem::remove(file.path());
  auto got = inspect(x.root + "/data");
  INFO(got.text);
  CHECK(says(got, "no file of a log, though it was begun"));
  CHECK(says(got, "join anew with an empty directory"));
}

TEST_CASE("inspect: a directory in use is shown as such, and not checked",
          "[unit][group]") {
  place x;
  auto held = disk::directory_lock::acquire(disk::posix_file_system(),
                                            x.root + "/data");
  REQUIRE(held);
  auto user = "process " + std::to_string(::getpid());
  auto got = inspect(x.root + "/data");
  INFO(got.text);
  CHECK(got.code == 0);
  CHECK(says(got, "in use       by " + user));
  CHECK(says(got, "term         4"));
  got = inspect(x.root + "/data --verify");
  INFO(got.text);
  CHECK(got.code == 1);
  CHECK(says(got, user + " uses " + x.root + "/data"));
  CHECK(says(got, "stop it first, or look without --verify"));
}

TEST_CASE("inspect: what is no data directory is refused", "[unit][group]") {
  place x;
  for (auto path : {std::string{"/proc"}, x.root, x.root + "/nothing",
                    x.root + "/data/raft"}) {
    auto got = inspect(path);
    CHECK(got.code == 1);
    CHECK(says(got, path + " is no data directory"));
    CHECK(says(got, "hint: name that of a node or of a member of a group"));
  }
  CHECK(inspect("").code == 2);
}
