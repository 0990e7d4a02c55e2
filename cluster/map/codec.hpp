#pragma once

#include <optional>

#include <troupe/cluster/map/types.hpp>
#include <troupe/proto/map.pb.h>

/// The one place where the map's values meet their schema (map.proto).
namespace troupe {

void to_proto(const region_settings& from, proto::RegionSettings& to);
region_settings from_proto(const proto::RegionSettings& from);

void to_proto(const node_record& from, proto::NodeRecord& to);
std::optional<node_record> from_proto(const proto::NodeRecord& from);

void to_proto(const assignment& from, proto::Assignment& to);
std::optional<assignment> from_proto(const proto::Assignment& from);

} // namespace troupe
