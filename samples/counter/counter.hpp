#pragma once

#include <troupe/troupe.hpp>

#include "counter.pb.h"

/// Counts per key; its totals move with the partition.
struct counter_state {
  counter::State totals;
};

caf::behavior
counter_partition(troupe::stateful_partition<counter_state>* self);
