#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include <troupe/cluster/bootstrap/founding_set.hpp>

namespace troupe::boot {

/// What is known of the sets that the nodes of one group have persisted.
///
/// A node persists at most one set in a generation, and goes to the next one
/// only with proof that no set of the last can ever be persisted by all of its
/// founders. So two sets can never both be complete: of one generation, they
/// share a node, which persisted one; of two, the later one rests on the proof.
///
/// Simpler, rejected: one set for ever. With a longer list than `expect`, two
/// nodes may persist two sets at once, and then nobody could ever found.
class founding_votes {
public:
  explicit founding_votes(founding_group group);

  /// A node says what it has persisted, of this group. An older word than the
  /// last is passed over. False: it persisted two sets in one generation.
  bool add(const boot::uuid& who, const boot::address& at,
           const founding_set& set);

  /// All founders are known to have persisted this set.
  bool complete(const founding_set& set) const;

  /// The founders that are not known to have persisted it.
  std::vector<founder> missing(const founding_set& set) const;

  /// The set can never be complete.
  bool dead(const founding_set& set) const;

  /// The generation to vote in: the highest one heard of, or the next if that
  /// is proven to have no winner.
  std::uint64_t open_generation() const;

  /// The sets of a generation that may still win, each once, by cluster id.
  std::vector<founding_set> alive(std::uint64_t generation) const;

private:
  struct bearer {
    boot::uuid uuid;
    boot::address address;
    friend auto operator<=>(const bearer&, const bearer&) = default;
  };

  std::uint64_t highest() const;

  founding_group group_;
  std::map<bearer, founding_set> latest_;
};

} // namespace troupe::boot
