#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <troupe/cluster/bootstrap/founding_votes.hpp>
#include <troupe/cluster/bootstrap/messages.hpp>
#include <troupe/cluster/bootstrap/types.hpp>

namespace troupe::boot {

/// One candidate's view of its group: whom it hears, what they persisted, and
/// which set to persist next.
///
/// View:       cluster; held by `bootstrap`.
/// In:         what candidates say; time as `now`.
/// Out:        answers only; `bootstrap` has the set persisted.
/// Invariants: [INV-BOOT-1..4] in README.md.
/// Errors:     `hear` says what is contradictory, and does not believe it.
/// Threads:    none of its own; used inside one actor, never shared.
class founding_council {
public:
  founding_council(introduction own, founding_group group, settings timing);

  /// False: contradictory. What comes from outside the list is passed over.
  bool hear(const candidate& x, time_point now);

  /// The own disk holds this set.
  void persisted(founding_set set);

  const std::optional<founding_set>& own_set() const { return own_set_; }
  const founding_group& group() const { return group_; }

  /// What this node says of itself.
  candidate speak(time_point now) const;

  /// The set to persist now. None: not enough is known, or voted already.
  std::optional<founding_set> next_vote(time_point now) const;

  /// All founders persisted the own set.
  bool complete() const;

  /// The own set can never be complete.
  bool own_set_dead() const;

  /// Who is missing and why, for people.
  std::string status(time_point now) const;

private:
  struct peer {
    candidate said;
    time_point heard_at{};
  };

  bool present(const peer& x, time_point now) const;
  bool of_group(const candidate& x) const;

  /// The present candidates that may found, this node among them, by rank.
  std::vector<founder> eligible(time_point now) const;

  /// Someone in the list would found with others: one of both lists is wrong,
  /// and two clusters could form.
  bool at_odds(time_point now) const;

  /// Every one of them has heard all of them.
  bool heard_each_other(const std::vector<founder>& founders) const;

  std::string why_not_counted(const peer& x) const;
  std::string remarks(time_point now) const;

  introduction own_;
  founding_group group_;
  group_id group_id_;
  settings timing_;
  std::map<address, peer> peers_; // the last word from each other address
  founding_votes votes_;
  std::optional<founding_set> own_set_;
};

/// Both speak a common version.
bool compatible(const introduction& a, const introduction& b);

} // namespace troupe::boot
