#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include <test/catch.hpp>

#include "world.hpp"

namespace troupe::sim {

/// What a named scenario starts from: nodes 1 to n, one region "a".
struct cluster_options {
  unsigned nodes = 3;
  region_settings region = {"a", 10,    "balanced",          {},
                            {},  false, overrun_policy::wait};
  bool strict = false;
  std::uint64_t seed = 7;
  cluster_settings settings = quick_settings();
  coordinator::strategies strategies{};
  std::map<std::uint64_t, std::int64_t> drift_ppm{}; // by node
};

/// A cluster at rest, and words to act on it.
struct cluster {
  world w;

  explicit cluster(const cluster_options& from)
      : w{{from.seed, from.nodes, from.strict, from.settings, 100,
           from.strategies}} {
    w.add_region(from.region);
    for (auto& [id, ppm] : from.drift_ppm)
      w.node(id).clock().drift_ppm = ppm;
    for (auto* n : w.nodes())
      n->start();
    calm();
  }
  explicit cluster(unsigned nodes, std::uint32_t partitions = 10,
                   bool strict = false, std::uint64_t seed = 7)
      : cluster(with(nodes, partitions, strict, seed)) {}

  static cluster_options with(unsigned nodes, std::uint32_t partitions,
                              bool strict, std::uint64_t seed = 7) {
    cluster_options out;
    out.nodes = nodes;
    out.region.partitions = partitions;
    out.strict = strict;
    out.seed = seed;
    return out;
  }

  // -- what must come true ----------------------------------------------------
  void calm(boot_time bound = std::chrono::seconds{20}) {
    bool ok = w.run_until_calm(bound);
    INFO(w.reg().broken());
    INFO(w.unrest());
    REQUIRE(ok);
    w.reg().check_accounts();
    hold_promises();
  }
  void hold_promises() {
    INFO(w.reg().broken());
    REQUIRE_FALSE(w.broken());
  }
  bool until(const std::function<bool()>& pred,
             boot_time bound = std::chrono::seconds{20}) {
    return w.run_until(pred, bound);
  }
  void reach(const std::function<bool()>& pred,
             boot_time bound = std::chrono::seconds{20}) {
    bool reached = until(pred, bound);
    INFO(w.reg().broken());
    INFO(w.unrest());
    REQUIRE(reached);
  }

  // -- what the leader's map says ---------------------------------------------
  const shard_map& map() { return w.leader()->core().map(); }
  const region_record& region() { return *map().region("a"); }
  partition_key key(partition_id p) { return {region_id{1}, p}; }
  const assignment& row(partition_id p) { return region().partitions[p]; }
  node_id owner(partition_id p) { return row(p).owner; }
  bool runs(partition_id p, node_id on) {
    return w.leader() && row(p).stage == stage::running && owner(p) == on;
  }
  /// Everything runs, and not on this node.
  bool runs_without(node_id gone) {
    if (!w.leader())
      return false;
    auto& rows = region().partitions;
    return std::all_of(rows.begin(), rows.end(), [&](auto& a) {
      return a.stage == stage::running && a.owner != gone;
    });
  }
  std::map<partition_id, std::pair<node_id, epoch>> owners() {
    std::map<partition_id, std::pair<node_id, epoch>> out;
    for (partition_id p = 0; p < region().partitions.size(); ++p)
      out[p] = {row(p).owner, row(p).epoch};
    return out;
  }

  // -- who is who -------------------------------------------------------------
  sim_node& node(node_id id) { return w.node(id.value); }
  partition_id owned_by(node_id id) {
    partition_id p = 0;
    while (owner(p) != id)
      ++p;
    return p;
  }
  partition_id not_owned_by(node_id id) {
    partition_id p = 0;
    while (owner(p) == id)
      ++p;
    return p;
  }
  /// The two do not reach each other any more, until healed.
  void part(const sim_node& a, const sim_node& b) {
    w.net().cut(a.id(), b.id());
    w.net().cut(b.id(), a.id());
  }
  sim_node& other_than(node_id a, node_id b = {}, node_id c = {}) {
    for (auto* n : w.nodes())
      if (n->id() != a && n->id() != b && n->id() != c && n->alive())
        return *n;
    FAIL("no other node");
    return *w.nodes().front();
  }

  // -- users ------------------------------------------------------------------
  void send_all(std::uint32_t per_partition) {
    for (std::uint32_t i = 0; i < per_partition; ++i)
      for (partition_id p = 0; p < region().partitions.size(); ++p)
        for (auto* n : w.nodes())
          if (n->accepts())
            n->send(0, {region_id{1}, p}, boot_time{0});
  }
  void send(sim_node& from, partition_id p, std::uint32_t times = 1) {
    for (; times > 0; --times)
      from.send(0, {region_id{1}, p}, boot_time{0});
  }
  /// The node sends so often from now on, until `w` ends or it stops.
  void keep_sending(sim_node& from, partition_id p, boot_time every,
                    std::uint32_t times) {
    if (times == 0)
      return;
    if (from.accepts())
      send(from, p);
    w.time().after(every, [this, &from, p, every, times] {
      keep_sending(from, p, every, times - 1);
    });
  }
};

} // namespace troupe::sim
