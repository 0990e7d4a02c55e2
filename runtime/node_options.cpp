#include <troupe/runtime/node_options.hpp>

#include <algorithm>
#include <charconv>

#include <troupe/runtime/logger.hpp>

namespace troupe {

namespace {

using std::chrono::milliseconds;

// One row per setting: how to read and write it, and what it may be.
struct row {
  const char* name;
  const char* unit;
  std::uint64_t min;
  std::uint64_t max;
  std::uint64_t (*get)(const cluster_settings&);
  void (*set)(cluster_settings&, std::uint64_t);
  const char* description;
};

#define MS(field, low, high, text)                                             \
  row {                                                                        \
#field, "ms", low, high,                                                   \
      [](const cluster_settings& s) {                                          \
        return static_cast<std::uint64_t>(s.field.count());                    \
      },                                                                       \
      [](cluster_settings& s, std::uint64_t v) { s.field = milliseconds{v}; }, \
      text   \
  }
#define NUMBER(field, unit, low, high, text)                                   \
  row {                                                                        \
#field, unit, low, high,                                                   \
      [](const cluster_settings& s) {                                          \
        return static_cast<std::uint64_t>(s.field);                            \
      },                                                                       \
      [](cluster_settings& s, std::uint64_t v) {                               \
        s.field = static_cast<decltype(s.field)>(v);                           \
      },                                                                       \
      text   \
  }

const row rows[] = {
    MS(tick, 1, 1000, "resolution of the coordinator's timers"),
    MS(heartbeat, 5, 60000, "time between two heartbeats to the leader"),
    MS(election_min, 20, 600000, "shortest election timeout"),
    MS(election_max, 40, 1200000,
       "longest election timeout: twice the shortest"),
    MS(lease, 50, 600000, "how long a node runs partitions without an echo"),
    MS(margin, 1, 60000, "what the leader waits on top of a lease"),
    MS(handler_budget, 0, 60000, "what must be left of the lease at a message"),
    MS(move_step, 10, 600000, "longest time for a step of a move"),
    MS(stop_deadline, 0, 600000,
       "longest wait for a partition's open requests"),
    MS(drain, 1000, 86400000, "longest time for a drain at a stop"),
    MS(stabilisation, 0, 600000, "quiet time after a join before rebalancing"),
    MS(farewell, 1, 600000,
       "how long the goodbye of a node that left may take"),
    MS(restart_grace, 0, 86400000, "how long a restarting node is waited for"),
    MS(crash_grace, 0, 86400000, "how long a crashed node is waited for"),
    MS(held_message, 1, 600000, "how long a router holds a message"),
    MS(fence_deadline, 1, 600000,
       "longest wait for an old owner once another one runs"),
    NUMBER(hold_messages_max, "messages", 0, 1u << 30,
           "held at a time, per partition and node"),
    NUMBER(hold_bytes_max, "bytes", 0, 1ull << 40,
           "held at a time, per partition and node"),
    NUMBER(hold_node_bytes_max, "bytes", 0, 1ull << 40,
           "held at a time, in all"),
    NUMBER(stream_messages_max, "messages", 1, 1u << 30,
           "on their way at a time, per partition and node"),
    NUMBER(stream_bytes_max, "bytes", 1, 1ull << 40,
           "on their way at a time, per partition and node"),
    NUMBER(mailbox_messages_max, "messages", 64, 1u << 30,
           "of this node's senders, that wait for one partition"),
    NUMBER(hop_limit, "nodes", 1, 64, "that a message may pass"),
    NUMBER(moves_max, "moves", 1, 1u << 20, "at a time, from or to one node"),
    NUMBER(starts_max, "starts", 1, 1u << 20,
           "of partitions without an owner, at a time, by region"),
    NUMBER(entry_partitions_max, "partitions", 1, 1u << 15,
           "that one entry of the log changes"),
    NUMBER(quarantine_after, "starts", 1, 1000, "that may fail in a row"),
    NUMBER(event_history, "events", 1, 1u << 20, "kept in the map"),
    NUMBER(frame_bytes_max, "bytes", 64u << 10, 1u << 30,
           "of one frame between nodes"),
    NUMBER(key_bytes_max, "bytes", 1, 1u << 20, "of a key"),
    NUMBER(snapshot_every, "entries", 1, 1ull << 40, "between two snapshots"),
    NUMBER(keep_tail, "entries", 0, 1ull << 40, "kept for slow followers"),
};

#undef MS
#undef NUMBER

failure invalid(std::string detail, std::string hint) {
  return {errc::invalid_setting, std::move(detail), std::move(hint)};
}

bool is_address(const std::string& text) {
  auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size())
    return false;
  unsigned port = 0;
  auto* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data() + colon + 1, end, port);
  return error == std::errc{} && at == end && port <= 65535;
}

} // namespace

