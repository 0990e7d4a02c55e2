#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_system_config.hpp>

#include <troupe/cluster/map/error.hpp>
#include <troupe/cluster/map/settings.hpp>

namespace troupe {

/// How a node is started. With none of it set: a cluster of one, on a free
/// port of the loopback interface, that forgets everything when it ends.
struct node_options {
  /// How people call the node; unique in its cluster. Empty: made up.
  std::string name;
  /// host:port for other nodes; port 0: a free one.
  std::string listen = "127.0.0.1:0";
  /// What other nodes dial, if that is not `listen`.
  std::string advertise;
  /// host:port of the HTTP interface; empty: none.
  std::string http;
  /// Data directory. Empty: a temporary one, deleted at the end.
  std::string data;
  /// Addresses of nodes to find the cluster at; the own one may be among them.
  std::vector<std::string> join;
  /// So many nodes of `join` with empty disks found a cluster together; 0: only
  /// join.
  std::uint32_t expect = 0;
  std::vector<std::string> roles;
  std::map<std::string, std::string> labels;
  /// Capacity: 100 is normal, 0 takes no partitions.
  std::uint32_t weight = 100;
  cluster_settings settings;
  /// What the process logs, to standard error: debug, info, warn, error or
  /// off. Empty: as it is, warnings and worse unless somebody said otherwise.
  std::string log;
  /// Called on the actor system's configuration before it is used.
  std::function<void(caf::actor_system_config&)> configure_caf;
};

/// What is wrong with the options, with the next step; code none: nothing.
failure check(const node_options& options);

/// Settings for a kind of network, by its name; all nodes of a cluster take the
/// same. "normal": the defaults. "fast": one room, and machines with time to
/// spare; what a dead node owned runs elsewhere within half a second. "wan":
/// round trips of up to 300 ms, and lines that stall for a second.
/// None: there is no such preset.
std::optional<cluster_settings> settings_preset(std::string_view name);

/// One setting, as `GET /v1/settings` and `--help` show it.
struct setting {
  std::string name;
  std::string unit;
  std::string value;
  std::string standard;
  std::string description;
};

/// All settings with their values in `options`.
std::vector<setting> settings_of(const node_options& options);

/// Sets one by its name, "lease=2000". A failure names the range.
failure set_setting(node_options& options, const std::string& assignment);

} // namespace troupe
