#include <test/chaos/harness/cluster.hpp>

#include <sstream>

namespace troupe::chaos {

std::string counter_node::host() const {
  return address.substr(0, address.rfind(':'));
}

std::vector<std::string> counter_node::command() const {
  std::vector<std::string> out{program,    "node",  "--name", name,
                               "--listen", address, "--http", http,
                               "--data",   data};
  if (!front.empty())
    out.insert(out.end(), {"--advertise", front});
  out.insert(out.end(), flags.begin(), flags.end());
  return out;
}

void counter_node::start() {
  client_.reset();
  child = process{command(), log};
}

http_client& counter_node::client() {
  if (!client_ || client_of_ != http) {
    client_ = std::make_unique<http_client>(http);
    client_of_ = http;
  }
  return *client_;
}

// What only reads may be asked again: the node may have closed an idle
// connection just now.
answer counter_node::get(const std::string& target) {
  auto out = client().get(target);
  return out.fate == fate::lost ? client().get(target) : out;
}

answer counter_node::post(const std::string& target, const std::string& body) {
  return client().post(target, body);
}

bool counter_node::ready() {
  return get("/readyz").good();
}

json counter_node::status() {
  return get("/v1/status").body();
}

std::map<std::string, json> counter_node::nodes() {
  std::map<std::string, json> out;
  auto body = get("/v1/nodes?all=true").body();
  if (body.is_object())
    for (auto& row : body["nodes"])
      out[row["name"]] = row;
  return out;
}

std::vector<partition_view>
counter_node::partitions(const std::string& region) {
  std::vector<partition_view> out;
  auto body = get("/v1/regions/" + region).body();
  if (body.is_object() && body.contains("partitions"))
    for (auto& row : body["partitions"])
      out.push_back({row["owner"].is_null() ? "" : row["owner"],
                     row["epoch"].is_null() ? 0 : row["epoch"].get<uint64_t>(),
                     row["stage"]});
  return out;
}

std::vector<json> counter_node::events(std::uint64_t since) {
  std::vector<json> out;
  std::istringstream lines{
      get("/v1/events?follow=false&since=" + std::to_string(since)).text};
  for (std::string line; std::getline(lines, line);)
    out.push_back(json::parse(line));
  return out;
}

double counter_node::metric(const std::string& metric_name) {
  std::istringstream lines{get("/metrics").text};
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(metric_name + ' ', 0) == 0)
      return std::stod(line.substr(metric_name.size()));
  return -1;
}

} // namespace troupe::chaos