// A lease outlasts an election and the heartbeat round after it, with the
// handler budget to spare: so the death of a leader stops no known route. Those
// who hold messages hold them for longer than a failover takes.
std::optional<cluster_settings> settings_preset(std::string_view name) {
  cluster_settings out;
  if (name == "fast") {
    out.tick = milliseconds{5};
    out.heartbeat = milliseconds{15};
    out.election_min = milliseconds{100};
    out.election_max = milliseconds{200};
    out.lease = milliseconds{300};
    out.margin = milliseconds{30};
    out.handler_budget = milliseconds{20};
  } else if (name == "wan") {
    out.tick = milliseconds{50};
    out.heartbeat = milliseconds{300};
    out.election_min = milliseconds{2000};
    out.election_max = milliseconds{4000};
    out.lease = milliseconds{6000};
    out.margin = milliseconds{600};
    out.handler_budget = milliseconds{200};
    out.move_step = milliseconds{20000};
    out.stabilisation = milliseconds{5000};
    out.farewell = milliseconds{10000};
    out.held_message = milliseconds{20000};
    out.fence_deadline = milliseconds{12000};
  } else if (name != "normal") {
    return std::nullopt;
  }
  return out;
}

std::vector<setting> settings_of(const node_options& options) {
  std::vector<setting> out;
  cluster_settings standard;
  for (auto& r : rows)
    out.push_back({r.name, r.unit, std::to_string(r.get(options.settings)),
                   std::to_string(r.get(standard)), r.description});
  return out;
}

failure set_setting(node_options& options, const std::string& assignment) {
  auto equals = assignment.find('=');
  auto name = assignment.substr(0, equals);
  auto found = std::find_if(std::begin(rows), std::end(rows),
                            [&](auto& r) { return name == r.name; });
  if (equals == assignment.npos)
    return invalid("'" + assignment + "' is not name=value",
                   "write for example lease=2000");
  if (found == std::end(rows))
    return invalid("no setting '" + name + "'",
                   "list them with 'troupectl settings'");
  auto text = assignment.substr(equals + 1);
  std::uint64_t value = 0;
  auto* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end || value < found->min
      || value > found->max)
    return invalid(name + " is '" + text + "'",
                   "it takes a number of " + std::string{found->unit} + " from "
                       + std::to_string(found->min) + " to "
                       + std::to_string(found->max));
  found->set(options.settings, value);
  return {};
}

failure check(const node_options& options) {
  auto& s = options.settings;
  for (auto& r : rows) {
    auto value = r.get(s);
    if (value < r.min || value > r.max)
      return invalid(std::string{r.name} + " is " + std::to_string(value),
                     "it takes a number of " + std::string{r.unit} + " from "
                         + std::to_string(r.min) + " to "
                         + std::to_string(r.max));
  }
  if (s.heartbeat < s.tick)
    return invalid("the heartbeat is shorter than a tick",
                   "make tick at most as long as heartbeat");
  if (s.election_max != 2 * s.election_min)
    return invalid("election_max is not twice election_min",
                   "set both: timeouts are drawn from [min, 2 x min)");
  if (s.election_min < 3 * s.heartbeat)
    return invalid("election_min is less than three heartbeats",
                   "a lost heartbeat must not start an election");
  if (s.lease <= s.heartbeat + s.handler_budget)
    return invalid("the lease is not longer than a heartbeat and the handler "
                   "budget",
                   "make lease several heartbeats long");
  if (s.margin * 100 < s.lease)
    return invalid("the margin is less than a hundredth of the lease",
                   "clocks may differ in rate by margin / (2 x lease); a tenth "
                   "is usual");
  if (options.name.size() > 200
      || options.name.find_first_of(" \t\n/?#%") != std::string::npos)
    return invalid("the name '" + options.name + "' cannot be used",
                   "use letters, digits, dashes and dots, at most 200");
  if (!is_address(options.listen))
    return invalid("'" + options.listen + "' is no address to listen on",
                   "write host:port, for example 127.0.0.1:7101");
  if (!options.advertise.empty() && !is_address(options.advertise))
    return invalid("'" + options.advertise + "' is no address to advertise",
                   "write host:port");
  if (!options.http.empty() && !is_address(options.http))
    return invalid("'" + options.http + "' is no address for HTTP",
                   "write host:port, for example 127.0.0.1:8101");
  for (auto& address : options.join)
    if (!is_address(address))
      return invalid("'" + address + "' in the join list is no address",
                     "write host:port,host:port");
  if (options.expect > 0 && options.join.empty())
    return invalid("expect is set without join",
                   "list the founders' addresses in join");
  if (options.expect > options.join.size())
    return invalid("expect is " + std::to_string(options.expect)
                       + ", but join lists "
                       + std::to_string(options.join.size()),
                   "list all founders in join");
  if (!options.log.empty() && !is_log_level(options.log))
    return invalid("'" + options.log + "' is no level to log at",
                   "it takes debug, info, warn, error or off");
  if (options.weight > 1000000)
    return invalid("the weight is " + std::to_string(options.weight),
                   "it takes 0 to 1000000; 100 is normal");
  return {};
}

} // namespace troupe
