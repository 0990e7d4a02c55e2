#include <csignal>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/process.hpp>

using namespace troupe::chaos;

namespace {

// What a member printed of who leads. 0: nobody.
struct told {
  std::uint64_t term = 0;
  int leader = 0;
  bool here = false;
};

// Processes of samples/election, their messages in UDP datagrams. Commands go
// to them through pipes that have a name.
class electorate {
public:
  explicit electorate(int members, std::vector<std::string> more = {},
                      int later = 0)
      : more_(std::move(more)) {
    auto ports = free_ports(static_cast<std::size_t>(members + later));
    for (int i = 1; i <= members + later; ++i)
      list_ += (i == 1 ? "" : ";") + std::to_string(i) + "=" + own_host() + ":"
               + ports[static_cast<std::size_t>(i - 1)]
               + (i > members ? ",later" : "");
    for (int i = 1; i <= members; ++i)
      start(i);
  }

  void start(int i) {
    auto pipe = file("commands", i);
    ::mkfifo(pipe.c_str(), 0600);
    std::string command = std::string{"exec "} + ELECTION_PATH + " --id "
                          + std::to_string(i) + " --members '" + list_
                          + "' --path " + file("record", i);
    for (auto& one : more_)
      command += " " + one;
    all_[i] =
        process{{"/bin/sh", "-c", command + " 0<> " + pipe}, file("out", i)};
  }

  void tell(int i, const std::string& line) {
    auto pipe = file("commands", i);
    int fd = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK);
    REQUIRE(fd >= 0);
    auto text = line + "\n";
    CHECK(::write(fd, text.data(), text.size())
          == static_cast<ssize_t>(text.size()));
    ::close(fd);
  }

  process& operator[](int i) { return all_.at(i); }
  bool says(int i, const std::string& what) {
    auto text = all_.at(i).output();
    return text.find(what) != text.npos;
  }

  // All changes that it printed, in all its lives.
  std::vector<told> changes(int i) {
    std::vector<told> out;
    std::istringstream in{all_.at(i).output()};
    for (std::string line; std::getline(in, line);) {
      told one;
      char what[32] = "";
      char last[32] = "";
      int self = 0;
      if (std::sscanf(line.c_str(), "member %d, term %lu: %31s %31s", &self,
                      &one.term, what, last)
          != 4)
        continue;
      one.here = line.ends_with(": I lead");
      one.leader = one.here ? i : std::atoi(what);
      out.push_back(one);
    }
    return out;
  }
  std::optional<told> now(int i) {
    auto all = changes(i);
    return all.empty() ? std::nullopt : std::optional{all.back()};
  }

  // Waits until all of them name the same one, of the same term.
  told agree(const std::vector<int>& who) {
    told out;
    bool done = eventually(seconds{20}, [&] {
      out = now(who[0]).value_or(told{});
      if (out.leader == 0)
        return false;
      for (int i : who) {
        auto x = now(i).value_or(told{});
        if (x.leader != out.leader || x.term != out.term
            || x.here != (x.leader == i))
          return false;
      }
      return true;
    });
    std::string printed;
    for (auto& [i, x] : all_)
      printed += "member " + std::to_string(i) + " printed\n" + x.output();
    INFO(printed);
    REQUIRE(done);
    return out;
  }

  // No term has had two leaders.
  void check_terms() {
    std::map<std::uint64_t, int> leaders;
    for (auto& [i, x] : all_) {
      std::uint64_t last = 0;
      for (auto& one : changes(i)) {
        CHECK(one.term >= last);
        last = one.term;
        if (one.leader == 0)
          continue;
        auto [at, fresh] = leaders.insert({one.term, one.leader});
        CHECK(at->second == one.leader);
      }
    }
    CHECK_FALSE(leaders.empty());
  }

private:
  std::string file(const std::string& what, int i) const {
    return files_.path() + "/" + what + std::to_string(i);
  }

  scratch_directory files_;
  std::string list_;
  std::vector<std::string> more_;
  std::map<int, process> all_;
};

std::vector<int> without(int one) {
  std::vector<int> out;
  for (int i = 1; i <= 3; ++i)
    if (i != one)
      out.push_back(i);
  return out;
}

} // namespace

TEST_CASE("[ER-2] [ER-5] election: three processes agree over UDP, and again "
          "after kill -9 of the leader, and of all",
          "[chaos][group]") {
  electorate x{3};
  auto first = x.agree({1, 2, 3});
  auto killed = clock::now();
  x[first.leader].kill();
  auto rest = without(first.leader);
  told second;
  REQUIRE(eventually(seconds{20}, [&] {
    second = x.now(rest[0]).value_or(told{});
    return second.leader != 0 && second.leader != first.leader;
  }));
  measured("kill -9 of the leader to the next one", ms_since(killed), "ms");
  second = x.agree(rest);
  CHECK(second.term > first.term);
  // Those who remain were told that it was gone before they were told who
  // follows.
  for (int i : rest) {
    bool lost = false;
    for (auto& one : x.changes(i))
      lost = lost || (one.leader == 0 && one.term >= first.term);
    CHECK(lost);
  }
  x.start(first.leader);
  auto third = x.agree({1, 2, 3});
  CHECK(third.leader == second.leader); // who returns disturbs nobody
  CHECK(third.term == second.term);
  // All at once: what they voted is on their disks.
  for (int i = 1; i <= 3; ++i)
    x[i].kill();
  for (int i = 1; i <= 3; ++i)
    x.start(i);
  REQUIRE(eventually(seconds{20}, [&] {
    return x.now(1).value_or(told{}).term > third.term && x.now(1)->leader != 0;
  }));
  CHECK(x.agree({1, 2, 3}).term > third.term);
  x.check_terms();
}

