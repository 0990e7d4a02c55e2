// Measures the durable log next to the same bytes written bare, on the disk of
// a directory: log_bench DIRECTORY [ROUNDS]

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <troupe/runtime/log/bytes.hpp>
#include <troupe/runtime/log/crc32c.hpp>
#include <troupe/runtime/log/raft_store.hpp>

namespace {

using namespace troupe;
using clock_type = std::chrono::steady_clock;

constexpr std::size_t entry_bytes = 256;

struct figures {
  double p50_us = 0;
  double p99_us = 0;
  double max_us = 0;
  double per_second = 0;
};

figures measure(int rounds, const std::function<void(int)>& round) {
  std::vector<double> us;
  auto begin = clock_type::now();
  for (int i = 0; i < rounds; ++i) {
    auto from = clock_type::now();
    round(i);
    us.push_back(
        std::chrono::duration<double, std::micro>(clock_type::now() - from)
            .count());
  }
  auto all = std::chrono::duration<double>(clock_type::now() - begin).count();
  std::sort(us.begin(), us.end());
  return {us[us.size() / 2], us[us.size() * 99 / 100], us.back(), rounds / all};
}

void print(const char* what, int batch, const figures& f) {
  std::printf("%-34s batch %2d: p50 %6.0f us  p99 %6.0f us  max %7.0f us  "
              "%8.0f entries/s\n",
              what, batch, f.p50_us, f.p99_us, f.max_us, f.per_second * batch);
  std::fflush(stdout);
}

void check(bool ok, const char* what) {
  if (ok)
    return;
  std::perror(what);
  std::exit(1);
}

enum class way { grow, allocate, zeros, zeros_dsync };

// The bytes of a batch, as large as the log makes them, bare.
figures bare(const std::string& path, way how, int rounds, int batch) {
  auto bytes = disk::round_up(
      static_cast<std::uint64_t>(batch) * (entry_bytes + 32) + 40, 512);
  auto flags = O_RDWR | O_CREAT | O_TRUNC;
  auto fd = ::open(path.c_str(), flags, 0666);
  check(fd >= 0, "open");
  auto size = static_cast<off_t>(bytes) * rounds;
  if (how == way::allocate)
    check(::posix_fallocate(fd, 0, size) == 0, "fallocate");
  if (how == way::zeros || how == way::zeros_dsync) {
    std::string zeros(1u << 20, '\0');
    for (off_t at = 0; at < size; at += static_cast<off_t>(zeros.size()))
      check(::pwrite(fd, zeros.data(), zeros.size(), at) > 0, "write");
  }
  check(::fsync(fd) == 0, "fsync");
  if (how == way::zeros_dsync) {
    ::close(fd);
    fd = ::open(path.c_str(), O_RDWR | O_DSYNC);
  }
  std::string data(bytes, 'd');
  auto f = measure(rounds, [&](int i) {
    check(::pwrite(fd, data.data(), data.size(), static_cast<off_t>(bytes) * i)
              == static_cast<ssize_t>(bytes),
          "write");
    if (how != way::zeros_dsync)
      check(::fdatasync(fd) == 0, "fdatasync");
  });
  ::close(fd);
  ::unlink(path.c_str());
  return f;
}

figures store(const std::string& directory, int rounds, int batch,
              bool background) {
  std::filesystem::remove_all(directory);
  auto lock =
      disk::directory_lock::acquire(disk::posix_file_system(), directory);
  disk::store_settings settings;
  settings.node = node_id{1};
  settings.self = incarnation{1};
  settings.background = background;
  auto opened = disk::raft_store::open(*lock, settings);
  auto command = std::make_shared<const std::string>(entry_bytes, 'c');
  std::uint64_t last = 0;
  auto append = [&](int) {
    std::vector<raft::persist_batch> group(1);
    group[0].must_sync = true;
    for (int k = 0; k < batch; ++k)
      group[0].append.push_back(
          {raft::term{1}, raft::log_index{++last}, command});
    auto ok = opened->store->write(group);
    if (!ok) {
      std::fprintf(stderr, "%s\n", ok.error().what.c_str());
      std::exit(1);
    }
  };
  append(0);
  auto f = measure(rounds, append);
  opened->store.reset();
  auto from = clock_type::now();
  auto again = disk::raft_store::open(*lock, settings);
  std::printf(
      "  recovery of %zu entries: %.0f ms\n", again->state.log.size(),
      std::chrono::duration<double, std::milli>(clock_type::now() - from)
          .count());
  again->store.reset();
  std::filesystem::remove_all(directory);
  return f;
}

void checksums() {
  std::string bytes(1u << 20, 'x');
  std::uint32_t crc = 0;
  auto run = [&](auto how) {
    return measure(200, [&](int) { crc = how(crc, bytes); });
  };
  auto fast = run(disk::crc32c);
  auto slow = run(disk::crc32c_portable);
  std::printf("crc32c: %.1f GB/s, portable %.1f GB/s (%x)\n",
              1.048576e3 / fast.p50_us, 1.048576e3 / slow.p50_us, crc);
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY [ROUNDS]\n", argv[0]);
    return 1;
  }
  std::string directory = argv[1];
  auto rounds = argc > 2 ? std::max(100, std::atoi(argv[2])) : 2000;
  std::filesystem::create_directories(directory);
  checksums();
  for (int batch : {1, 64}) {
    auto path = directory + "/bare";
    print("append + fdatasync", batch, bare(path, way::grow, rounds, batch));
    print("fallocate + fdatasync", batch,
          bare(path, way::allocate, rounds, batch));
    print("zero-filled + fdatasync", batch,
          bare(path, way::zeros, rounds, batch));
    print("zero-filled + O_DSYNC", batch,
          bare(path, way::zeros_dsync, rounds, batch));
    auto log = directory + "/log";
    print("raft_store", batch, store(log, rounds, batch, true));
    print("raft_store, segments not made ahead", batch,
          store(log, rounds, batch, false));
  }
}
