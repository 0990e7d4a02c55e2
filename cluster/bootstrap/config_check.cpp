#include <troupe/cluster/bootstrap/config_check.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include <troupe/cluster/bootstrap/codec.hpp>

namespace troupe::boot {

namespace {

std::vector<address> sorted_once(std::vector<address> xs) {
  std::sort(xs.begin(), xs.end());
  xs.erase(std::unique(xs.begin(), xs.end()), xs.end());
  return xs;
}

std::optional<std::string> find_flaw(const bootstrap_config& config) {
  auto list = sorted_once(config.join);
  auto n = std::to_string(config.expect);
  auto size = std::to_string(list.size());
  auto& timing = config.timing;
  if (!config.own.uuid)
    return "the data directory has no uuid: draw one before the start";
  if (!valid_text(config.own.name))
    return "the node's name is empty, longer than 255 bytes or has control "
           "characters: choose another one";
  if (!valid_text(config.own.address))
    return "the node's address is empty, longer than 255 bytes or has control "
           "characters: give host:port";
  if (config.own.protocol_min > config.own.protocol_max)
    return "the lowest protocol version is above the highest";
  if (!std::all_of(list.begin(), list.end(), valid_text))
    return "an address of the join list is empty, longer than 255 bytes or has "
           "control characters: give host:port";
  if (!std::all_of(config.roles.begin(), config.roles.end(), valid_text))
    return "a role is empty, longer than 255 bytes or not printable";
  for (auto& [key, value] : config.labels)
    if (!valid_text(key) || (!value.empty() && !valid_text(value)))
      return "a label is longer than 255 bytes or not printable";
  if (config.roles.size() > 64 || config.labels.size() > 64)
    return "more than 64 roles or labels";
  if (list.size() > candidates_max)
    return "the join list has " + size
           + " addresses: " + std::to_string(candidates_max) + " are the most";
  if (timing.retry.count() <= 0 || timing.reply_timeout.count() <= 0
      || timing.join_timeout.count() <= 0
      || timing.heard_for < 2 * timing.retry)
    return "retry and timeouts must be above 0, and heard_for at least twice "
           "retry";
  if (config.expect == 0)
    return std::nullopt;
  if (list.empty())
    return "expect " + n + " needs a join list: give the addresses of all " + n
           + " nodes, or leave expect out for a cluster of one's own";
  if (config.expect > list.size())
    return "expect " + n + " with a join list of " + size
           + ": list all of the nodes, this one included, or expect fewer";
  if (config.expect * 2 <= list.size())
    return "expect " + n + " of " + size
           + " addresses: two groups could form; expect more than half of the "
             "list, or make it shorter";
  return std::nullopt;
}

} // namespace

std::optional<refusal> check(const bootstrap_config& config) {
  if (auto flaw = find_flaw(config))
    return refusal{refusal_code::bad_config, *flaw};
  return std::nullopt;
}

std::optional<founding_group> group_of(const bootstrap_config& config) {
  if (config.join.empty())
    return founding_group{{config.own.address}, 1};
  founding_group group{sorted_once(config.join), config.expect};
  if (config.expect == 0 || !group.contains(config.own.address))
    return std::nullopt;
  return group;
}

} // namespace troupe::boot