TEST_CASE("[ER-2] election: a leader that was stopped follows when it goes on",
          "[chaos][group]") {
  electorate x{3};
  auto first = x.agree({1, 2, 3});
  x[first.leader].signal(SIGSTOP);
  auto rest = without(first.leader);
  REQUIRE(eventually(seconds{20}, [&] {
    auto now = x.now(rest[0]).value_or(told{});
    return now.leader != 0 && now.leader != first.leader;
  }));
  auto second = x.agree(rest);
  x[first.leader].signal(SIGCONT);
  auto third = x.agree({1, 2, 3});
  CHECK(third.leader == second.leader);
  x.check_terms();
}

TEST_CASE("[ER-1] [HR-4] election: with fewer than the minimum, or without a "
          "majority, nobody leads",
          "[chaos][group]") {
  SECTION("two of a minimum of three") {
    electorate x{2, {"--min", "3"}, 1};
    auto alone = [&](int i) {
      return x.now(i).has_value() && x.changes(i).back().leader == 0;
    };
    REQUIRE(eventually(seconds{10}, [&] { return alone(1) && alone(2); }));
    // Long enough for several elections, had there been any.
    CHECK_FALSE(eventually(seconds{3}, [&] {
      return x.now(1)->leader != 0 || x.now(2)->leader != 0
             || x.now(1)->term > 1;
    }));
  }
  SECTION("one of three") {
    electorate x{3};
    auto first = x.agree({1, 2, 3});
    for (int i : without(first.leader))
      x[i].kill();
    CHECK(eventually(seconds{10},
                     [&] { return x.now(first.leader)->leader == 0; }));
  }
}

TEST_CASE("[ER-4] election: over UDP members come and go, the removed ones "
          "end, and the maximum holds",
          "[chaos][group]") {
  electorate x{3, {"--max", "4"}, 2};
  auto first = x.agree({1, 2, 3});
  x.start(4);
  // Until it is added it takes no part.
  x.tell(first.leader, "add 4");
  x.tell(first.leader, "add 4"); // twice counts once
  x.agree({1, 2, 3, 4});
  REQUIRE(eventually(seconds{10}, [&] {
    x.tell(4, "members");
    return x.says(4, "members: 1 2 3 4");
  }));
  x.tell(first.leader, "add 5");
  REQUIRE(eventually(seconds{5}, [&] {
    return x.says(first.leader, "add 5: the group may not grow");
  }));
  // A follower goes.
  auto gone = first.leader == 1 ? 2 : 1;
  x.tell(first.leader, "remove " + std::to_string(gone));
  CHECK(x[gone].wait(seconds{10}).value_or(-1) == 1);
  CHECK(x.says(gone, "this member was removed from the group"));
  CHECK(x.now(gone)->leader == 0);
  // The leader goes, and is succeeded.
  x.tell(first.leader, "remove " + std::to_string(first.leader));
  CHECK(x[first.leader].wait(seconds{10}).value_or(-1) == 1);
  std::vector<int> rest;
  for (int i = 1; i <= 4; ++i)
    if (i != gone && i != first.leader)
      rest.push_back(i);
  auto next = x.agree(rest);
  CHECK(next.term > first.term);
  CHECK(next.leader != first.leader);
  x.check_terms();
}

TEST_CASE("election: what is wrong with the flags is said, with what to do",
          "[chaos][group]") {
  scratch_directory files;
  auto ports = free_ports(2);
  auto one = own_host() + ":" + ports[0];
  auto two = own_host() + ":" + ports[1];
  auto says = [&](std::vector<std::string> flags, const std::string& what,
                  int status) {
    flags.insert(flags.begin(), ELECTION_PATH);
    auto got = run(flags, seconds{10});
    INFO(got.output);
    CHECK(got.status == status);
    CHECK(got.output.find(what) != got.output.npos);
  };
  auto list = "1=" + one + ";2=" + two;
  says({}, "--members is empty: write for example 1=127.0.0.1:9001", 2);
  says({"--id", "3", "--members", list}, "no address for --id 3: add it", 2);
  says({"--id", "1", "--members", "1=nowhere:9001"}, "no numeric address", 2);
  says({"--id", "1", "--members", list, "--min", "0"}, "at least 1", 1);
  says({"--id", "1", "--members", list, "--max", "1"}, "the maximum is 1", 1);
  // A record of another member, and one that is in use.
  auto record = files.path() + "/record";
  {
    process other{
        {ELECTION_PATH, "--id", "2", "--members", "2=" + two, "--path", record},
        files.path() + "/out"};
    REQUIRE(eventually(seconds{10}, [&] {
      return other.output().find("I lead") != std::string::npos;
    }));
    says({"--id", "1", "--members", list, "--path", record},
         "is in use by another process", 1);
    says({"--id", "2", "--members", list}, "cannot listen on", 1);
  }
  says({"--id", "1", "--members", list, "--path", record},
       "is damaged, or not of member 1", 1);
}
