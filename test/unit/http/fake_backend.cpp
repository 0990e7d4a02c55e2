#include <test/unit/http/fake_backend.hpp>

#include <algorithm>
#include <utility>

namespace troupe::http {

fake_backend::fake_backend() {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    node_row row;
    row.id = node_id(i);
    row.name = "n" + std::to_string(i);
    row.incarnation = troupe::incarnation(1);
    row.address = "127.0.0.1:" + std::to_string(7100 + i);
    row.http = "127.0.0.1:" + std::to_string(8100 + i);
    row.roles = {"worker"};
    row.labels = {{"zone", i == 3 ? "west" : "east"}};
    row.state = node_state::up;
    row.member = member_kind::voter;
    nodes_.push_back(row);
  }
  node_row gone;
  gone.id = node_id(4);
  gone.name = "n4";
  gone.state = node_state::left;
  nodes_.push_back(gone);
  counter_.region = "counter";
  counter_.version = 42;
  counter_.hosts = {"n1", "n2", "n3"};
  counter_.settings = {4, "balanced", {"worker"}, false};
  const char* owners[] = {"n1", "n2", "n3", "n1"};
  for (partition_id i = 0; i < 4; ++i)
    counter_.partitions.push_back(
        {i, owners[i], troupe::epoch(10 + i), partition_stage::running, ""});
}

template <class T>
bool fake_backend::failed(callback<T>& done) {
  std::optional<api_error> error;
  {
    std::lock_guard guard(mutex_);
    error = error_;
  }
  if (error)
    done(*error);
  return error.has_value();
}

node_status fake_backend::status() {
  std::lock_guard guard(mutex_);
  node_status x;
  x.cluster_id = "c0ffee";
  x.leader = "n2";
  x.term = 7;
  x.map_version = version_;
  x.id = node_id(1);
  x.name = "n1";
  x.incarnation = troupe::incarnation(1);
  x.address = "127.0.0.1:7101";
  x.http = "127.0.0.1:8101";
  x.role = "follower";
  x.state = node_state::up;
  x.voters = {"n1", "n2", "n3"};
  x.quorum = true;
  x.lease_ms = 950;
  x.uptime_s = 12.5;
  x.version = "0.1.0";
  x.messages.accepted = 12;
  x.messages.settled = 9;
  x.messages.unknown = 1;
  x.messages.answered = 4;
  x.messages.dropped = {{"expired", 2}, {"overloaded", 1}};
  x.degraded = {{"counter", "warning", 10.5}};
  return x;
}

std::uint32_t fake_backend::owned(const std::string& node) {
  return static_cast<std::uint32_t>(
      std::count_if(counter_.partitions.begin(), counter_.partitions.end(),
                    [&](auto& p) { return p.owner == node; }));
}

std::vector<node_row> fake_backend::nodes() {
  std::lock_guard guard(mutex_);
  progress();
  for (auto& n : nodes_)
    n.partitions = {{"counter", owned(n.name)}};
  auto out = nodes_;
  if (late_readings_ > 0) {
    --late_readings_;
    for (auto& n : out)
      if (n.name == late_node_)
        n.state = late_state_;
  }
  return out;
}

std::vector<region_row> fake_backend::regions() {
  std::lock_guard guard(mutex_);
  region_row counter{"counter", counter_.settings};
  counter.running = 4;
  region_row proxied{"proxied", {0, "pinned", {}, true}};
  return {counter, proxied};
}

std::optional<region_view> fake_backend::region(std::string_view name) {
  std::lock_guard guard(mutex_);
  progress();
  if (name == "counter")
    return counter_;
  if (name == "proxied")
    return region_view{"proxied", 7, {0, "pinned", {}, true}, {}, {}};
  return std::nullopt;
}

std::optional<std::uint32_t>
fake_backend::partition_count(std::string_view region) {
  if (region == "counter")
    return 4;
  if (region == "proxied")
    return 0;
  return std::nullopt;
}

std::vector<setting_row> fake_backend::settings() {
  return {{"lease", "1000", "ms", "1000", "How long a node may run on."},
          {"name", "n1", "", "", "The node's name."}};
}

health fake_backend::health() {
  std::lock_guard guard(mutex_);
  return health_;
}

std::string fake_backend::metrics_text() {
  return metrics.text();
}

std::string fake_backend::owner_of_key(const target& to,
                                       partition_id& partition) {
  std::lock_guard guard(mutex_);
  if (auto key = std::get_if<std::string>(&to))
    partition = static_cast<partition_id>(key->size() % 4);
  else
    partition = std::get<partition_id>(to);
  return counter_.partitions[partition].owner;
}

void fake_backend::ping(ping_request request, callback<ping_reply> done) {
  if (failed(done))
    return;
  ping_reply x;
  x.node = owner_of_key(request.target, x.partition);
  x.epoch = troupe::epoch(10 + x.partition);
  x.path = {"n1"};
  if (x.node != "n1")
    x.path.push_back(x.node);
  x.hops = static_cast<std::uint32_t>(x.path.size());
  done(x);
}

