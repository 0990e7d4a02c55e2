#pragma once

#include <troupe/runtime/http/api_error.hpp>
#include <troupe/runtime/http/api_types.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

// The JSON that clients see. Members keep their order; an empty name and a zero
// epoch become null.
namespace troupe::http {

using json = nlohmann::ordered_json;

std::string_view to_string(member_kind x);
std::string_view to_string(node_state x);
std::string_view to_string(partition_stage x);

json to_json(const node_status& x);
json to_json(const node_row& x);
json to_json(const region_settings& x);
json to_json(const region_row& x);
json to_json(const region_view& x);
json to_json(const setting_row& x);
json to_json(const ping_reply& x);
json to_json(const planned_move& x);
json to_json(const plan_view& x);
json to_json(const move_accepted& x);
json to_json(const region_changed& x);
json to_json(const node_command_accepted& x);
json to_json(const event_row& x);
json to_json(const event_gap& x);
json to_json(const api_error& x);

/// Null for an empty name.
json name_json(const std::string& x);

/// Null for zero.
json epoch_json(troupe::epoch x);

/// On one line with its end; bytes that are not UTF-8 are replaced.
std::string to_line(const json& x);

/// A page of events, one line each, the gap first.
std::string to_lines(const event_page& page);

} // namespace troupe::http
