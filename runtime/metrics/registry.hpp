#pragma once

#include <troupe/runtime/metrics/metrics.hpp>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace troupe::metrics {

/// Names and values, in the order they are written; values may hold any bytes.
using labels = std::vector<std::pair<std::string, std::string>>;

/// All metrics of a process, by name and labels.
///
/// In:      a name, what it means, and labels; asking again for the same ones
///          gives the same metric, which lives as long as the registry. Keep
///          the reference where it counts: looking up takes a lock.
/// Out:     Prometheus' text format, by name, then by labels.
/// Errors:  a name or label that Prometheus does not take, or one name used for
///          two kinds, is a bug of the caller and asserts.
/// Threads: any.
class registry {
public:
  counter& count(const std::string& name, const std::string& help,
                 const labels& with = {});

  gauge& level(const std::string& name, const std::string& help,
               const labels& with = {});

  /// The first call for a name decides its bounds.
  histogram& distribution(const std::string& name, const std::string& help,
                          std::span<const double> bounds,
                          const labels& with = {});

  /// A gauge that is computed when it is read, until the handle is destroyed;
  /// `read` is not called any more once that returned. It must not use the
  /// registry. A second one of the same name and labels replaces the first.
  std::shared_ptr<void> computed(const std::string& name,
                                 const std::string& help,
                                 std::function<double()> read,
                                 const labels& with = {});

  std::string text() const;

private:
  struct reader {
    std::function<double()> read;
  };

  using metric =
      std::variant<std::unique_ptr<counter>, std::unique_ptr<gauge>,
                   std::unique_ptr<histogram>, std::shared_ptr<reader>>;

  struct family {
    std::string help;
    std::size_t kind = 0; // index in `metric`
    std::vector<double> bounds;
    std::map<std::string, metric> metrics; // by labels as they are written
  };

  family& family_of(const std::string& name, const std::string& help,
                    std::size_t kind);

  static void write(std::string& out, const std::string& name,
                    const std::string& with, const metric& x);

  // Shared with the handles of computed gauges, which may outlive the registry.
  std::shared_ptr<std::mutex> mutex_ = std::make_shared<std::mutex>();
  std::map<std::string, family> families_;
};

} // namespace troupe::metrics
