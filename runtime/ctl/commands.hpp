#pragma once

#include <troupe/runtime/ctl/session.hpp>

#include <CLI/CLI.hpp>

namespace troupe::ctl {

// Each adds its commands to the command line. They run while it is parsed, and
// throw `failure`.

/// status, nodes, regions, partitions, settings, events, watch
void add_queries(CLI::App& app, session& with);

/// ping, send
void add_messages(CLI::App& app, session& with);

/// plan, rebalance, move, drain, undrain, restart
void add_cluster_commands(CLI::App& app, session& with);

/// region
void add_region_commands(CLI::App& app, session& with);

/// A command with an example in its help.
CLI::App* add_command(CLI::App& app, const std::string& name,
                      const std::string& what, const std::string& example);

} // namespace troupe::ctl
