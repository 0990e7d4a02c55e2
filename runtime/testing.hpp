#pragma once

/// A cluster to test partition actors in: `troupe::testing::cluster`.

#include <troupe/runtime/testing/cluster.hpp>
#include <troupe/runtime/testing/region.hpp>
#include <troupe/troupe.hpp>
