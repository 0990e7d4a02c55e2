#pragma once

#include <map>
#include <optional>
#include <vector>

#include <troupe/cluster/bootstrap/types.hpp>

namespace troupe::boot {

/// When each address gets its next introduction: one at a time, and not more
/// often than `retry`.
class poll_schedule {
public:
  explicit poll_schedule(settings timing) : timing_(timing) {}

  /// A new address is due at once.
  void add(const address& x) { polls_.try_emplace(x); }

  /// An answer came, or none will.
  void settled(const address& x);

  /// The addresses to introduce oneself to now, in order.
  std::vector<address> take_due(time_point now);

  /// None: no address.
  std::optional<time_point> wake_at() const;

  std::vector<address> addresses() const;

private:
  struct poll {
    time_point due{};
    bool open = false; // sent, and `due` is when to give up waiting
    time_point sent_at{};
  };

  settings timing_;
  std::map<address, poll> polls_;
};

} // namespace troupe::boot
