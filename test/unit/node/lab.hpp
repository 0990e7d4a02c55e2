#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include <test/catch.hpp>

#include <troupe/cluster/node/node_core.hpp>
#include <troupe/cluster/raft/codec.hpp>
#include <troupe/proto/raft.pb.h>

namespace troupe {

/// Node 1 of three, which follows node 2: the test speaks for the others.
struct node_lab {
  boot_time now = std::chrono::seconds{10};
  raft::snapshot_meta start;
  std::unique_ptr<node_core> core;
  std::vector<node_effect> effects;
  std::uint64_t last = 1;
  raft::term term{2};
  bool keep_running = false; // of region "r"
  overrun_policy overrun = overrun_policy::wait;

  /// Its disk holds the map of three founders, or this one at index 1.
  explicit node_lab(const shard_map* given = nullptr,
                    incarnation started = incarnation{1}) {
    std::vector<founder> founders;
    start.index = log_index{1};
    start.term = raft::term{1};
    for (std::uint64_t id = 1; id <= 3; ++id) {
      founders.push_back({node_id{id}, "u" + std::to_string(id),
                          "n" + std::to_string(id), ""});
      start.conf.voters.push_back(node_id{id});
    }
    proto::MapSnapshot map;
    if (given)
      given->save(map);
    else
      shard_map::found("c", founders, start.index).save(map);
    node_config config;
    config.self = node_id{1};
    config.started = started;
    config.boot_id = 101;
    config.seed = 1;
    config.name = "n1";
    node_recovered disk;
    disk.log.snapshot = start;
    disk.log.hard = {raft::term{1}, {}, start.index};
    disk.snapshot =
        std::make_shared<const std::string>(map.SerializeAsString());
    core = std::make_unique<node_core>(config, disk, now);
    effects = core->take();
  }

  // -- what comes in ----------------------------------------------------------
  void say(raft::message_body body, std::uint64_t from = 2) {
    proto::RaftMessage bytes;
    raft::to_proto({node_id{from}, node_id{1}, term, std::move(body)}, bytes);
    core->receive(now, node_id{from}, frame_kind::raft,
                  bytes.SerializeAsString());
    collect();
  }
  /// The leader sends one entry, and says that it is committed.
  void append(const proto::MapEntry& what) {
    raft::append_request out;
    out.prev_index = log_index{last};
    out.prev_term = last == 1 ? raft::term{1} : term;
    raft::entry e;
    e.term = term;
    e.index = log_index{++last};
    e.body = std::make_shared<const std::string>(what.SerializeAsString());
    out.entries.push_back(e);
    out.commit = e.index;
    say(out);
  }
  void collect() {
    for (auto& effect : core->take())
      effects.push_back(std::move(effect));
  }
  /// All batches so far are on the disk.
  void persist_all() {
    for (std::size_t i = 0; i < effects.size(); ++i)
      if (auto* batch = std::get_if<persist>(&effects[i])) {
        core->persisted(now, batch->batch.id);
        collect();
      }
    std::erase_if(effects,
                  [](auto& x) { return std::holds_alternative<persist>(x); });
  }
  void run(const proto::MapEntry& what) {
    append(what);
    persist_all();
  }

  /// The map as it is here, to be changed and installed.
  shard_map copy() const {
    proto::MapSnapshot all;
    core->map().save(all);
    shard_map out;
    REQUIRE(out.restore(all));
    return out;
  }
  /// The leader sends its map as a snapshot; all of it is durable.
  void install(const shard_map& leaders) {
    proto::MapSnapshot all;
    leaders.save(all);
    auto bytes = all.SerializeAsString();
    raft::snapshot_meta meta{leaders.version(), term, start.conf};
    proto::SnapshotChunk chunk;
    raft::to_proto(meta, *chunk.mutable_meta());
    chunk.set_term(term.value);
    chunk.set_total(bytes.size());
    chunk.set_data(bytes);
    core->receive(now, node_id{2}, frame_kind::snapshot_chunk,
                  chunk.SerializeAsString());
    core->snapshot_stored(now, meta.index);
    collect();
    say(raft::snapshot_offer{meta});
    persist_all();
    REQUIRE(core->map().version() == meta.index);
    last = meta.index.value;
  }

  // -- what goes out ----------------------------------------------------------
  template <class Effect>
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::count_if(effects.begin(), effects.end(), [](auto& x) {
          return std::holds_alternative<Effect>(x);
        }));
  }
  /// Where the first effect of the kind stands.
  template <class Effect>
  std::size_t place() const {
    std::size_t i = 0;
    while (i < effects.size() && !std::holds_alternative<Effect>(effects[i]))
      ++i;
    REQUIRE(i < effects.size());
    return i;
  }
  template <class Body>
  bool said() const {
    return std::any_of(effects.begin(), effects.end(), [](auto& x) {
      auto* frame = std::get_if<send_frame>(&x);
      if (!frame || frame->kind != frame_kind::raft)
        return false;
      proto::RaftMessage bytes;
      REQUIRE(bytes.ParseFromString(frame->bytes));
      return std::holds_alternative<Body>(raft::from_proto(bytes)->body);
    });
  }

  /// Local events of this kind so far.
  std::vector<proto::Event> events(proto::EventKind kind) const {
    std::vector<proto::Event> out;
    for (auto& x : effects)
      if (auto* some = std::get_if<happened>(&x))
        for (auto& one : some->events)
          if (one.local() && one.kind() == kind)
            out.push_back(one);
    return out;
  }
  void pass(boot_time time) {
    now += time;
    core->tick(now, 0);
    collect();
  }

  // -- entries ----------------------------------------------------------------
  void up(proto::MapEntry& entry, std::uint64_t id) {
    auto& cmd = *entry.add_commands()->mutable_node_up();
    cmd.set_node(id);
    cmd.set_incarnation(1);
    cmd.set_boot_id(id * 100 + 1);
    cmd.set_weight(100);
    auto& region = *entry.add_commands()->mutable_announce_region();
    region.set_node(id);
    region.set_incarnation(1);
    region.mutable_settings()->set_name("r");
    region.mutable_settings()->set_partitions(2);
    region.mutable_settings()->set_strategy("balanced");
    region.mutable_settings()->set_keep_running(keep_running);
    region.mutable_settings()->set_overrun(static_cast<std::uint32_t>(overrun));
    region.set_hosts(true);
  }
  proto::PartitionRow& fill(proto::PartitionRow& row, partition_id p,
                            std::uint64_t node) {
    auto* a = core->map().find({region_id{1}, p});
    row.set_region(1);
    row.set_partition(p);
    row.set_epoch(a ? a->epoch.value : 0);
    row.set_node(node);
    return row;
  }
  /// Three nodes are up; partition 0 runs on node 3, partition 1 here.
  void running() {
    proto::MapEntry entry;
    for (std::uint64_t id = 1; id <= 3; ++id)
      up(entry, id);
    run(entry);
    entry.Clear();
    auto& assign = *entry.add_commands()->mutable_assign();
    fill(*assign.add_rows(), 0, 3);
    fill(*assign.add_rows(), 1, 1);
    run(entry);
    core->actor_started(now, {region_id{1}, 1},
                        core->map().find({region_id{1}, 1})->epoch);
    entry.Clear();
    auto& started = *entry.add_commands()->mutable_started();
    fill(*started.add_rows(), 0, 3);
    fill(*started.add_rows(), 1, 1);
    run(entry);
    collect();
    effects.clear();
  }
};

} // namespace troupe
