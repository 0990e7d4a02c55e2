#include <troupe/cluster/group/snapshot_policy.hpp>

#include <charconv>

namespace troupe::raft {

namespace {

constexpr std::uint64_t number_max = 1'000'000'000'000;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t out = 0;
  auto* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc{} || at != end || out == 0 || out > number_max)
    return std::nullopt;
  return out;
}

// 1,000 million seconds are more than a boot_time of nanoseconds holds.
std::optional<boot_time> parse_seconds(std::string_view text) {
  auto number = parse_number(text);
  if (!number || *number > 1'000'000'000)
    return std::nullopt;
  return std::chrono::seconds{*number};
}

std::optional<snapshot_rule> parse_rule(std::string_view text) {
  snapshot_rule out;
  auto colon = text.find(':');
  if (colon == text.npos && !text.ends_with('s')) {
    auto changes = parse_number(text);
    if (!changes)
      return std::nullopt;
    out.changes = *changes;
    return out;
  }
  auto time = text.substr(0, colon);
  if (!time.ends_with('s'))
    return std::nullopt;
  auto after = parse_seconds(time.substr(0, time.size() - 1));
  auto changes = colon == text.npos ? std::optional<std::uint64_t>{1}
                                    : parse_number(text.substr(colon + 1));
  if (!after || !changes)
    return std::nullopt;
  return snapshot_rule{*after, *changes};
}

std::string to_string(const snapshot_rule& x) {
  auto changes = std::to_string(x.changes);
  if (x.after <= boot_time{0})
    return changes;
  // Tenths and less are of no use to people, but a policy keeps its meaning.
  auto whole = std::chrono::ceil<std::chrono::seconds>(x.after).count();
  auto time = std::to_string(whole) + "s";
  return x.changes <= 1 ? time : time + ":" + changes;
}

} // namespace

std::string to_string(const snapshot_policy& x) {
  std::string out;
  for (auto& rule : x.rules())
    out += (out.empty() ? "" : ",") + to_string(rule);
  return out.empty() ? "never" : out;
}

std::optional<snapshot_policy> parse_snapshot_policy(std::string_view text) {
  if (text == "never")
    return snapshot_policy::never();
  std::vector<snapshot_rule> rules;
  for (;;) {
    auto comma = text.find(',');
    auto rule = parse_rule(text.substr(0, comma));
    if (!rule)
      return std::nullopt;
    rules.push_back(*rule);
    if (comma == text.npos)
      return snapshot_policy{std::move(rules)};
    text.remove_prefix(comma + 1);
  }
}

} // namespace troupe::raft
