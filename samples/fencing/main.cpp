// fencing node: one node of a bank whose accounts are in PostgreSQL, and whose
// owners' epochs guard them there. samples/fencing/run shows it. Ends with 0, 1
// if the node could not start or had to stop, 2 for a wrong command line.
#include <csignal>
#include <iostream>

#include <CLI/CLI.hpp>

#include "account_partition.hpp"

namespace {

troupe::node* the_node = nullptr;

extern "C" void on_signal(int number) {
  std::signal(number, SIG_DFL); // whoever says it twice does not want to wait
  if (the_node)
    the_node->request_stop(troupe::node::stop_kind::drain);
}

int report(const troupe::failure& why) {
  std::cerr << "fencing: " << troupe::to_string(why.code) << ": " << why.detail;
  if (!why.hint.empty())
    std::cerr << "\n  next: " << why.hint;
  std::cerr << "\n";
  return 1;
}

int run(troupe::node& node) {
  if (auto why = node.start())
    return report(why);
  the_node = &node;
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  std::cerr << "node " << node.name() << " is up: links on " << node.address()
            << ", http://" << node.http_address() << "/" << std::endl;
  auto end = node.wait();
  node.stop(end.how);
  the_node = nullptr;
  return end.why ? report(end.why) : 0;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Accounts in PostgreSQL, guarded by epochs", "fencing"};
  app.require_subcommand(1);
  auto* command =
      app.add_subcommand("node", "Run one node until it is stopped");
  troupe::node_options options;
  troupe::region_options region;
  store_options stored;
  std::vector<std::string> set;
  region.partitions = 16;
  command->add_option("--name", options.name, "Name, unique in the cluster")
      ->required();
  command->add_option("--listen", options.listen, "host:port for other nodes");
  command->add_option("--http", options.http, "host:port of HTTP");
  command->add_option("--data", options.data, "Data directory");
  command->add_option("--join", options.join, "host:port,... of the cluster")
      ->delimiter(',');
  command->add_option("--expect", options.expect,
                      "So many nodes of --join found the cluster together");
  command->add_option("--partitions", region.partitions,
                      "Groups of accounts; stays as it is");
  command->add_option("--set", set, "name=value, see 'troupectl settings'");
  command->add_option("--database", stored.database,
                      "As psql takes it; not given: PGHOST and so on. With "
                      "the tables of schema.sql");
  command->add_flag("!--no-fencing", stored.fencing,
                    "Write without the epoch, to see what comes of it");
  command->add_flag("--pause-before-write", stored.pause_before_write,
                    "Stop the process before a write whose Deposit asks so");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& why) {
    return app.exit(why) == 0 ? 0 : 2;
  }
  for (auto& one : set)
    if (auto why = troupe::set_setting(options, one))
      return report(why);
  stored.node = options.name;
  troupe::node node{std::move(options)};
  auto bank = node.system().spawn<caf::detached>(store, stored);
  node.spawn_region<account_partition>(
      "accounts", region, caf::actor_cast<caf::weak_actor_ptr>(bank));
  int code = run(node);
  caf::anon_send_exit(bank, caf::exit_reason::user_shutdown);
  return code;
}
