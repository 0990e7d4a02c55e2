#include <troupe/runtime/ctl/commands.hpp>

#include <troupe/cluster/map/types.hpp>

#include <troupe/runtime/ctl/failure.hpp>
#include <troupe/runtime/ctl/table.hpp>
#include <troupe/runtime/http/uri.hpp>

#include <charconv>
#include <utility>
#include <vector>

namespace troupe::ctl {

namespace {

struct region_options {
  std::string region;
  std::optional<std::uint32_t> partitions;
  std::vector<std::string> weights;
  std::vector<std::string> strategy;
  std::optional<std::uint64_t> if_version;
  bool force = false;
};

std::pair<std::string, std::string> split_pair(const std::string& text,
                                               const char* example) {
  auto equals = text.find('=');
  if (equals == 0 || equals == text.npos)
    throw failure{exit_code::usage, "'" + text + "' is no pair",
                  std::string("write for example ") + example};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

json weights_of(const region_options& options) {
  json out = json::object();
  for (auto& one : options.weights) {
    auto [partition, text] = split_pair(one, "--weight 3=200");
    std::uint32_t weight = 0;
    auto* end = text.data() + text.size();
    auto [at, error] = std::from_chars(text.data(), end, weight);
    if (error != std::errc() || at != end || weight == 0)
      throw failure{exit_code::usage, "the weight '" + text + "' is no number",
                    "write 1 to 1000000; 1 is normal"};
    out[partition] = weight;
  }
  return out;
}

std::string show_region(const json& x) {
  auto settings = x.value("settings", json::object());
  std::string hosts;
  for (auto& host : x.value("hosts", json::array()))
    hosts += (hosts.empty() ? "" : " ") + host.get<std::string>();
  auto line = [](std::string name, std::string text) {
    name.resize(13, ' ');
    return name + (text.empty() ? "-" : printable(text)) + '\n';
  };
  return line("region", text_of(x, "region"))
         + line("version", text_of(x, "version"))
         + line("partitions", text_of(settings, "partitions"))
         + line("strategy", text_of(settings, "strategy"))
         + line("roles", text_of(settings, "roles"))
         + line("keep running", text_of(settings, "keep_running"))
         + line("hosts", hosts);
}

void region(session& with, const region_options& options) {
  auto target = "/v1/regions/" + http::percent_encode(options.region);
  json body;
  if (options.partitions)
    body["partitions"] = *options.partitions;
  if (!options.weights.empty())
    body["weights"] = weights_of(options);
  if (!options.strategy.empty()) {
    body["strategy"] = options.strategy.front();
    for (auto i = options.strategy.begin() + 1; i != options.strategy.end();
         ++i) {
      auto [name, value] = split_pair(*i, "--strategy pinned 0=n1");
      body["strategy_options"][name] = value;
    }
  }
  if (body.is_null()) {
    with.record(with.get_text(target), show_region);
    return;
  }
  if (options.if_version)
    body["if_version"] = *options.if_version;
  if (options.force)
    body["force"] = true;
  auto text = with.post_text(
      target, body.dump(-1, ' ', false, json::error_handler_t::replace));
  with.record(text, [](const json& x) {
    return printable("region " + text_of(x, "region")
                     + " is as asked, from map version "
                     + text_of(x, "map_version"))
           + '\n';
  });
}

} // namespace

void add_region_commands(CLI::App& app, session& with) {
  auto options = std::make_shared<region_options>();
  auto* x =
      add_command(app, "region", "Shows a region's settings, or changes them",
                  "troupectl region counter --weight 3=200");
  x->add_option("REGION", options->region, "The region's name")->required();
  x->add_option("--partitions", options->partitions,
                "Their number; keys then belong to other partitions, and "
                "state does not follow them: only with --force once it ran")
      ->check(CLI::Range(1u, partitions_max));
  x->add_option("--weight", options->weights,
                "PARTITION=WEIGHT, repeatable; 1 is normal")
      ->expected(1)
      ->take_all();
  x->add_option("--strategy", options->strategy,
                "A strategy, and its options as NAME=VALUE")
      ->expected(1, 1000);
  x->add_option("--if-version", options->if_version,
                "Only if the region is at this version still")
      ->check(CLI::PositiveNumber);
  x->add_flag("--force", options->force,
              "Change the number of partitions though state may be lost");
  x->callback([&with, options] { region(with, *options); });
}

} // namespace troupe::ctl
