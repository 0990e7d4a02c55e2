#pragma once

#include <nlohmann/json.hpp>

#include <string>

// How a node's JSON looks to people. What a newer node adds is passed over,
// what an older one lacks shows as "-".
namespace troupe::ctl {

using json = nlohmann::ordered_json;

std::string show_status(const json& x, bool colours);
std::string show_nodes(const json& x, bool colours);
std::string show_regions(const json& x, bool colours);
std::string show_partitions(const json& x, bool colours);
std::string show_settings(const json& x, bool colours);
std::string show_moves(const json& x, bool colours);

/// One line: number, time of day (UTC), event, and the rest as name=value.
std::string show_event(const json& x);

std::string show_ping(const json& x, double took_ms);

/// The answer's message, indented, behind a line about its way.
std::string show_reply(const json& x, double took_ms);

/// A member as text: "" when there is none, lists with spaces, objects as
/// name=value.
std::string text_of(const json& x, const char* name);

/// Zero when there is no such number.
std::uint64_t number_of(const json& x, const char* name);

} // namespace troupe::ctl
