// A region changed by command, over what its programs say.
#include <algorithm>

#include <troupe/cluster/map/apply_context.hpp>
#include <troupe/cluster/map/codec.hpp>

namespace troupe {

namespace {

std::uint32_t weight_of(std::uint32_t given) {
  return std::max(1u, given);
}

// Names what a command asks for and the region does not have: empty if nothing.
std::string change_of(const region_record& region, const region_settings& next,
                      const proto::ConfigureRegion& cmd) {
  std::string out;
  auto add = [&](const std::string& text) {
    out += (out.empty() ? "" : ", ") + text;
  };
  auto& now = region.settings;
  if (next.partitions != now.partitions)
    add(std::to_string(now.partitions) + " to "
        + std::to_string(next.partitions) + " partitions");
  if (next.strategy != now.strategy
      || next.strategy_options != now.strategy_options)
    add("strategy " + now.strategy + " to " + next.strategy);
  auto reweighted =
      std::count_if(cmd.weights().begin(), cmd.weights().end(), [&](auto& kv) {
        auto before = kv.first < region.partitions.size()
                          ? region.partitions[kv.first].weight
                          : 1;
        return weight_of(kv.second) != before;
      });
  if (reweighted > 0)
    add(std::to_string(reweighted)
        + (reweighted == 1 ? " weight" : " weights"));
  return out;
}

} // namespace

// Keys are spread over the number of partitions, so another number sends most
// keys to other partitions than those that have their state, and what is cut
// off ends with its state. Only a region that never ran takes that unforced.
command_result shard_map::on(apply_context& ctx,
                             const proto::ConfigureRegion& cmd) {
  auto found = std::find_if(regions_.begin(), regions_.end(), [&](auto& kv) {
    return kv.second.settings.name == cmd.region();
  });
  if (found == regions_.end())
    return refuse(errc::unknown_region, "no region '" + cmd.region() + "'",
                  "list the regions with 'troupectl regions'");
  auto& region = found->second;
  auto next = region.settings;
  if (cmd.partitions() != 0)
    next.partitions = cmd.partitions();
  if (!cmd.strategy().empty()) {
    next.strategy = cmd.strategy();
    next.strategy_options = {cmd.strategy_options().begin(),
                             cmd.strategy_options().end()};
  }
  if (next.partitions > partitions_max)
    return refuse(errc::invalid_setting,
                  "a region has at most " + std::to_string(partitions_max)
                      + " partitions",
                  "choose a smaller number");
  for (auto& [partition, weight] : cmd.weights())
    if (partition >= next.partitions)
      return refuse(errc::partition_out_of_range,
                    "there is no partition " + std::to_string(partition)
                        + " among " + std::to_string(next.partitions),
                    "partitions are numbered from 0");
  auto change = change_of(region, next, cmd);
  if (change.empty())
    return {}; // said before, or by somebody else
  if (cmd.expected_version() != 0
      && cmd.expected_version() != region.version.value)
    return refuse(errc::conflict,
                  "region '" + cmd.region() + "' is at version "
                      + std::to_string(region.version.value) + ", not "
                      + std::to_string(cmd.expected_version()),
                  "somebody changed it meanwhile: read it again, and repeat "
                  "the change with its version if it is still wanted");
  bool ran = std::any_of(region.partitions.begin(), region.partitions.end(),
                         [](auto& a) { return bool{a.epoch}; });
  if (next.partitions != region.settings.partitions && ran && !cmd.force())
    return refuse(errc::conflict,
                  "region '" + cmd.region() + "' has run with "
                      + std::to_string(region.settings.partitions)
                      + " partitions; with another number most keys belong to "
                        "another partition, and state does not follow them",
                  "with --force (\"force\": true) it is done: state in memory "
                  "is lost; or make a region of another name");
  if (!region.announced && next != region.settings)
    region.announced = region.settings;
  if (region.announced == next)
    region.announced.reset();
  for (auto p = next.partitions; p < region.partitions.size(); ++p)
    ctx.out.partitions.push_back({region.id, p});
  region.settings = std::move(next);
  region.partitions.resize(region.settings.partitions);
  for (auto& a : region.partitions)
    if (!a.version)
      a.version = ctx.at;
  for (auto& [partition, weight] : cmd.weights())
    region.partitions[partition].weight = weight_of(weight);
  region.version = ctx.at;
  ctx.out.regions.push_back(region.id);
  auto& event = emit(ctx, proto::EVENT_KIND_REGION_CONFIGURED);
  event.set_region(cmd.region());
  event.set_cause("asked for");
  event.set_text(change);
  return {};
}

} // namespace troupe
