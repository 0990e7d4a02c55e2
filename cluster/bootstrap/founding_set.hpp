#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/cluster/bootstrap/types.hpp>

namespace troupe::boot {

/// More founders or addresses to choose from make no sense.
inline constexpr std::size_t candidates_max = 64;

/// No start takes so many attempts.
inline constexpr std::uint64_t generations_max = 1u << 30;

/// Who may found together: the nodes that were started with the same list and
/// the same number. A node counts in it at an address of the list only.
struct founding_group {
  std::vector<boot::address> candidates; // sorted, each once
  std::uint32_t expect = 0;

  bool contains(const boot::address& x) const;
  friend bool operator==(const founding_group&,
                         const founding_group&) = default;
};

using group_id = id128<struct group_id_tag>;

group_id id_of(const founding_group& group);

/// A founder is this uuid at this address: neither may change before the
/// cluster exists.
struct founder {
  boot::uuid uuid;
  std::string name;
  boot::address address;

  friend bool operator==(const founder&, const founder&) = default;
};

/// The set that a node persists: its one vote in a generation.
struct founding_set {
  std::uint64_t generation = 0;
  std::vector<boot::address> candidates; // of the group
  std::vector<founder> founders;         // by rank: name, then uuid

  founding_group group() const;
  const founder* find(const boot::uuid& x) const;
  bool contains(const boot::uuid& x, const boot::address& at) const;
  friend bool operator==(const founding_set&, const founding_set&) = default;
};

void sort_by_rank(std::vector<founder>& founders);

/// In order of rank, at different addresses of the list, with different names
/// and uuids, and more than half of the list: so two sets of a group always
/// share a node.
bool well_formed(const founding_set& set);

/// The cluster that the set founds.
cluster_id id_of(const founding_set& set);

founding found(const founding_set& set);

/// What the disk holds. Reading answers nothing for damaged bytes.
std::string to_bytes(const founding_set& set);
std::optional<founding_set> founding_set_from(std::string_view bytes);

} // namespace troupe::boot
