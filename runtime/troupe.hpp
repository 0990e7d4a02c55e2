#pragma once

/// All that a program needs: a node, its regions, partition actors, and
/// protobuf messages as messages of actors.

#include <troupe/actors/error.hpp>
#include <troupe/actors/partition/partition.hpp>
#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/actors/router/router.hpp>
#include <troupe/runtime/node.hpp>
#include <troupe/runtime/region.hpp>
