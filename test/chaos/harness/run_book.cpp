#include <test/chaos/harness/run_book.hpp>

#include <time.h>

#include <algorithm>
#include <fstream>
#include <tuple>

namespace troupe::chaos {

std::int64_t boot_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

std::vector<partition_run> read_runs(const std::string& file) {
  std::vector<partition_run> out;
  std::ifstream in{file};
  for (partition_run x;
       in >> x.region >> x.partition >> x.epoch >> x.begun_ns >> x.ended_ns;)
    out.push_back(x);
  return out;
}

std::vector<std::string> overlaps(std::vector<partition_run> runs) {
  std::sort(runs.begin(), runs.end(), [](auto& a, auto& b) {
    return std::tie(a.region, a.partition, a.epoch, a.begun_ns)
           < std::tie(b.region, b.partition, b.epoch, b.begun_ns);
  });
  std::vector<std::string> out;
  std::int64_t before = 0; // the end of the last run of smaller epochs
  std::int64_t so_far = 0; // and of this epoch's
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& x = runs[i];
    bool first = i == 0 || x.region != runs[i - 1].region
                 || x.partition != runs[i - 1].partition;
    if (first)
      before = so_far = 0;
    else if (x.epoch != runs[i - 1].epoch)
      before = so_far;
    if (x.begun_ns < before)
      out.push_back(x.region + ' ' + std::to_string(x.partition) + ", epoch "
                    + std::to_string(x.epoch) + ", began "
                    + std::to_string((before - x.begun_ns) / 1000)
                    + " us before an earlier owner had ended");
    so_far = std::max(so_far, x.ended_ns);
  }
  return out;
}

} // namespace troupe::chaos
