#pragma once

#include <string>
#include <utility>
#include <vector>

#include <test/catch.hpp>

#include <troupe/cluster/coordinator/coordinator.hpp>

/// A leader and the map it decides from. Nothing happens by itself: a test
/// takes each entry and applies it, and says what nodes report.
struct coordinator_lab {
  using settings_type = troupe::cluster_settings;

  troupe::coordinator leader;
  troupe::shard_map map;
  troupe::raft::configuration members;
  troupe::boot_time now = std::chrono::seconds{100};
  std::uint64_t at = 1;
  std::vector<troupe::proto::Event> events;

  explicit coordinator_lab(std::uint64_t nodes, std::uint32_t partitions = 6,
                           settings_type settings = {},
                           troupe::coordinator::strategies strategies = {},
                           const std::string& strategy = "balanced",
                           troupe::overrun_policy overrun = {})
      : leader{settings, std::move(strategies)} {
    std::vector<troupe::founder> founders;
    for (std::uint64_t id = 1; id <= nodes; ++id) {
      founders.push_back({troupe::node_id{id}, "u" + std::to_string(id),
                          "n" + std::to_string(id), ""});
      members.voters.push_back(troupe::node_id{id});
    }
    map = troupe::shard_map::found("c", founders, troupe::log_index{1});
    leader.lead(now, now, map);
    troupe::proto::MapEntry entry;
    for (std::uint64_t id = 1; id <= nodes; ++id)
      add_up(entry, id);
    for (std::uint64_t id = 1; id <= nodes; ++id)
      add_host(entry, id, partitions, strategy);
    for (auto& command : *entry.mutable_commands())
      if (command.has_announce_region())
        command.mutable_announce_region()->mutable_settings()->set_overrun(
            static_cast<std::uint32_t>(overrun));
    apply(entry);
  }

  // -- entries ----------------------------------------------------------------
  static void add_up(troupe::proto::MapEntry& entry, std::uint64_t id,
                     std::uint64_t started = 1) {
    auto& up = *entry.add_commands()->mutable_node_up();
    up.set_node(id);
    up.set_incarnation(started);
    up.set_boot_id(id * 100 + started);
    up.set_weight(100);
  }
  static void add_host(troupe::proto::MapEntry& entry, std::uint64_t id,
                       std::uint32_t partitions, const std::string& strategy,
                       std::uint64_t started = 1) {
    auto& cmd = *entry.add_commands()->mutable_announce_region();
    cmd.set_node(id);
    cmd.set_incarnation(started);
    cmd.mutable_settings()->set_name("r");
    cmd.mutable_settings()->set_partitions(partitions);
    cmd.mutable_settings()->set_strategy(strategy);
    cmd.set_hosts(true);
  }
  troupe::applied apply(const troupe::proto::MapEntry& entry) {
    auto out = map.apply(troupe::log_index{++at}, entry);
    events.insert(events.end(), out.events.begin(), out.events.end());
    leader.applied(now, out, map);
    return out;
  }
  std::optional<troupe::proposal> next() {
    return leader.next(now, 0, map, members);
  }
  bool idle() { return !next(); }
  /// Takes the next entry and applies it.
  troupe::proposal step() {
    auto out = next();
    REQUIRE(out);
    leader.done(*out, troupe::log_index{at + 1}, apply(out->entry).results);
    return std::move(*out);
  }

  // -- time and reports -------------------------------------------------------
  /// All nodes that are up say that they have nothing to say, again and again.
  void pass(troupe::boot_time span) {
    constexpr auto beat = std::chrono::milliseconds{50};
    for (; span > beat; span -= beat) {
      now += beat;
      hear_all();
    }
    now += span;
    hear_all();
  }
  void hear_all() {
    for (auto& [id, node] : map.nodes())
      if (node.liveness == troupe::liveness::up && silent != id)
        hear(id);
  }
  void hear(troupe::node_id id, const troupe::proto::Facts& facts = {}) {
    leader.heard(now, id, map.node(id)->incarnation, map.version(), facts, map);
  }
  void fill(troupe::proto::PartitionRow& to, troupe::partition_id p) {
    to.set_region(1);
    to.set_partition(p);
    to.set_epoch(row(p).epoch.value);
  }
  void say_started(troupe::partition_id p) {
    troupe::proto::Facts facts;
    fill(*facts.add_started(), p);
    hear(row(p).owner, facts);
  }
  void say_confirmed(troupe::partition_id p) {
    troupe::proto::Facts facts;
    fill(*facts.add_confirmed(), p);
    hear(row(p).owner, facts);
  }
  void say_failed(troupe::partition_id p, const std::string& why) {
    troupe::proto::Facts facts;
    fill(*facts.add_failed(), p);
    facts.mutable_failed(0)->set_text(why);
    hear(row(p).owner, facts);
  }
  /// The owner gives up waiting for the state.
  void say_unstarted(troupe::partition_id p) {
    troupe::proto::Facts facts;
    fill(*facts.add_failed(), p);
    facts.mutable_failed(0)->set_unstarted(true);
    hear(row(p).owner, facts);
  }
  void say_holding(troupe::node_id id, troupe::partition_id p) {
    troupe::proto::Facts facts;
    fill(*facts.add_holding(), p);
    hear(id, facts);
  }
  /// All partitions have owners and run, and nothing is left to do.
  void run() {
    for (int i = 0; i < 40; ++i) {
      pass(std::chrono::milliseconds{50});
      for (troupe::partition_id p = 0; p < rows().size(); ++p) {
        if (row(p).stage == troupe::stage::starting)
          say_started(p);
        else if (row(p).stage == troupe::stage::pausing)
          say_confirmed(p);
      }
      while (auto more = next())
        leader.done(*more, troupe::log_index{at + 1},
                    apply(more->entry).results);
    }
    for (auto& a : rows())
      REQUIRE(a.stage == troupe::stage::running);
  }

  // -- requests ---------------------------------------------------------------
  void move(troupe::partition_id p, std::uint64_t to, std::uint64_t id = 77) {
    troupe::proto::CommandRequest what;
    what.mutable_move()->set_region("r");
    what.mutable_move()->set_partition(p);
    what.mutable_move()->set_to("n" + std::to_string(to));
    leader.request(now, {troupe::node_id{1}, id}, what, map);
  }
  void intend(std::uint64_t node, troupe::proto::Intent intent) {
    troupe::proto::MapEntry entry;
    auto& cmd = *entry.add_commands()->mutable_set_intent();
    cmd.set_node(node);
    cmd.set_intent(intent);
    apply(entry);
  }
  troupe::errc answer() {
    auto all = leader.take_answers();
    REQUIRE(all.size() == 1);
    return static_cast<troupe::errc>(all[0].reply.code());
  }

  const std::vector<troupe::assignment>& rows() {
    return map.region("r")->partitions;
  }
  const troupe::assignment& row(troupe::partition_id p) { return rows()[p]; }
  troupe::partition_id owned_by(std::uint64_t id) {
    troupe::partition_id p = 0;
    while (row(p).owner != troupe::node_id{id})
      ++p;
    return p;
  }
  /// How many commands of the entry are of this case.
  static int count(const troupe::proposal& what,
                   troupe::proto::MapCommand::CommandCase of) {
    int n = 0;
    for (auto& command : what.entry.commands())
      n += command.command_case() == of;
    return n;
  }

  troupe::node_id silent; // says nothing
};
