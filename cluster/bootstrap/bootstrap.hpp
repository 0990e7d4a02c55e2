#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <troupe/cluster/bootstrap/messages.hpp>
#include <troupe/cluster/bootstrap/types.hpp>

namespace troupe::boot {

/// Decides how a node that starts becomes a member: as itself, as a founder of
/// a new cluster, or by joining one.
///
/// View:       cluster; one per start of a node.
/// In:         `start`, then events in any order, possibly repeated, and the
///             introductions of others through `answer`; time as `now`.
/// Out:        effects, performed in order. One of `resumed`, `founded`,
///             `admitted` and `refused` is the last effect of a start.
/// Invariants: [INV-BOOT-1..6] in README.md.
/// Errors:     `refused` ends the start. What peers send wrongly is ignored
///             and counted.
/// Threads:    none of its own; used inside one actor, never shared.
class bootstrap {
public:
  bootstrap(bootstrap_config config, disk_state disk);
  bootstrap(bootstrap&&) noexcept;
  bootstrap& operator=(bootstrap&&) noexcept;
  ~bootstrap();

  /// Once, before everything else.
  effects start(time_point now);

  effects on(const tick&, time_point now);
  effects on(const replied& event, time_point now);
  effects on(const failed& event, time_point now);
  effects on(const founding_set_persisted&, time_point now);

  /// Answers a request of a node that is starting too. Empty: no answer, it
  /// made no sense. What was learned takes effect with the next event. Goes on
  /// after the end, until members answer by `member_answer`.
  std::string answer(std::string_view request, time_point now);

  /// When the next `tick` is due. Not earlier than the last `now`; may have
  /// moved after any call.
  time_point wake_at() const;

  bool done() const;

  /// How often something was ignored, by `ignored_reason`.
  const std::array<std::uint64_t, ignored_reasons>& ignored_counts() const;

private:
  struct impl;

  join_outcome not_yet() const;

  std::unique_ptr<impl> impl_;
};

} // namespace troupe::boot