void fake_backend::send(send_request request, callback<send_reply> done) {
  if (failed(done))
    return;
  if (on_send)
    return on_send(std::move(request), std::move(done));
  send_reply x;
  if (request.mode == send_mode::ask) {
    x.type = request.type;
    x.payload = request.payload;
    x.node = owner_of_key(request.target, x.partition);
    x.epoch = troupe::epoch(10 + x.partition);
    x.path = {"n1", x.node};
  }
  done(x);
}

void fake_backend::plan(std::string, callback<plan_view> done) {
  if (!failed(done))
    done(plan_view{100, {{"counter", 3, "n1", "n2"}}, waiting_for});
}

void fake_backend::rebalance(std::string, callback<plan_view> done) {
  if (failed(done))
    return;
  std::unique_lock lock(mutex_);
  planned_move move{"counter", 3, counter_.partitions[3].owner, "n2"};
  start_move(move);
  lock.unlock();
  done(plan_view{100, {move}, ""});
}

void fake_backend::move(move_request request, callback<move_accepted> done) {
  if (failed(done))
    return;
  std::unique_lock lock(mutex_);
  auto known = std::any_of(nodes_.begin(), nodes_.end(),
                           [&](auto& n) { return n.name == request.to; });
  auto& p = counter_.partitions[request.partition];
  planned_move move{request.region, request.partition, p.owner, request.to};
  auto epoch = p.epoch;
  bool same = p.owner == request.to;
  if (known && !same)
    start_move(move);
  lock.unlock();
  if (!known)
    return done(api_error{api_errc::unknown_node,
                          "there is no node '" + request.to + "'"});
  if (same)
    return done(api_error{api_errc::refused,
                          request.to + " owns the partition already"});
  done(move_accepted{move, epoch});
}

void fake_backend::configure(region_change change,
                             callback<region_changed> done) {
  if (failed(done))
    return;
  if (change.if_version != 0 && change.if_version != 42)
    return done(api_error{api_errc::refused,
                          "region 'counter' is at version 42",
                          "read it again"});
  changed = change;
  done(region_changed{change.region, 101});
}

void fake_backend::start_move(const planned_move& move) {
  if (delay_ == 0)
    return assign(move);
  auto& p = counter_.partitions[move.partition];
  p.stage = partition_stage::pausing;
  p.next = move.to;
  moves_.push_back({move, delay_});
}

void fake_backend::progress() {
  for (auto& m : moves_)
    if (--m.readings == 0)
      assign(m.move);
  std::erase_if(moves_, [](auto& m) { return m.readings == 0; });
}

void fake_backend::assign(const planned_move& move) {
  counter_.partitions[move.partition] = {move.partition, move.to,
                                         troupe::epoch(++version_),
                                         partition_stage::running, ""};
}

void fake_backend::set_state(const std::string& node, node_state state,
                             callback<node_command_accepted> done, bool away) {
  if (failed(done))
    return;
  std::unique_lock lock(mutex_);
  auto i = std::find_if(nodes_.begin(), nodes_.end(),
                        [&](auto& n) { return n.name == node; });
  if (i == nodes_.end()) {
    lock.unlock();
    return done(
        api_error{api_errc::unknown_node, "there is no node '" + node + "'"});
  }
  late_node_ = node;
  late_state_ = std::exchange(i->state, state);
  late_readings_ = state_delay_;
  auto left = owned(node);
  if (away)
    for (auto p : counter_.partitions)
      if (p.owner == node)
        start_move({"counter", p.partition, node, node == "n2" ? "n3" : "n2"});
  lock.unlock();
  done(node_command_accepted{node, state, left});
}

void fake_backend::drain(std::string node,
                         callback<node_command_accepted> done) {
  set_state(node, node_state::draining, std::move(done), true);
}

void fake_backend::undrain(std::string node,
                           callback<node_command_accepted> done) {
  set_state(node, node_state::up, std::move(done), false);
}

void fake_backend::restart(std::string node,
                           callback<node_command_accepted> done) {
  set_state(node, node_state::restarting, std::move(done), false);
}

event_page fake_backend::events(event_sequence sequence, std::uint64_t since,
                                std::size_t count_max) {
  return sequence == event_sequence::local
             ? local_events.after(since, count_max)
             : cluster_events.after(since, count_max);
}

std::shared_ptr<void> fake_backend::on_events(event_sequence sequence,
                                              std::function<void()> wake) {
  return sequence == event_sequence::local
             ? local_events.on_change(std::move(wake))
             : cluster_events.on_change(std::move(wake));
}

void fake_backend::fail(std::optional<api_error> error) {
  std::lock_guard guard(mutex_);
  error_ = std::move(error);
}

void fake_backend::set_health(http::health x) {
  std::lock_guard guard(mutex_);
  health_ = std::move(x);
}

void fake_backend::delay_moves(int readings) {
  std::lock_guard guard(mutex_);
  delay_ = readings;
}

void fake_backend::delay_states(int readings) {
  std::lock_guard guard(mutex_);
  state_delay_ = readings;
}

} // namespace troupe::http
