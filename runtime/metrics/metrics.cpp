#include <troupe/runtime/metrics/metrics.hpp>

#include <troupe/cluster/assert.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace troupe::metrics {

histogram::histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(
          std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    TROUPE_ASSERT(std::isfinite(bounds_[i]), "bucket bound {}", bounds_[i]);
    TROUPE_ASSERT(i == 0 || bounds_[i - 1] < bounds_[i],
                  "bucket bound {} after {}", bounds_[i], bounds_[i - 1]);
  }
}

void histogram::observe(double x) {
  auto at = std::lower_bound(bounds_.begin(), bounds_.end(), x);
  counts_[static_cast<std::size_t>(at - bounds_.begin())].fetch_add(
      1, std::memory_order_relaxed);
  sum_.fetch_add(x, std::memory_order_relaxed);
}

std::vector<std::uint64_t> histogram::counts() const {
  std::vector<std::uint64_t> out(bounds_.size() + 1);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = counts_[i].load(std::memory_order_relaxed);
  return out;
}

std::span<const double> latency_bounds_s() {
  static constexpr std::array<double, 14> bounds{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
      0.025,  0.05,    0.1,    0.25,  0.5,    1,     5};
  return bounds;
}

} // namespace troupe::metrics
