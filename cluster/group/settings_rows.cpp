#include <troupe/cluster/group/settings_rows.hpp>

#include <algorithm>
#include <charconv>

namespace troupe::raft {

namespace {

constexpr std::int64_t ms = 1'000'000; // nanoseconds
constexpr std::int64_t minute = 60'000 * ms;

template <auto Field>
constexpr settings_row row(const char* name, const char* unit, std::int64_t min,
                           std::int64_t max, const char* description) {
  return {name,
          unit,
          min,
          max,
          [](const group_settings& x) {
            if constexpr (std::is_same_v<decltype(x.*Field), const boot_time&>)
              return std::int64_t{(x.*Field).count()};
            else
              return static_cast<std::int64_t>(x.*Field);
          },
          [](group_settings& x, std::int64_t value) {
            using type = std::remove_reference_t<decltype(x.*Field)>;
            x.*Field = static_cast<type>(value);
          },
          description};
}

using g = group_settings;

const settings_row rows[] = {
    row<&g::tick>("tick", "ms", ms, 10'000 * ms, "resolution of all timers"),
    row<&g::heartbeat>("heartbeat", "ms", ms, minute,
                       "time between two heartbeats of the leader"),
    row<&g::election>("election", "ms", 4 * ms, 10 * minute,
                      "shortest wait for a leader before an election; the "
                      "longest is twice that"),
    row<&g::disk_timeout>("disk_timeout", "ms", 0, 60 * minute,
                          "a leader whose disk ends no write for longer stops "
                          "leading; 0: never"),
    row<&g::clock_error_percent>("clock_error_percent", "percent", 0, 99,
                                 "by which two members' clocks may differ in "
                                 "rate"),
    row<&g::priority>("priority", "", -1024, 1024,
                      "above 0: likelier to lead than others; below: leads "
                      "only if nobody else does"),
    row<&g::propose_timeout>("propose_timeout", "ms", ms, 60 * minute,
                             "until a command's outcome counts as unknown"),
    row<&g::read_timeout>("read_timeout", "ms", ms, 60 * minute,
                          "until a read fails"),
    row<&g::member_timeout>("member_timeout", "ms", ms, 1440 * minute,
                            "until a change of members counts as under way"),
    row<&g::leader_wait>("leader_wait", "ms", 0, 60 * minute,
                         "how long a command waits for a leader"),
    row<&g::voters_min>("voters_min", "members", 1, 1024,
                        "with fewer voters nobody is elected"),
    row<&g::members_max>("members_max", "members", 0, 1024,
                         "more are not let in; 0: no limit"),
    row<&g::command_bytes_max>("command_bytes_max", "bytes", 1, 8 << 20,
                               "of one command"),
    row<&g::batch_bytes_max>("batch_bytes_max", "bytes", 1, 4 << 20,
                             "of commands in one entry of the log"),
    row<&g::pending_bytes_max>("pending_bytes_max", "bytes", 1,
                               std::int64_t{1} << 40,
                               "of commands under way here; beyond: busy"),
    row<&g::pending_reads_max>("pending_reads_max", "batches", 1, 1 << 30,
                               "of reads under way here; beyond: busy"),
    row<&g::log_tail>("log_tail", "entries", 0, std::int64_t{1} << 40,
                      "kept below a snapshot for slow followers"),
    row<&g::chunk_bytes>("chunk_bytes", "bytes", 1, 8 << 20,
                         "of a piece of a snapshot on its way"),
};

constexpr const char* snapshots_text =
    "when to take one: never, every N changes, every Ns seconds, or a list of "
    "Ns:N (after N seconds if N changes)";

bool is_time(const settings_row& x) {
  return x.unit == std::string_view{"ms"};
}

// The nearest number of the row; none: it is no number.
std::optional<std::int64_t> parse(const settings_row& row,
                                  std::string_view text) {
  auto* end = text.data() + text.size();
  if (is_time(row)) {
    double value = 0;
    auto [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || at != end || !(value >= 0) || value > 1e9)
      return std::nullopt;
    return static_cast<std::int64_t>(value * ms + 0.5);
  }
  std::int64_t value = 0;
  auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end)
    return std::nullopt;
  return value;
}

} // namespace

std::span<const settings_row> settings_rows() {
  return rows;
}

std::string to_string(const settings_row& row, std::int64_t value) {
  if (!is_time(row))
    return std::to_string(value);
  auto out = std::to_string(value / ms);
  if (auto rest = value % ms; rest != 0) {
    auto digits = std::to_string(ms + (rest < 0 ? -rest : rest)).substr(1);
    out += "." + digits.substr(0, digits.find_last_not_of('0') + 1);
  }
  return out;
}

std::string range_of(const settings_row& row) {
  std::string unit = row.unit;
  return "it takes " + to_string(row, row.min) + " to "
         + to_string(row, row.max) + (unit.empty() ? "" : " " + unit);
}

std::vector<group_setting> settings_of(const group_settings& x) {
  std::vector<group_setting> out;
  group_settings standard;
  for (auto& row : rows)
    out.push_back({row.name, row.unit, to_string(row, row.get(x)),
                   to_string(row, row.get(standard)), row.description});
  out.push_back({"snapshots", "", to_string(x.snapshots),
                 to_string(standard.snapshots), snapshots_text});
  return out;
}

std::string set_setting(group_settings& x, std::string_view assignment) {
  auto equals = assignment.find('=');
  if (equals == assignment.npos)
    return "'" + std::string{assignment}
           + "' is not NAME=VALUE: write for example election=500";
  std::string name{assignment.substr(0, equals)};
  std::string text{assignment.substr(equals + 1)};
  if (name == "snapshots") {
    auto policy = parse_snapshot_policy(text);
    if (!policy)
      return "snapshots is '" + text
             + "': write never, a number of changes such as 100000, of seconds "
               "such as 60s, or a list such as 900s:1,60s:10000";
    x.snapshots = *policy;
    return {};
  }
  auto row = std::find_if(std::begin(rows), std::end(rows),
                          [&](auto& one) { return name == one.name; });
  if (row == std::end(rows)) {
    std::string names;
    for (auto& one : rows)
      names += std::string{one.name} + ", ";
    return "there is no setting '" + name + "': there are " + names
           + "snapshots";
  }
  auto value = parse(*row, text);
  if (!value || *value < row->min || *value > row->max)
    return name + " is '" + text + "': " + range_of(*row);
  row->set(x, *value);
  return {};
}

} // namespace troupe::raft
