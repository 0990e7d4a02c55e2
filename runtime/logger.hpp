#pragma once

#include <string>

#include <spdlog/logger.h>

namespace troupe {

/// Where the nodes of this process write their log: spdlog's logger "troupe".
/// It writes warnings and worse to standard error, unless the program has
/// registered one of its own under that name, or asks for more by
/// `node_options::log`.
///
/// Threads: any.
spdlog::logger& logger();

/// Whether `node_options::log` may say so: debug, info, warn, error or off.
bool is_log_level(const std::string& text);

} // namespace troupe
