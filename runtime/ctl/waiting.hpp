#pragma once

#include <troupe/runtime/ctl/session.hpp>

#include <map>
#include <string>
#include <utility>

namespace troupe::ctl {

/// The epochs of all partitions, by region and number: what to compare with.
using epoch_table =
    std::map<std::pair<std::string, std::uint64_t>, std::uint64_t>;

epoch_table read_epochs(session& with);

/// Waits until each move of a plan is done.
///
/// Out:    progress, whenever it changes.
/// Errors: throws `failure`: refused when a move ended elsewhere, deadline when
///         the time to wait is over; the moves go on then.
void wait_for_moves(session& with, const json& moves,
                    const epoch_table& before);

/// Waits until a node owns nothing.
///
/// Out:    what is left, and how fast it goes.
/// Errors: throws `failure`: refused when the drain was taken back, deadline
///         when the time to wait is over; the drain goes on then.
void wait_for_drain(session& with, const std::string& node);

} // namespace troupe::ctl
