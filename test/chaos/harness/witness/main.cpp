// chaos_witness node: a node of a cluster that counts, as the sample `counter`
// does. Its partitions write down when each of their handlers ran, in a file
// that all nodes share (see run_book). With --loose there is a second region,
// "loose", of so many partitions, that keeps running without a lease.
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include <test/chaos/harness/node_main.hpp>

#include <troupe/runtime/boot_clock.hpp>

#include "counter.pb.h"

namespace {

int book = -1;

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

} // namespace

int main(int argc, char** argv) {
  troupe::chaos::node_main program{"chaos_witness"};
  std::string file;
  std::uint32_t loose = 0;
  program.sub->add_option("--book", file, "The file that all nodes share")
      ->required();
  program.sub->add_option("--loose", loose,
                          "Partitions of a region that keeps running");
  return program.run(argc, argv, [&](troupe::node& node) {
    book =
        ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    auto region = program.region;
    node.spawn_region("counter", count, region);
    region.keep_running = true;
    region.partitions = loose;
    if (loose > 0)
      node.spawn_region("loose", count, region);
  });
}
