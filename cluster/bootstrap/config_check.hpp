#pragma once

#include <optional>

#include <troupe/cluster/bootstrap/founding_set.hpp>
#include <troupe/cluster/bootstrap/types.hpp>

namespace troupe::boot {

/// What is wrong with the settings, or nothing.
std::optional<refusal> check(const bootstrap_config& config);

/// The group that a node of these checked settings founds in. None: it joins.
std::optional<founding_group> group_of(const bootstrap_config& config);

} // namespace troupe::boot
