// chaos_witness node: a node of a cluster that counts, as the sample `counter`
// does. Its partitions write down when each of their handlers ran, in a file
// that all nodes share (see run_book). With --loose there is a second region,
// "loose", of so many partitions, that keeps running without a lease.
#include <csignal>
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/troupe.hpp>

#include "counter.pb.h"

namespace {

troupe::node* the_node = nullptr;
int book = -1;

extern "C" void on_signal(int number) {
  std::signal(number, SIG_DFL);
  if (the_node)
    the_node->request_stop(troupe::node::stop_kind::drain);
}

struct witness_state {
  counter::State totals;
};

using witness_partition = troupe::stateful_partition<witness_state>;

// One write, so lines of several processes never mix.
void note(const witness_partition& self, troupe::boot_time begun) {
  char line[160];
  auto size = std::snprintf(line, sizeof line, "%s %u %llu %lld %lld\n",
                            self.region().c_str(), self.number(),
                            static_cast<unsigned long long>(self.epoch().value),
                            static_cast<long long>(begun.count()),
                            static_cast<long long>(troupe::boot_now().count()));
  if (::write(book, line, static_cast<std::size_t>(size)) != size)
    std::abort();
}

caf::behavior count(witness_partition* self) {
  self->on_save([=] { return self->state.totals.SerializeAsString(); });
  self->on_load([=](std::string_view bytes) {
    self->state.totals.ParseFromArray(bytes.data(),
                                      static_cast<int>(bytes.size()));
  });
  return {
      [=](const std::string& key, const counter::Add& add) {
        auto begun = troupe::boot_now();
        auto& total = (*self->state.totals.mutable_totals())[key];
        total.set_total(total.total() + add.by());
        total.set_applied(total.applied() + 1);
        note(*self, begun);
        return total;
      },
      [=](const std::string& key, const counter::Get&) {
        auto begun = troupe::boot_now();
        auto out = (*self->state.totals.mutable_totals())[key];
        note(*self, begun);
        return out;
      },
  };
}

int report(const troupe::failure& why) {
  std::cerr << "witness: " << troupe::to_string(why.code) << ": " << why.detail
            << "\n  next: " << why.hint << std::endl;
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Counts per key, and writes down when", "chaos_witness"};
  app.require_subcommand(1);
  auto* sub = app.add_subcommand("node", "Run one node until it is stopped");
  troupe::node_options options;
  options.log = "info";
  troupe::region_options region;
  std::string file;
  std::uint32_t loose = 0;
  std::vector<std::string> set;
  sub->add_option("--name", options.name);
  sub->add_option("--listen", options.listen);
  sub->add_option("--advertise", options.advertise);
  sub->add_option("--http", options.http);
  sub->add_option("--data", options.data);
  sub->add_option("--join", options.join)->delimiter(',');
  sub->add_option("--expect", options.expect);
  sub->add_option("--partitions", region.partitions);
  sub->add_option("--set", set);
  sub->add_option("--book", file, "The file that all nodes share")->required();
  sub->add_option("--loose", loose,
                  "Partitions of a region that keeps running");
  CLI11_PARSE(app, argc, argv);
  for (auto& one : set)
    if (auto why = troupe::set_setting(options, one))
      return report(why);
  book = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  troupe::node node{std::move(options)};
  node.spawn_region("counter", count, region);
  region.keep_running = true;
  region.partitions = loose;
  if (loose > 0)
    node.spawn_region("loose", count, region);
  the_node = &node;
  std::signal(SIGTERM, on_signal);
  if (auto why = node.start())
    return report(why);
  auto end = node.wait();
  node.stop(end.how);
  the_node = nullptr;
  return end.why ? report(end.why) : 0;
}
