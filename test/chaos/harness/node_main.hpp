#pragma once

#include <csignal>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <troupe/troupe.hpp>

namespace troupe::chaos {

/// The main function of a program that the tests run as nodes. It takes the
/// flags of `counter_node::command`, and is drained when it is told to end.
struct node_main {
  CLI::App app;
  CLI::App* sub;
  node_options options;
  region_options region; // "counter", which the tests look at
  std::vector<std::string> set;

  explicit node_main(const std::string& program) : app{"A node", program} {
    app.require_subcommand(1);
    sub = app.add_subcommand("node", "Run one node until it is stopped");
    options.log = "info";
    sub->add_option("--name", options.name);
    sub->add_option("--listen", options.listen);
    sub->add_option("--advertise", options.advertise);
    sub->add_option("--http", options.http);
    sub->add_option("--data", options.data);
    sub->add_option("--join", options.join)->delimiter(',');
    sub->add_option("--expect", options.expect);
    sub->add_option("--partitions", region.partitions);
    sub->add_option("--set", set);
  }

  int run(int argc, char** argv, const std::function<void(node&)>& host) {
    CLI11_PARSE(app, argc, argv);
    for (auto& one : set)
      if (auto why = set_setting(options, one))
        return report(why);
    node it{options};
    host(it);
    running() = &it;
    std::signal(SIGTERM, [](int number) {
      std::signal(number, SIG_DFL);
      if (auto* one = running())
        one->request_stop(node::stop_kind::drain);
    });
    if (auto why = it.start())
      return report(why);
    auto end = it.wait();
    it.stop(end.how);
    running() = nullptr;
    return end.why ? report(end.why) : 0;
  }

private:
  static node*& running() {
    static node* one = nullptr;
    return one;
  }

  int report(const failure& why) const {
    std::cerr << app.get_name() << ": " << to_string(why.code) << ": "
              << why.detail << "\n  next: " << why.hint << std::endl;
    return 1;
  }
};

} // namespace troupe::chaos
