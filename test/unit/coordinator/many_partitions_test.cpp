// Regions of more partitions than one entry, one heartbeat, or one plan's worth
// of moves can hold. Here "many" is 40.
#include "words.hpp"

namespace troupe {
namespace {

using lab = coordinator_lab;
using namespace std::chrono_literals;

constexpr std::uint32_t many = 40;
constexpr int per_entry = 5;
constexpr int at_once = 8;

cluster_settings narrow() {
  cluster_settings out;
  out.entry_partitions_max = per_entry;
  out.starts_max = at_once;
  out.moves_max = 2;
  return out;
}

/// As "balanced", and counts how often it is asked.
struct counted {
  std::shared_ptr<int> calls = std::make_shared<int>(0);

  coordinator::strategies strategies() const {
    auto made = make_strategy("balanced");
    auto inner = std::get<placement_strategy_ptr>(made);
    auto outer = make_strategy("counted", [n = calls, inner](auto& in) {
      ++*n;
      return inner->place(in);
    });
    return {{"counted", std::get<placement_strategy_ptr>(outer)}};
  }
};

int rows_of(const proposal& what) {
  int n = 0;
  for (auto& one : what.entry.commands())
    n += one.assign().rows_size() + one.pause().rows_size()
         + one.started().rows_size() + one.failed().rows_size();
  return n;
}

int count_of(lab& l, stage at) {
  return static_cast<int>(
      std::count_if(l.rows().begin(), l.rows().end(),
                    [&](auto& a) { return a.stage == at; }));
}

/// All that starts has started, all that pauses is confirmed: each node says
/// everything in one heartbeat, as often as it takes.
void report(lab& l) {
  for (auto& [id, node] : l.map.nodes()) {
    proto::Facts facts;
    for (partition_id p = 0; p < l.rows().size(); ++p)
      if (l.row(p).owner != id)
        continue;
      else if (l.row(p).stage == stage::starting)
        l.fill(*facts.add_started(), p);
      else if (l.row(p).stage == stage::pausing)
        l.fill(*facts.add_confirmed(), p);
    l.hear(id, facts);
  }
}

} // namespace

TEST_CASE("coordinator: an entry names no more partitions than it may, and no "
          "more start at a time than may",
          "[unit][coordinator]") {
  counted ask;
  lab l{3, many, narrow(), ask.strategies(), "counted"};
  int entries = 0;
  while (count_of(l, stage::running) < static_cast<int>(many)) {
    while (auto next = l.next()) {
      CHECK(rows_of(*next) <= per_entry);
      l.leader.done(*next, log_index{l.at + 1}, l.apply(next->entry).results);
      CHECK(count_of(l, stage::starting) <= at_once);
      REQUIRE(++entries < 100);
    }
    report(l);
  }
  CHECK(entries >= static_cast<int>(2 * many) / per_entry);
  // One for the owners, one to see that nothing is left to be balanced.
  CHECK(*ask.calls <= 2);
  std::map<node_id, int> owned;
  for (auto& a : l.rows())
    ++owned[a.owner];
  for (auto& [id, n] : owned)
    CHECK(n >= static_cast<int>(many) / 3);
}

TEST_CASE("coordinator: a plan is carried out as it was made, and a second one "
          "finds nothing left to do",
          "[unit][coordinator]") {
  counted ask;
  auto settings = narrow();
  lab l{2, many, settings, ask.strategies(), "counted"};
  l.run();
  *ask.calls = 0;
  l.intend(1, proto::INTENT_DRAIN);
  int moves = 0;
  auto drained = [&] {
    return std::none_of(l.rows().begin(), l.rows().end(),
                        [](auto& a) { return a.owner == node_id{1}; });
  };
  for (int i = 0; i < 200 && !drained(); ++i) {
    while (auto next = l.next()) {
      for (auto& one : next->entry.commands())
        moves += one.pause().rows_size();
      l.leader.done(*next, log_index{l.at + 1}, l.apply(next->entry).results);
      CHECK(count_of(l, stage::pausing) <= 2);
    }
    report(l);
  }
  REQUIRE(drained());
  CHECK(moves == static_cast<int>(many) / 2);
  all(l);
  report(l);
  all(l);
  CHECK(l.idle());
  CHECK(*ask.calls <= 2);
}

TEST_CASE("coordinator: a plan is given up when something else happens",
          "[unit][coordinator]") {
  counted ask;
  lab l{3, many, narrow(), ask.strategies(), "counted"};
  l.run();
  l.intend(1, proto::INTENT_DRAIN);
  l.step();
  auto before = *ask.calls;
  auto last = [&] {
    partition_id p = many - 1;
    while (l.row(p).owner != node_id{1} || l.row(p).stage != stage::running)
      --p;
    return p;
  };
  SECTION("a node goes") {
    l.silent = node_id{2};
    l.apply(down(l, 2));
    auto next = l.step();
    for (auto& one : next.entry.commands()) {
      for (auto& row : one.assign().rows())
        CHECK(row.node() != 2);
      for (auto& row : one.pause().rows())
        CHECK(row.node() != 2);
    }
    l.run();
    CHECK(*ask.calls > before);
    for (auto& a : l.rows())
      CHECK(a.owner == node_id{3});
  }
  SECTION("a node asks to be let go") {
    ask_to_leave(l, 2);
    report(l);
    auto next = l.step();
    for (auto& one : next.entry.commands())
      for (auto& row : one.pause().rows())
        CHECK(row.node() != 2);
    CHECK(*ask.calls > before);
  }
  SECTION("somebody moves a partition elsewhere than planned") {
    auto p = last();
    report(l);
    l.move(p, 2);
    l.step();
    auto to = l.row(p).target;
    CHECK(to == node_id{2});
    l.leader.take_answers();
    // It is moved once, and to where it was said.
    l.run();
    CHECK(l.row(p).owner == node_id{2});
  }
}

TEST_CASE("coordinator: what loses its owner is given another while the plan's "
          "moves go on",
          "[unit][coordinator]") {
  lab l{2, many, narrow()};
  l.run();
  auto p = l.owned_by(2);
  l.intend(1, proto::INTENT_DRAIN);
  l.step();
  l.say_failed(p, "not today");
  l.step();
  REQUIRE(l.row(p).stage == stage::unassigned);
  l.step();
  CHECK(l.row(p).stage == stage::starting);
}

TEST_CASE("coordinator: a restart stops more partitions than an entry names",
          "[unit][coordinator]") {
  lab l{2, many, narrow()};
  l.run();
  l.intend(1, proto::INTENT_RESTART);
  int entries = 0;
  while (auto next = l.next()) {
    CHECK(rows_of(*next) <= per_entry);
    l.leader.done(*next, log_index{l.at + 1}, l.apply(next->entry).results);
    REQUIRE(++entries < 50);
  }
  for (auto& a : l.rows())
    CHECK((a.owner == node_id{1} ? a.stage == stage::pausing
                                 : a.stage == stage::running));
}

TEST_CASE("coordinator: what waits for a restart does not keep others from "
          "their owners",
          "[unit][coordinator]") {
  lab l{3, many, narrow()};
  l.run();
  l.intend(1, proto::INTENT_RESTART);
  all(l);
  REQUIRE(count_of(l, stage::pausing) > at_once);
  auto p = l.owned_by(2);
  l.say_failed(p, "not today");
  l.step();
  REQUIRE(l.row(p).stage == stage::unassigned);
  l.step();
  CHECK(l.row(p).stage == stage::starting);
}

TEST_CASE("coordinator: facts that an entry has no room for are in the next",
          "[unit][coordinator]") {
  auto settings = narrow();
  settings.starts_max = many;
  lab l{1, many, settings};
  while (count_of(l, stage::starting) < static_cast<int>(many))
    l.step();
  report(l);
  int entries = 0;
  while (auto next = l.next()) {
    l.leader.done(*next, log_index{l.at + 1}, l.apply(next->entry).results);
    REQUIRE(++entries < 50);
  }
  CHECK(entries == static_cast<int>(many) / per_entry);
  CHECK(count_of(l, stage::running) == static_cast<int>(many));
}

TEST_CASE("coordinator: a request waits when the entry is full",
          "[unit][coordinator]") {
  lab l{2, many, narrow()};
  l.run();
  auto p = l.owned_by(1);
  for (partition_id i = 0, asked = 0; asked < per_entry + 2; ++i)
    if (l.row(i).owner == node_id{1}) {
      l.move(i, 2, 100 + i);
      ++asked;
    }
  auto first = l.step();
  CHECK(rows_of(first) == per_entry);
  auto second = l.step();
  CHECK(rows_of(second) == 2);
  for (auto& one : l.leader.take_answers())
    CHECK(static_cast<errc>(one.reply.code()) == errc::none);
  CHECK(l.row(p).stage == stage::pausing);
}

} // namespace troupe
