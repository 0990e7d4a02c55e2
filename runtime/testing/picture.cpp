// The cluster for people.
#include <algorithm>
#include <cctype>
#include <cstdio>

#include <troupe/runtime/testing/cluster_impl.hpp>

namespace troupe::testing {

namespace {

constexpr std::size_t events_shown = 12;
constexpr std::size_t partitions_shown = 32;
constexpr std::size_t letters_shown = 5;

std::string kind_of(const event& x) {
  std::string name = proto::EventKind_Name(x.kind());
  constexpr std::string_view prefix = "EVENT_KIND_";
  if (name.size() > prefix.size())
    name.erase(0, prefix.size());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return name;
}

std::string line_of(const event& x) {
  auto out = "  " + std::to_string(x.seq()) + "  " + kind_of(x);
  if (!x.region().empty())
    out += " " + x.region();
  if (x.has_partition())
    out += " " + std::to_string(x.partition()) + " epoch "
           + std::to_string(x.epoch());
  if (!x.node_name().empty())
    out += " " + x.node_name();
  if (!x.to_name().empty())
    out += " -> " + x.to_name();
  if (!x.cause().empty())
    out += " (" + x.cause() + ")";
  return out + (x.text().empty() ? "" : ": " + x.text()) + "\n";
}

} // namespace

std::string to_text(std::chrono::nanoseconds time) {
  char out[48];
  std::snprintf(out, sizeof out, "%.3f s",
                std::chrono::duration<double>(time).count());
  return out;
}

std::string cluster::impl::picture_of(const machine& m) const {
  auto out = "  " + m.name + "  ";
  if (!m.running)
    return out + "does not run: " + m.ended + "\n";
  auto& who = *m.running;
  auto& core = who.core();
  auto role = core.leadership().role;
  out += who.paused()                    ? "paused"
         : role == raft::role::leader    ? "leader"
         : role == raft::role::candidate ? "candidate"
                                         : "follower";
  out += ", start " + std::to_string(core.config().started.value) + ", map "
         + std::to_string(core.map().version().value) + ", lease ";
  auto left = core.lease_end() - time_.now();
  out += left > boot_time{0} ? "for " + to_text(left) : "is over";
  out += ", " + std::to_string(core.host().alive()) + " partitions";
  auto& count = who.plane().counters();
  if (count.held > 0)
    out += ", holds " + std::to_string(count.held.load()) + " messages";
  if (!m.asked.empty())
    out += ", " + std::to_string(m.asked.size()) + " open requests";
  return out + "\n";
}

std::string cluster::impl::picture() const {
  auto out = "cluster at " + to_text(time_.now() - timeline::beginning)
             + ", seed " + std::to_string(options_.seed) + "\n";
  for (auto& m : machines_)
    out += picture_of(*m);
  for (auto& [a, b] : net_.cuts())
    out += "  cut: " + machines_[index_of(a)]->name + " and "
           + machines_[index_of(b)]->name + "\n";
  if (auto* map = newest_map())
    for (auto& [id, region] : map->regions()) {
      out += "region " + region.settings.name + "\n";
      std::size_t shown = 0;
      for (partition_id p = 0; p < region.partitions.size(); ++p) {
        auto& a = region.partitions[p];
        // What is not as usual is always shown.
        if (a.stage == stage::running && ++shown > partitions_shown)
          continue;
        out += "  " + std::to_string(p) + " " + std::string{to_string(a.stage)};
        if (a.owner)
          out += " on " + map->name_of(a.owner) + " epoch "
                 + std::to_string(a.epoch.value);
        if (a.stage == stage::pausing)
          out += " -> " + map->name_of(a.target);
        if (a.quarantined)
          out += ", quarantined: " + a.failure;
        out += "\n";
      }
      if (shown > partitions_shown)
        out += "  " + std::to_string(shown - partitions_shown)
               + " more are running\n";
    }
  if (!events_.empty())
    out += "last events\n";
  auto from = events_.size() - std::min(events_.size(), events_shown);
  for (auto i = from; i < events_.size(); ++i)
    out += line_of(events_[i]);
  if (!letters_.empty())
    out += std::to_string(letters_.size()) + " dead letters\n";
  from = letters_.size() - std::min(letters_.size(), letters_shown);
  for (auto i = from; i < letters_.size(); ++i) {
    auto& x = letters_[i];
    out += "  " + to_text(x.at) + "  " + x.what.region + " '" + x.what.key
           + "' by n" + std::to_string(x.node) + ": "
           + std::string{to_string(x.what.why)} + "\n";
  }
  return out;
}

} // namespace troupe::testing
