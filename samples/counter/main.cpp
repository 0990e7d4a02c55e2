// counter node: one node of a cluster that counts. See README.md. Ends with 0,
// 1 if the node could not start or had to stop, 2 for a wrong command line.
#include <csignal>
#include <iostream>

#include <CLI/CLI.hpp>
#include <google/protobuf/stubs/common.h>

#include "counter.hpp"

namespace {

troupe::node* the_node = nullptr;

extern "C" void on_signal(int number) {
  std::signal(number, SIG_DFL); // whoever says it twice does not want to wait
  if (the_node)
    the_node->request_stop(troupe::node::stop_kind::drain);
}

int report(const troupe::failure& why) {
  std::cerr << "counter: " << troupe::to_string(why.code) << ": " << why.detail;
  if (!why.hint.empty())
    std::cerr << "\n  next: " << why.hint;
  std::cerr << "\n";
  return 1;
}

int run_node(troupe::node_options options, std::uint32_t partitions,
             const std::string& strategy) {
  troupe::node node{std::move(options)};
  troupe::region_options region;
  region.partitions = partitions;
  region.strategy = strategy;
  node.spawn_region("counter", counter_partition, region);
  the_node = &node;
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  if (auto why = node.start()) {
    the_node = nullptr;
    return report(why);
  }
  std::cerr << "node " << node.name() << " is up: links on " << node.address();
  if (!node.http_address().empty())
    std::cerr << ", http://" << node.http_address() << "/";
  std::cerr << std::endl;
  auto end = node.wait();
  if (!end.why)
    std::cerr << "node " << node.name()
              << (end.how == troupe::node::stop_kind::restart
                      ? " stops, to be started again"
                      : " drains and stops")
              << std::endl;
  node.stop(end.how);
  the_node = nullptr;
  return end.why ? report(end.why) : 0;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Counts per key, in a cluster", "counter"};
  app.require_subcommand(1);
  auto* node = app.add_subcommand("node", "Run one node until it is stopped");
  troupe::node_options options;
  std::uint32_t partitions = 64;
  std::string strategy = "balanced";
  std::string preset = "normal";
  std::vector<std::string> set;
  std::vector<std::string> labels;
  node->add_option("--name", options.name, "Name, unique in the cluster");
  node->add_option("--listen", options.listen, "host:port for other nodes");
  node->add_option("--advertise", options.advertise,
                   "host:port that other nodes dial, if not --listen");
  node->add_option("--http", options.http, "host:port of the HTTP interface");
  node->add_option("--data", options.data, "Data directory");
  node->add_option("--join", options.join, "host:port,... to find the cluster")
      ->delimiter(',');
  node->add_option("--expect", options.expect,
                   "So many nodes of --join found the cluster together");
  node->add_option("--roles", options.roles, "Roles of this node")
      ->delimiter(',');
  node->add_option("--label", labels, "key=value, repeatable");
  node->add_option("--weight", options.weight, "Capacity, 100 is normal");
  node->add_option("--partitions", partitions, "Partitions of the region");
  node->add_option("--strategy", strategy, "Placement strategy");
  node->add_option("--preset", preset, "normal, fast (for one room) or wan")
      ->check(CLI::IsMember({"normal", "fast", "wan"}));
  node->add_option("--set", set, "name=value, see 'troupectl settings'");
  node->add_option("--log", options.log,
                   "debug, info, warn, error or off; not given: info in a "
                   "cluster, warn for a node alone");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& why) {
    return app.exit(why) == 0 ? 0 : 2;
  }
  if (options.log.empty() && !options.join.empty())
    options.log = "info";
  options.settings = *troupe::settings_preset(preset);
  for (auto& one : set)
    if (auto why = troupe::set_setting(options, one))
      return report(why);
  for (auto& one : labels) {
    auto equals = one.find('=');
    if (equals == one.npos)
      return report({troupe::errc::invalid_setting,
                     "'" + one + "' is not key=value", "write zone=a"});
    options.labels[one.substr(0, equals)] = one.substr(equals + 1);
  }
  return run_node(std::move(options), partitions, strategy);
}
