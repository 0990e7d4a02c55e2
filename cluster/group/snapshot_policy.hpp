#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <troupe/cluster/map/settings.hpp>

namespace troupe::raft {

/// Due when so much time has passed since the last snapshot and so many
/// commands were applied since, both.
struct snapshot_rule {
  boot_time after{0};
  std::uint64_t changes = 1; // 0 counts as 1: nothing new, no snapshot
};

/// When to take a snapshot: as soon as one of the rules says so.
class snapshot_policy {
public:
  explicit snapshot_policy(std::vector<snapshot_rule> rules)
      : rules_(std::move(rules)) {}

  static snapshot_policy never() { return snapshot_policy{{}}; }
  static snapshot_policy every(boot_time time) {
    return snapshot_policy{{{time, 1}}};
  }
  static snapshot_policy every_changes(std::uint64_t n) {
    return snapshot_policy{{{boot_time{0}, n}}};
  }

  bool due(boot_time since_last, std::uint64_t changes) const {
    for (auto& rule : rules_)
      if (changes > 0 && changes >= rule.changes && since_last >= rule.after)
        return true;
    return false;
  }

  const std::vector<snapshot_rule>& rules() const { return rules_; }

private:
  std::vector<snapshot_rule> rules_;
};

/// As people write it: "never", or rules with commas between them, each a
/// number of changes ("100000"), of seconds ("60s"), or both ("900s:10").
std::string to_string(const snapshot_policy& x);
std::optional<snapshot_policy> parse_snapshot_policy(std::string_view text);

} // namespace troupe::raft
