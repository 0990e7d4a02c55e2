#include <troupe/runtime/node_metrics.hpp>

#include <algorithm>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/version.hpp>

namespace troupe {

node_metrics::node_metrics(metrics::registry& to, plane_counters& messages,
                           const map_mirror& map, const node_id& self) {
  auto gauge = [&](const char* name, const char* help,
                   std::function<double()> read) {
    gauges_.push_back(to.computed(name, help, std::move(read)));
  };
  auto count = [&](const char* name, const char* help, const auto& value) {
    gauge(name, help,
          [&value] { return static_cast<double>(std::uint64_t{value}); });
  };
  count("troupe_messages_accepted", "messages that routers here took",
        messages.accepted);
  count("troupe_messages_delivered", "messages put into mailboxes here",
        messages.delivered);
  count("troupe_messages_processed", "messages that partitions here processed",
        messages.processed);
  count("troupe_messages_answered", "answers of partitions here",
        messages.answered);
  count("troupe_messages_sent", "messages sent to other nodes", messages.sent);
  count("troupe_messages_returned", "messages that other nodes gave back",
        messages.returned);
  for (auto why : {errc::malformed_message, errc::unknown_type,
                   errc::partition_out_of_range, errc::key_too_long,
                   errc::message_too_large, errc::overloaded, errc::expired,
                   errc::no_owner, errc::moved, errc::outcome_unknown,
                   errc::hop_limit, errc::stopping, errc::quarantined,
                   errc::not_owner, errc::wrong_state}) {
    auto& value = messages.dropped[static_cast<std::size_t>(why)];
    gauges_.push_back(to.computed(
        "troupe_messages_dropped", "messages that reached nobody, and why",
        [&value] { return static_cast<double>(value.load()); },
        {{"reason", std::string{to_string(why)}}}));
  }
  gauge("troupe_messages_settled",
        "of the accepted ones, those processed anywhere or dropped",
        [&messages] { return static_cast<double>(messages.settled()); });
  count("troupe_messages_unknown", "messages lost with their owner",
        messages.unknown);
  count("troupe_messages_held", "messages that wait for their partition",
        messages.held);
  count("troupe_held_bytes", "bytes of messages that wait",
        messages.held_bytes);
  gauge("troupe_map_version", "raft index the map is at",
        [&map] { return static_cast<double>(map.state().version.value); });
  gauge("troupe_leader", "1 on the node that leads", [&map, &self] {
    return map.state().leadership.leader == self ? 1.0 : 0.0;
  });
  gauge("troupe_lease_seconds", "left of the node's lease", [&map] {
    std::chrono::duration<double> left = map.state().lease_end - boot_now();
    return std::max(0.0, left.count());
  });
  gauge("troupe_degraded_seconds",
        "for so long partitions run here without a lease; 0: none does",
        [&map] {
          auto since = map.state().degraded_since;
          std::chrono::duration<double> out = boot_now() - since;
          return since == boot_time{0} ? 0.0 : out.count();
        });
  gauge("troupe_partitions_owned", "partitions of this node", [&map, &self] {
    double sum = 0;
    auto all = map.owned();
    for (auto& [region, n] : all[self])
      sum += n;
    return sum;
  });
  gauges_.push_back(
      to.computed("troupe_build_info", "1; the version is its label",
                  [] { return 1.0; }, {{"version", std::string{version()}}}));
}

} // namespace troupe
