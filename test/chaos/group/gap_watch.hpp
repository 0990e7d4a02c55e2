#pragma once

#include <mutex>

#include <test/chaos/harness/waiting.hpp>

namespace troupe::chaos {

/// The longest time without an acknowledged write while the group could have
/// taken one: while two of its members ran and reached each other.
///
/// Threads: any.
class gap_watch {
public:
  void able(bool now);
  void acknowledged();
  double longest_ms() const;
  /// When it ended.
  clock::time_point longest_end() const;

private:
  void look(clock::time_point now);

  mutable std::mutex mutex_;
  bool able_ = false;
  clock::time_point since_;
  clock::duration longest_{0};
  clock::time_point longest_end_;
};

} // namespace troupe::chaos
