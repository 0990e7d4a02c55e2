// The inputs that are known, and what they become by small damage.
#include "fuzz.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <google/protobuf/stubs/logging.h>

#include <test/catch.hpp>

using namespace troupe;

namespace {

std::vector<std::string> corpus(const std::string& target) {
  std::vector<std::filesystem::path> files;
  for (auto& one : std::filesystem::directory_iterator{
           std::filesystem::path{TROUPE_FUZZ_CORPUS} / target})
    files.push_back(one.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> out;
  for (auto& path : files) {
    std::ifstream in{path, std::ios::binary};
    out.emplace_back(std::istreambuf_iterator<char>{in},
                     std::istreambuf_iterator<char>{});
  }
  REQUIRE_FALSE(out.empty());
  return out;
}

std::string damaged(std::string bytes, std::mt19937_64& random) {
  for (auto n = 1 + random() % 4; n > 0 && !bytes.empty(); --n) {
    auto at = random() % bytes.size();
    switch (random() % 4) {
    case 0:
      bytes[at] = static_cast<char>(random());
      break;
    case 1:
      bytes.resize(at);
      break;
    case 2:
      bytes.insert(at, 1 + random() % 3, static_cast<char>(random()));
      break;
    default:
      bytes += bytes.substr(at, random() % 64);
    }
  }
  return bytes;
}

void feed(const std::string& target, void (*to)(std::string_view),
          unsigned damages) {
  google::protobuf::LogSilencer quiet;
  std::mt19937_64 random{1};
  auto known = corpus(target);
  for (auto& one : known)
    to(one);
  for (unsigned i = 0; i < damages; ++i)
    to(damaged(known[random() % known.size()], random));
  SUCCEED();
}

} // namespace

TEST_CASE("fuzz: what a connection carries [R-21]", "[unit][fuzz]") {
  feed("frames", fuzz::frames, 3000);
}

TEST_CASE("fuzz: what a stranger says at a port [R-21]", "[unit][fuzz]") {
  feed("port", fuzz::port, 500);
}

TEST_CASE("fuzz: what a peer sends on the data lane [R-21]", "[unit][fuzz]") {
  feed("plane", fuzz::plane, 2000);
}
