#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <test/catch.hpp>

#include <raft_script/script_runner.hpp>

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> scripts(const fs::path& folder) {
  std::vector<fs::path> out;
  for (auto& x : fs::directory_iterator{fs::path{TROUPE_TRANSCRIPTS} / folder})
    if (x.path().extension() == ".txt" && x.path().stem() != "depends")
      out.push_back(x.path());
  std::sort(out.begin(), out.end());
  return out;
}

// What is compared of a line: of a refusal, that there was one; and see
// README.md about `auto=`.
std::string compared(std::string line, bool with_auto) {
  if (line.rfind("err ", 0) == 0)
    return "err";
  return with_auto ? line : line.substr(0, line.find(" auto="));
}

std::vector<std::string> lines_of(std::istream& in, bool with_auto) {
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);)
    out.push_back(compared(std::move(line), with_auto));
  return out;
}

void check(const fs::path& path, bool with_auto) {
  INFO(path.filename().string());
  std::ifstream script{path};
  REQUIRE(script.is_open());
  std::stringstream output;
  troupe::raft::script::script_runner{}.run_all(script, output);
  std::ifstream state{fs::path{path}.replace_extension(".state")};
  REQUIRE(state.is_open());
  auto expected = lines_of(state, with_auto);
  auto got = lines_of(output, with_auto);
  std::string at = "the start";
  for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
    if (expected[i].rfind("== ", 0) == 0)
      at = expected[i];
    INFO("after " << at);
    REQUIRE(got[i] == expected[i]);
  }
  CHECK(got.size() == expected.size());
}

} // namespace

TEST_CASE("raft: etcd's scripts lead to the states of etcd's core",
          "[transcript][raft]") {
  auto all = scripts("etcd");
  CHECK(all.size() == 28);
  for (auto& path : all)
    check(path, false);
}

TEST_CASE("raft: schedules found at random lead to the states of etcd's core",
          "[transcript][raft]") {
  auto all = scripts(fs::path{"etcd"} / "schedules");
  CHECK(all.size() == 13);
  for (auto& path : all)
    check(path, true);
}

TEST_CASE("raft: the thesis' rules, each as a script, lead to the states of "
          "etcd's core",
          "[transcript][raft]") {
  auto all = scripts(fs::path{"etcd"} / "rules");
  CHECK(all.size() == 20);
  for (auto& path : all)
    check(path, true);
}
