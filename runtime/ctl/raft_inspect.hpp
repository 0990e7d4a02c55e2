#pragma once

#include <CLI/CLI.hpp>

namespace troupe::ctl {

/// raft inspect: the files of a node or of a member of a group, offline.
void add_raft_commands(CLI::App& app);

} // namespace troupe::ctl
