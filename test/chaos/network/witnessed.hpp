#pragma once

#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/load.hpp>
#include <test/chaos/harness/run_book.hpp>

namespace troupe::chaos {

/// The file that partitions write down their runs in.
struct book_file {
  scratch_directory scratch;
  std::string path = scratch.path() + "/book";
};

struct witnessed_options {
  std::size_t nodes = 3;
  unsigned loose = 0; // partitions of "loose", which keeps running
  std::vector<std::string> flags{};
};

/// A cluster whose nodes reach each other through a proxy, and whose partitions
/// write down when they run.
class witnessed : private book_file, public cluster {
public:
  explicit witnessed(witnessed_options options = {});

  std::vector<partition_run> runs() const { return read_runs(path); }
  std::vector<std::string> https();

  /// One that is none of these, and runs.
  counter_node& other_than(std::initializer_list<const counter_node*> some);

  /// The number of a partition that it owns.
  unsigned owned_by(counter_node& node);

  void cut(counter_node& from, counter_node& to);
  void stall(counter_node& from, counter_node& to);

  /// Nothing goes from it or to it.
  void isolate(counter_node& node);
  void heal() { net().heal(); }

  /// Every partition answers through every running node.
  bool answers();

  /// Heals, and looks until all answer. How long that took; null: longer.
  std::optional<double> healed_ms(milliseconds limit = seconds{5});

  bool ask_move(unsigned partition, counter_node& to);

  /// What the nodes show and have told, for messages of tests.
  std::string story();

  /// The load ends: nothing was lost, doubled, overtaken or run by two owners
  /// at once, and the books balance. What is wrong; empty: nothing.
  std::string unsound(load& l);
};

/// Whether `check` held at every look, until the time is over.
bool always(milliseconds length, const std::function<bool()>& check);

} // namespace troupe::chaos
