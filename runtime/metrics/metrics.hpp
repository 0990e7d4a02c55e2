#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace troupe::metrics {

/// A number that only grows.
///
/// Threads: any, without a lock.
class counter {
public:
  void inc(std::uint64_t by = 1) {
    value_.fetch_add(by, std::memory_order_relaxed);
  }

  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> value_{0};
};

/// A number that goes up and down.
///
/// Threads: any, without a lock.
class gauge {
public:
  void set(double x) { value_.store(x, std::memory_order_relaxed); }

  void add(double x) { value_.fetch_add(x, std::memory_order_relaxed); }

  double value() const { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<double> value_{0};
};

/// Counts observations by fixed upper bounds, and sums them.
///
/// Threads: any, without a lock. A reader may see an observation in the bucket
/// before it sees it in the sum.
class histogram {
public:
  /// Bounds ascend and are finite; a bucket without bound follows the last.
  explicit histogram(std::span<const double> bounds);

  void observe(double x);

  const std::vector<double>& bounds() const { return bounds_; }

  /// Observations in each bucket, one more than there are bounds.
  std::vector<std::uint64_t> counts() const;

  double sum() const { return sum_.load(std::memory_order_relaxed); }

private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

/// Bounds in seconds for what should take less than some milliseconds and must
/// not take more than some seconds.
std::span<const double> latency_bounds_s();

} // namespace troupe::metrics
