#include <troupe/cluster/map/codec.hpp>

#include <algorithm>

namespace troupe {

void to_proto(const region_settings& from, proto::RegionSettings& to) {
  to.set_name(from.name);
  to.set_partitions(from.partitions);
  to.set_strategy(from.strategy);
  for (auto& [key, value] : from.strategy_options)
    (*to.mutable_strategy_options())[key] = value;
  for (auto& role : from.roles)
    to.add_roles(role);
  to.set_keep_running(from.keep_running);
  to.set_overrun(static_cast<std::uint32_t>(from.overrun));
}

region_settings from_proto(const proto::RegionSettings& from) {
  region_settings to;
  to.name = from.name();
  to.partitions = std::clamp(from.partitions(), 1u, partitions_max);
  to.strategy = from.strategy();
  for (auto& [key, value] : from.strategy_options())
    to.strategy_options[key] = value;
  to.roles.assign(from.roles().begin(), from.roles().end());
  std::sort(to.roles.begin(), to.roles.end());
  to.keep_running = from.keep_running();
  to.overrun = from.overrun() <= 2 ? static_cast<overrun_policy>(from.overrun())
                                   : overrun_policy::wait;
  return to;
}

void to_proto(const node_record& from, proto::NodeRecord& to) {
  to.set_id(from.id.value);
  to.set_uuid(from.uuid);
  to.set_name(from.name);
  to.set_address(from.address);
  to.set_http_address(from.http_address);
  to.set_incarnation(from.incarnation.value);
  to.set_boot_id(from.boot_id);
  for (auto& role : from.roles)
    to.add_roles(role);
  for (auto& [key, value] : from.labels)
    (*to.mutable_labels())[key] = value;
  to.set_weight(from.weight);
  to.set_liveness(
      static_cast<proto::Liveness>(static_cast<int>(from.liveness)));
  to.set_intent(static_cast<proto::Intent>(static_cast<int>(from.intent)));
  to.set_intent_time_us(from.intent_time_us);
  to.set_version(from.version);
  to.set_since_us(from.since_us);
}

std::optional<node_record> from_proto(const proto::NodeRecord& from) {
  auto liveness = static_cast<int>(from.liveness());
  auto intent = static_cast<int>(from.intent());
  if (from.id() == 0 || liveness < 1 || liveness > 5 || intent < 0
      || intent > 2)
    return std::nullopt;
  node_record to;
  to.id = node_id{from.id()};
  to.uuid = from.uuid();
  to.name = from.name();
  to.address = from.address();
  to.http_address = from.http_address();
  to.incarnation = incarnation{from.incarnation()};
  to.boot_id = from.boot_id();
  to.roles.assign(from.roles().begin(), from.roles().end());
  for (auto& [key, value] : from.labels())
    to.labels[key] = value;
  to.weight = from.weight();
  to.liveness = static_cast<troupe::liveness>(liveness);
  to.intent = static_cast<troupe::intent>(intent);
  to.intent_time_us = from.intent_time_us();
  to.version = from.version();
  to.since_us = from.since_us();
  return to;
}

void to_proto(const assignment& from, proto::Assignment& to) {
  to.set_stage(static_cast<proto::Stage>(static_cast<int>(from.stage)));
  to.set_owner(from.owner.value);
  to.set_owner_incarnation(from.owner_incarnation.value);
  to.set_epoch(from.epoch.value);
  to.set_target(from.target.value);
  to.set_source(from.source.value);
  to.set_source_epoch(from.source_epoch.value);
  to.set_failures(from.failures);
  to.set_failure(from.failure);
  to.set_quarantined(from.quarantined);
  to.set_stage_time_us(from.stage_time_us);
  to.set_move_time_us(from.move_time_us);
  to.set_cause(from.cause);
  to.set_weight(from.weight);
  to.set_version(from.version.value);
}

std::optional<assignment> from_proto(const proto::Assignment& from) {
  auto stage = static_cast<int>(from.stage());
  if (stage < 1 || stage > 4)
    return std::nullopt;
  assignment to;
  to.stage = static_cast<troupe::stage>(stage);
  to.owner = node_id{from.owner()};
  to.owner_incarnation = incarnation{from.owner_incarnation()};
  to.epoch = epoch{from.epoch()};
  to.target = node_id{from.target()};
  to.source = node_id{from.source()};
  to.source_epoch = epoch{from.source_epoch()};
  to.failures = from.failures();
  to.failure = from.failure();
  to.quarantined = from.quarantined();
  to.stage_time_us = from.stage_time_us();
  to.move_time_us = from.move_time_us();
  to.cause = from.cause();
  to.weight = std::max(1u, from.weight());
  to.version = log_index{from.version()};
  return to;
}

} // namespace troupe
