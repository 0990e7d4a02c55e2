#pragma once

#include <optional>
#include <vector>

#include <troupe/cluster/raft/types.hpp>

/// Configurations as values: which one follows from which change.
namespace troupe::raft {

bool contains(const std::vector<member_id>& sorted, member_id id);
void insert(std::vector<member_id>& sorted, member_id id);
void erase(std::vector<member_id>& sorted, member_id id);

/// Whether a correct group could hold it: lists sorted and disjoint where they
/// must be, and what belongs to a joint one only in a joint one.
bool is_sound(const configuration& conf);

bool is_voter(const configuration& conf, member_id id);
bool is_member(const configuration& conf, member_id id);

/// Voters of both sets, sorted.
std::vector<member_id> all_voters(const configuration& conf);

/// Everyone, sorted.
std::vector<member_id> all_members(const configuration& conf);

/// Whether the change goes through a joint configuration (thesis, 4.3).
bool enters_joint(const configuration_change& change);

/// The configuration after the change; nothing if it does not fit: leaving
/// what is not joint, changing what is joint, more than one voter at a time
/// without a joint one, or no voter left.
std::optional<configuration> changed(const configuration& conf,
                                     const configuration_change& change);

} // namespace troupe::raft
