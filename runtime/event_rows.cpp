#include <troupe/runtime/event_rows.hpp>

#include <algorithm>
#include <cctype>

namespace troupe {

namespace {

// EVENT_KIND_PARTITION_PAUSED -> partition_paused
std::string kind_name(proto::EventKind kind) {
  auto name = proto::EventKind_Name(kind);
  constexpr std::string_view prefix = "EVENT_KIND_";
  if (name.size() > prefix.size())
    name.erase(0, prefix.size());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return name;
}

} // namespace

http::event_row to_row(const proto::Event& event) {
  http::event_row row;
  row.seq = event.seq();
  row.kind = kind_name(event.kind());
  row.time_ms = static_cast<std::int64_t>(event.time_ms());
  row.region = event.region();
  if (event.has_partition())
    row.partition = event.partition();
  row.epoch = epoch{event.epoch()};
  row.node = event.node_name();
  row.to = event.to_name();
  row.cause = event.cause();
  auto ms = [](std::uint64_t us) { return static_cast<double>(us) / 1000; };
  if (event.duration_us() > 0 || event.has_partition())
    row.duration_ms = ms(event.duration_us());
  if (event.kind() == proto::EVENT_KIND_PARTITION_STARTED)
    row.move_ms = ms(event.move_us());
  row.detail = event.text();
  if (!event.message_type().empty())
    row.more.emplace_back("message_type", event.message_type());
  return row;
}

} // namespace troupe
